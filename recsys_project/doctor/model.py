"""The live model: its age, its files and its quality; and how the last trainings ended."""

from collections.abc import Iterator

from django.conf import settings
from django.utils import timezone

from recommendations.experiments.selectors import experiment_problems
from recommendations.models import ModelVersion
from recommendations.training.gate import MEASURE
from recommendations.vectors.artefacts import artefacts_problem
from recsys_project.doctor.findings import Finding, Level
from recsys_project.health import trained_time

Status = ModelVersion.Status
_TRAIN = "Look at the reason under Model versions in the admin, then run manage.py train."


def live_findings() -> Iterator[Finding]:
    """The live version's age, files and quality, and the versions that running experiments need."""
    version = ModelVersion.objects.live().first()
    if version is None:
        advice = "Import ratings and run manage.py train (docs/operations.md)."
        yield Finding("model", Level.PROBLEM, "There is no live model: lists show what is popular.", advice)
        return
    hours = (timezone.now() - trained_time(version)).total_seconds() / 3600
    if hours > settings.MODEL_MAX_AGE_HOURS:
        text = (
            f"The live version {version.pk} was trained {hours:.0f} hours ago; "
            f"the limit is {settings.MODEL_MAX_AGE_HOURS:g} (MODEL_MAX_AGE_HOURS)."
        )
        advice = "See that beat and the trainer run. " + _TRAIN
        yield Finding("model", Level.PROBLEM, text, advice)
    else:
        yield Finding("model", Level.OK, f"The live version {version.pk} was trained {hours:.1f} hours ago.")
    if problem := artefacts_problem(version=version):
        advice = "Let MODEL_DIR be the trainer's folder, readable by this account; or run manage.py train."
        yield Finding("model", Level.PROBLEM, f"Its files: {problem}.", advice)
    quality, popularity = version.metrics.get(MEASURE), version.metrics.get("popularity")
    popular = popularity.get(MEASURE) if isinstance(popularity, dict) else None
    if quality is not None and popular is not None and quality < popular:
        text = f"It ranks worse than popularity: {MEASURE} {quality:.4f} and {popular:.4f}."
        advice = "Run manage.py models rollback --reason WHY, and see whether the last import was complete."
        yield Finding("model", Level.PROBLEM, text, advice)
    for problem in experiment_problems():
        yield Finding("model", Level.WARNING, problem, "Stop the experiment: manage.py experiments stop NAME.")


def training_findings() -> Iterator[Finding]:
    """How the newest training ended, and whether one has stood still."""
    newest = ModelVersion.objects.filter(finished_at__isnull=False).order_by("-finished_at").first()
    if newest is None:
        yield Finding("trainings", Level.UNKNOWN, "No training has ended yet.")
    elif newest.status == Status.FAILED:
        text = f"The newest training, version {newest.pk}, failed: {_line(newest.error)}"
        yield Finding("trainings", Level.PROBLEM, text, _TRAIN)
    elif newest.status == Status.REFUSED:
        text = f"The newest training, version {newest.pk}, was refused: {_line(newest.refusal)}"
        advice = "If the reason is meant, publish it by hand: manage.py models publish VERSION --reason WHY."
        yield Finding("trainings", Level.WARNING, text, advice)
    else:
        yield Finding("trainings", Level.OK, f"The newest training is version {newest.pk} ({newest.status}).")
    limit = settings.CELERY_TASK_TIME_LIMIT
    for row in ModelVersion.objects.filter(status=Status.TRAINING, started_at__isnull=False):
        seconds = (timezone.now() - row.started_at).total_seconds() if row.started_at else 0
        if seconds > limit:
            text = f"Version {row.pk} has been training for {seconds / 3600:.1f} hours, more than a task may."
            yield Finding("trainings", Level.PROBLEM, text, "See that the trainer runs: its sweep begins it again.")


def _line(text: str) -> str:
    """The last line, which names the error where there is a traceback."""
    return (text.strip().splitlines() or ["no reason is noted"])[-1][:300]
