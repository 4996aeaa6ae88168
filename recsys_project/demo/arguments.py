"""What ``./bin/demo`` takes, and what it looks at before anything is installed or imported.

``bin/demo`` runs this file by its path with whatever Python there is, so it uses the standard library alone and imports
nothing of the project.
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
    """There is nothing where the data or the metadata should be."""


class PortError(Exception):
    """The site cannot have the port; the message says why and what to do."""


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; ends the process for ``--help`` (0) and for what makes no sense (2)."""
    parser = argparse.ArgumentParser(
        prog="./bin/demo",
        description="The whole system on this machine, with real MovieLens ratings. What an earlier run imported and"
        " trained is kept and used again.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--data", type=Path, metavar="PATH", help="a MovieLens archive or folder (default: what stands, else fetched)"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="first remove what stands: the database, the cache and the models"
    )
    parser.add_argument("--metadata", type=Path, metavar="PATH", help="a file for import_metadata, imported as well")
    parser.add_argument(
        "--port", type=_port, metavar="N", help=f"the web port (default: the first free one from {FIRST_PORT})"
    )
    parser.add_argument("--check", action="store_true", help="call the API as a client would, then stop everything")
    parser.add_argument("--stop", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def choose_port(wanted: int | None) -> int:
    """The wanted port, or the first free one from FIRST_PORT on. Raises PortError when it cannot be had."""
    if wanted is not None:
        if reason := why_not(wanted):
            raise PortError(f"{reason} Choose another with --port N.")
        return wanted
    for port in range(FIRST_PORT, LAST_PORT + 1):
        if not why_not(port):
            return port
    raise PortError(f"No port from {FIRST_PORT} to {LAST_PORT} is free. Choose one with --port N.")


def check_paths(arguments: argparse.Namespace) -> None:
    """Raises PathError when the data or the metadata that were named are not there."""
    for option, path in (("data", arguments.data), ("metadata", arguments.metadata)):
        if path and not path.exists():
            raise PathError(f"--{option} {path}: there is no such file or folder.")


def why_not(port: int) -> str:
    """Why nothing can listen on ``port`` of this machine; empty if something can."""
    # Clients that are told "localhost" may try its IPv6 address first, and would reach whoever listens there.
    for family, host in ((socket.AF_INET, HOST), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        except PermissionError:
            return f"Port {port} needs rights that you do not have; those from 1024 on need none."
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
    """The sockets that listen on ``port``, by Linux' numbers; none where it does not tell."""
    found = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found


def _who_listens(port: int) -> str:
    """Which process listens, in words; empty where it cannot be seen, as that of another user."""
    wanted = {f"socket:[{number}]" for number in _listeners(port)}
    for process in Path("/proc").glob("[0-9]*") if wanted else ():
        with contextlib.suppress(OSError):
            if any(str(handle.readlink()) in wanted for handle in (process / "fd").iterdir()):
                return f"process {process.name} ({(process / 'comm').read_text().strip()})"
    return ""


def main() -> int:
    """What ``bin/demo`` asks before it makes the environment: 0 to go on."""
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
