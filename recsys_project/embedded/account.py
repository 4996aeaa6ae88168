"""The system account of the embedded services, and the options that start a process as this account."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys_project.embedded import addresses
from recsys_project.embedded.errors import EmbeddedServiceError

_USERADD_OPTIONS = (
    "--system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Account:
    """The account that runs the servers; ``other`` is True if it differs from that of this process."""

    uid: int
    gid: int
    other: bool

    def popen_options(self, cwd: Path) -> dict[str, Any]:
        """Keyword arguments of ``subprocess`` that start a process as this account, with a clean environment.

        The caller's environment is not inherited, since variables such as PGDATA or LC_ALL would change a server.
        """
        options: dict[str, Any] = {
            "cwd": cwd,
            "env": {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            "umask": 0o077,
            "stdin": subprocess.DEVNULL,
        }
        if self.other:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return options

    def make_folder(self, path: Path) -> None:
        """Creates ``path`` as a private folder of this account; an existing one must belong to it already."""
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            self._check_folder(path)
            return
        path.chmod(0o700)
        if self.other:
            os.chown(path, self.uid, self.gid)

    def _check_folder(self, path: Path) -> None:
        found = path.lstat()
        if path.is_symlink() or not path.is_dir() or found.st_uid != self.uid:
            owner = _user_name(found.st_uid)
            raise EmbeddedServiceError(
                f"{path} belongs to {owner}, and the services would run as {_user_name(self.uid)}. "
                f"Run as {owner}, or set RECSYS_VAR to a folder of your own."
            )


def service_account() -> Account:
    """The account that runs the services.

    It is the current user, unless that is root: then it is the owner of the existing data, else a system user, which is
    created if needed. Raises EmbeddedServiceError if the system user cannot be created.
    """
    uid = os.geteuid()
    if uid != 0:
        return Account(uid, os.getegid(), other=False)
    owner = addresses.data_owner()
    entry = pwd.getpwuid(owner) if owner else _system_user()
    return Account(entry.pw_uid, entry.pw_gid, other=True)


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(addresses.SERVICE_USER)
    except KeyError:
        pass
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin")
    if useradd is None:
        raise EmbeddedServiceError(
            f"PostgreSQL does not run as root, and there is no useradd here. Make a system user named "
            f"{addresses.SERVICE_USER}, or run as an ordinary user."
        )
    made = subprocess.run(  # noqa: S603 -- fixed arguments.
        [useradd, *_USERADD_OPTIONS, addresses.SERVICE_USER],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        # Another checkout may have created it in between, so the lookup decides, not the exit status.
        return pwd.getpwnam(addresses.SERVICE_USER)
    except KeyError:
        raise EmbeddedServiceError(
            f"The system user {addresses.SERVICE_USER} cannot be made: {made.stderr.strip()}"
        ) from None


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
