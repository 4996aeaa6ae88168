"""Brings the database to where the demo needs it: schema, data set, model. What is done already is skipped."""

import json
from pathlib import Path

import django
from django.db import connection

from recsys_project.demo.data import Dataset, fingerprint
from recsys_project.demo.steps import Steps, manage


class Progress:
    """What earlier runs did to this database: imports and the training after them, by content of the files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.done: dict[str, list[str]] = json.loads(path.read_text())
        except (OSError, ValueError):
            self.done = {}

    def has(self, kind: str, digest: str) -> bool:
        return digest in self.done.get(kind, [])

    def add(self, kind: str, digest: str) -> None:
        self.done.setdefault(kind, []).append(digest)
        self.path.write_text(json.dumps(self.done, indent=2))

    def forget(self) -> None:
        self.done = {}


def prepare(steps: Steps, var: Path, dataset: Dataset, metadata: Path | None) -> None:
    """Migrate, import, train and collect static files, each only when it is not done yet."""
    with steps.step("Migrating the database"):
        manage("migrate", "--verbosity", "0")
    with steps.step("Collecting static files"):
        manage("collectstatic", "--noinput", "--verbosity", "0")
    django.setup()
    progress = Progress(var / "demo-progress.json")
    if _is_empty():
        progress.forget()
    changed = _import(steps, progress, "import_movielens", dataset.path)
    if metadata is not None:
        changed |= _import(steps, progress, "import_metadata", metadata)
    _train(steps, progress, changed=changed)
    # The processes started from here open connections of their own.
    connection.close()


def _is_empty() -> bool:
    """Whether the database holds no imported ratings, whatever the notes of earlier runs say."""
    from events.models import Rating  # noqa: PLC0415 -- models can be imported only after django.setup().

    return not Rating.objects.exists()


def _has_live_version() -> bool:
    from recommendations.models import ModelVersion  # noqa: PLC0415 -- as above.

    return ModelVersion.objects.filter(status=ModelVersion.Status.LIVE).exists()


def _import(steps: Steps, progress: Progress, command: str, path: Path) -> bool:
    """Whether anything had to be imported."""
    name = f"Importing {path.name}"
    digest = fingerprint(path)
    if progress.has(command, digest):
        steps.skip(name, "the database has it already")
        return False
    with steps.step(name) as notes:
        notes.append(manage(command, str(path)))
    progress.add(command, digest)
    return True


def _train(steps: Steps, progress: Progress, *, changed: bool) -> None:
    # A training belongs to what was imported before it, so that one that was cut short is made up for.
    imports = "+".join(sorted(progress.done.get("import_movielens", []) + progress.done.get("import_metadata", [])))
    if not changed and progress.has("train", imports) and _has_live_version():
        steps.skip("Training", "a live model of this data stands already")
        return
    with steps.step("Training: lists, vectors and popular movies") as notes:
        notes.append(manage("train"))
    progress.add("train", imports)
