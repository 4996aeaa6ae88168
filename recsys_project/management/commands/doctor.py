"""``manage.py doctor``: says what is wrong with this installation, and what to do."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from recsys_project.doctor.examination import examine, exit_status
from recsys_project.doctor.findings import Level
from recsys_project.doctor.report import as_json, as_text, summary


class Command(BaseCommand):
    help = (
        "Look at configuration, services, versions, migrations, model, queues, disk, clocks, search and backups. "
        "Exit status: 0 nothing is wrong, 1 warnings, 2 problems."
    )
    # They are among what is checked: an error must not end the command before.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print all findings as one JSON object")
        parser.add_argument("--quiet", action="store_true", help="print warnings and problems only, as for cron")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = []
        for finding in examine():
            findings.append(finding)
            wrong = finding.level in (Level.WARNING, Level.PROBLEM)
            if not options["json"] and (wrong or not options["quiet"]):
                self.stdout.write(as_text(finding))
        status = exit_status(findings)
        if options["json"]:
            self.stdout.write(as_json(findings, status))
        elif status or not options["quiet"]:
            self.stdout.write(summary(findings))
        sys.exit(status)
