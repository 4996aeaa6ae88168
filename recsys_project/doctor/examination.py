"""All checks of the doctor, one after the other."""

from collections.abc import Iterable, Iterator, Sequence

import structlog

from recsys_project.doctor import clock, configuration, database, disk, model, redis_servers, search, work
from recsys_project.doctor.findings import Check, Finding, Level

logger = structlog.get_logger(__name__)

CHECKS: Sequence[Check] = (
    Check("configuration", configuration.settings_findings),
    Check("packages", configuration.package_findings),
    Check("database", database.server_findings),
    Check("extensions", database.extension_findings, ("database",)),
    Check("migrations", database.migration_findings, ("database",)),
    Check("redis", redis_servers.cache_findings),
    Check("broker", redis_servers.broker_findings),
    Check("clock", clock.database_findings, ("database",)),
    Check("clock of Redis", clock.redis_findings, ("redis",)),
    Check("model", model.live_findings, ("database", "migrations")),
    Check("trainings", model.training_findings, ("database", "migrations")),
    Check("search", search.recall_findings, ("database", "extensions", "migrations")),
    Check("queues", work.queue_findings, ("database", "migrations", "broker", "redis")),
    Check("tasks", work.task_findings, ("database", "migrations", "redis")),
    Check("served lists", work.stream_findings, ("redis",)),
    Check("disk", disk.space_findings),
    Check("backups", disk.backup_findings),
)


def examine(checks: Iterable[Check] = CHECKS) -> Iterator[Finding]:
    """The findings of each check, as they come. A check that fails is a problem and stops no other.

    What a check needs is not tried again: with the database down, those that ask it would each wait for its time-out.
    """
    broken: set[str] = set()
    for check in checks:
        missing = [name for name in check.needs if name in broken]
        if missing:
            broken.add(check.name)
            yield Finding(check.name, Level.UNKNOWN, f"Not checked: fix {' and '.join(missing)} first.")
            continue
        for finding in _findings(check):
            if finding.level is Level.PROBLEM and not finding.usable:
                broken.add(check.name)
            yield finding


def _findings(check: Check) -> list[Finding]:
    try:
        return list(check.run())
    except Exception as error:
        logger.warning("doctor_check_failed", check=check.name, exc_info=True)
        message = f"The check itself failed: {type(error).__name__}. The log has the traceback."
        return [Finding(check.name, Level.PROBLEM, message, "Report it with the traceback.")]


def exit_status(findings: Iterable[Finding]) -> int:
    """As monitoring plug-ins count: 0 nothing is wrong, 1 only warnings, 2 problems."""
    levels = {finding.level for finding in findings}
    return 2 if Level.PROBLEM in levels else 1 if Level.WARNING in levels else 0
