"""Secrets of a single machine: created once and stored under ``var/``, readable by the owner only."""

import json
import os
import secrets
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def local_secret(path: Path, name: str) -> str:
    """The secret ``name`` in the JSON file ``path``, which is created with all secrets on first use.

    Raises ImproperlyConfigured naming the file if it cannot be read or created.
    """
    try:
        if not path.exists():
            _make(path)
        value = json.loads(path.read_text()).get(name)
    except (OSError, ValueError, AttributeError) as error:
        raise ImproperlyConfigured(f"{path} cannot be used: {error}. Set {name}, or remove the file.") from error
    if not isinstance(value, str) or not value:
        raise ImproperlyConfigured(f"{path} holds no {name}: set {name}, or remove the file.")
    return value


def _make(path: Path) -> None:
    """Creates the file atomically, so that processes that start at once all read the same secrets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {name: secrets.token_urlsafe(50) for name in ("SECRET_KEY", "JWT_SIGNING_KEY")}
    # mkstemp creates files that only their owner can read.
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=".secrets-")
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(content, file, indent=2)
        os.link(partial, path)
    except FileExistsError:
        pass
    finally:
        Path(partial).unlink()
