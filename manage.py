#!/usr/bin/env python
"""Django's command line: ``./bin/manage`` runs it with the environment and the services up."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings.local")
    # Imported here: the settings module must be named first.
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
