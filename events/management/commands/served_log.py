"""``manage.py served_log drain|partitions|prune``."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from events.served.partitions import partitions_find, partitions_prepare, partitions_prune
from events.served.selectors import stream_state
from events.served.writer import served_drain

_DRAIN_SECONDS = 3600.0


class Command(BaseCommand):
    help = "Moves the log of served lists from Redis into PostgreSQL, and makes and drops its monthly partitions."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "action",
            choices=["drain", "partitions", "prune"],
            help="drain: write what waits in Redis; partitions: make those of this month and the next two, and list"
            " all; prune: drop those of months that are not retained.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['action']}")()

    def _drain(self) -> None:
        self.stdout.write(f"entries: {served_drain(seconds=_DRAIN_SECONDS)}")
        state = stream_state()
        self.stdout.write(f"waiting: {state.length:,}; lost, as the stream was full: {state.trimmed:,}")

    def _partitions(self) -> None:
        made = partitions_prepare()
        for partition in partitions_find():
            self.stdout.write(f"{partition.name}{' (new)' if partition.name in made else ''}")

    def _prune(self) -> None:
        for name in partitions_prune():
            self.stdout.write(f"dropped {name}")
