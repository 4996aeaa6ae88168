#!/usr/bin/env python
"""Django's command line: ``./bin/manage`` runs it with the environment and the services up."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings.local")
    # Imported here: the settings module must be named first.
    from django.core.management import execute_from_command_line  # noqa: PLC0415
    from django.db import OperationalError  # noqa: PLC0415

    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        if os.environ.get("DATABASE_URL") or ("No such file" not in str(error) and "refused" not in str(error)):
            raise
        sys.exit("PostgreSQL is not running. ./bin/manage starts the services and then runs the same command.")


if __name__ == "__main__":
    main()
