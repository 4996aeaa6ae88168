#!/usr/bin/env python
"""Django's command line, which ``./bin/manage`` runs in the environment with the services started."""

import os
import socket
import sys

from recsys_project.doctor.report import report_unconfigured
from recsys_project.embedded import addresses


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings.local")
    # Imported here, after the settings module is set.
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
    from django.core.management import execute_from_command_line  # noqa: PLC0415
    from django.db import OperationalError  # noqa: PLC0415

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # An error of the operator: a traceback would hide the message that says what to set.
        if "--traceback" in sys.argv:
            raise
        if sys.argv[1:2] == ["doctor"]:
            sys.exit(report_unconfigured(error, machine="--json" in sys.argv))
        sys.exit(f"{error}")
    except OperationalError:
        if os.environ.get("DATABASE_URL") or _postgres_listens():
            raise
        sys.exit("PostgreSQL is not running. ./bin/manage starts the services and then runs the same command.")


def _postgres_listens() -> bool:
    """Whether the embedded PostgreSQL accepts connections; the pool's error does not say why it failed."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(addresses.socket_dir() / addresses.POSTGRES_SOCKET))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    main()
