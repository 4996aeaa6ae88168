"""Where the embedded services listen: computed from the checkout's path alone, so every process agrees."""

import os
from pathlib import Path
from urllib.parse import quote

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent


def var_dir() -> Path:
    """The folder of everything the project writes at run time; ``RECSYS_VAR`` moves it."""
    return Path(os.environ.get("RECSYS_VAR", PROJECT_DIR / "var")).resolve()


def database_url(name: str = "recsys") -> str:
    """The address of the embedded PostgreSQL's Unix socket."""
    return f"postgresql://postgres@/{name}?host={quote(str(var_dir() / 'postgres'), safe='/')}"


def redis_url(db: int = 0) -> str:
    """The address of the embedded Valkey's Unix socket, as redis-py reads it."""
    return f"unix://{var_dir() / 'valkey' / 'valkey.sock'}?db={db}"
