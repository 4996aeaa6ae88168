"""Secrets of a single machine: made once, kept under ``var/`` for its owner alone, and the same ever after."""

import json
import os
import secrets
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def local_secret(path: Path, name: str) -> str:
    """The secret called ``name`` in the JSON file ``path``, which is made with all of them on first use.

    Raises ImproperlyConfigured when the file cannot be read or made, naming it.
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
    """Write the file whole, so that of several processes starting at once all read what the first one wrote."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {name: secrets.token_urlsafe(50) for name in ("SECRET_KEY", "JWT_SIGNING_KEY")}
    # mkstemp makes files that only their owner can read.
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=".secrets-")
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(content, file, indent=2)
        os.link(partial, path)
    except FileExistsError:
        pass
    finally:
        Path(partial).unlink()
