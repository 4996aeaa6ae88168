"""``python -m recsys_project.embedded start|stop|status``: the embedded services from the command line."""

import argparse
import os
import sys

from recsys_project.embedded import addresses, owner
from recsys_project.embedded.errors import EmbeddedServiceError


def main() -> int:
    """Runs one action. Returns 0 on success (for status: if all needed services run), 1 on errors, 3 for stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m recsys_project.embedded",
        description="Starts, stops or checks the embedded PostgreSQL and Valkey.",
    )
    parser.add_argument("action", choices=["start", "stop", "status"])
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    arguments = parser.parse_args()
    action = {"start": _start, "stop": _stop, "status": _status}[arguments.action]
    try:
        return action(quiet=arguments.quiet)
    except (EmbeddedServiceError, PermissionError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _start(*, quiet: bool) -> int:
    started = owner.start()
    if not quiet or started:
        _say(f"Started: {', '.join(started)}." if started else "The services were running.")
        _say_where()
    return 0


def _stop(*, quiet: bool) -> int:
    stopped = owner.stop()
    if not quiet:
        _say(f"Stopped: {', '.join(stopped)}." if stopped else "No service was running.")
    return 0


def _status(*, quiet: bool) -> int:
    running = owner.status()
    if not quiet:
        for name, runs in running.items():
            _say(f"{name}: {'running' if runs else 'stopped'}")
        _say_where()
    return 0 if all(running[name] for name in owner.needed_services()) else 3


def _say_where() -> None:
    data = addresses.data_dir()
    reason = ""
    if os.geteuid() == 0 and data != addresses.var_dir():
        reason = f" (the system user {addresses.SERVICE_USER} cannot get into {addresses.var_dir()})"
    _say(f"Data: {data}{reason}; sockets: {addresses.socket_dir()}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
