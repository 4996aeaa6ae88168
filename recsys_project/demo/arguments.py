"""The options of ``./bin/demo``, which are checked before anything is installed or imported.

``bin/demo`` runs this file by its path with any Python, so it imports only the standard library and nothing of the
project.
"""

import argparse
import contextlib
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

HOST = "127.0.0.1"
FIRST_PORT, LAST_PORT = 8000, 8099
_LISTENING = "0A"


class PathError(Exception):
    """The path of the data or the metadata does not exist."""


class PortError(Exception):
    """The port cannot be used; the message says why and what to do."""


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses the options. Exits for ``--help`` (0) and for invalid options (2)."""
    parser = argparse.ArgumentParser(
        prog="./bin/demo",
        description="Runs the whole system on this machine, with real MovieLens ratings. Reuses the data and the model"
        " of an earlier run.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="a MovieLens archive or folder (default: existing data, or a download)",
    )
    parser.add_argument("--fresh", action="store_true", help="first remove the existing database, cache and models")
    parser.add_argument("--metadata", type=Path, metavar="PATH", help="a metadata file, imported with import_metadata")
    parser.add_argument(
        "--port", type=_port, metavar="N", help=f"the web port (default: the first free one from {FIRST_PORT})"
    )
    parser.add_argument("--check", action="store_true", help="call the API as a client would, then stop everything")
    parser.add_argument("--stop", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def choose_port(requested: int | None) -> int:
    """The requested port, or the first free one from FIRST_PORT on. Raises PortError if it cannot be used."""
    if requested is not None:
        if reason := port_problem(requested):
            raise PortError(f"{reason} Choose another with --port N.")
        return requested
    for port in range(FIRST_PORT, LAST_PORT + 1):
        if not port_problem(port):
            return port
    raise PortError(f"No port from {FIRST_PORT} to {LAST_PORT} is free. Choose one with --port N.")


def check_paths(arguments: argparse.Namespace) -> None:
    """Raises PathError if the path of the data or the metadata does not exist."""
    for option, path in (("data", arguments.data), ("metadata", arguments.metadata)):
        if path and not path.exists():
            raise PathError(f"--{option} {path}: there is no such file or folder.")


def port_problem(port: int) -> str:
    """Why the site cannot listen on ``port`` of this machine; empty if it can."""
    # Clients of "localhost" may try the IPv6 address first, and would reach another server that listens there.
    for family, host in ((socket.AF_INET, HOST), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        except PermissionError:
            return f"Port {port} requires privileges that you do not have; ports from 1024 on do not."
        except OSError:
            if family == socket.AF_INET6 and not _listeners(port):
                continue  # A machine without IPv6.
            who = _who_listens(port)
            return f"Port {port} is taken{f' by {who}' if who else ''}."
    return ""


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 1 to 65535")
    return int(text)


def _listeners(port: int) -> set[str]:
    """The inodes of the sockets that listen on ``port``, from /proc; empty without /proc."""
    found = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found


def _who_listens(port: int) -> str:
    """Describes the process that listens; empty if it is not visible, as one of another user."""
    requested = {f"socket:[{number}]" for number in _listeners(port)}
    for process in Path("/proc").glob("[0-9]*") if requested else ():
        with contextlib.suppress(OSError):
            if any(str(handle.readlink()) in requested for handle in (process / "fd").iterdir()):
                return f"process {process.name} ({(process / 'comm').read_text().strip()})"
    return ""


def main() -> int:
    """Checks the options before ``bin/demo`` creates the environment; 0 if they are valid."""
    arguments = parse()
    try:
        if not arguments.stop:
            choose_port(arguments.port)
            check_paths(arguments)
    except (PortError, PathError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
