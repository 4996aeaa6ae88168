"""Brings the database to where the demo needs it: schema, data set, model. What is done already is skipped."""

import json
import os
import shutil
from pathlib import Path

import django
from django.db import connection

from recsys_project.demo.data import TERMS, Dataset, default_dataset, fingerprint
from recsys_project.demo.steps import DemoError, Steps
from recsys_project.embedded import addresses, owner

_PROGRESS = "demo-progress.json"


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


def remove_what_stands(var: Path) -> None:
    """Stops the embedded services and removes their data, the models and what is noted of earlier runs.

    Downloads and passwords stay. Raises DemoError where the database or the cache is not the demo's own.
    """
    if given := [name for name in ("DATABASE_URL", "REDIS_URL", "MODEL_DIR") if os.environ.get(name)]:
        raise DemoError(f"--fresh removes the demo's own data alone, and {' and '.join(given)} say to use others.")
    owner.stop()
    for folder in (addresses.data_dir() / "postgres", addresses.data_dir() / "valkey", var / "models"):
        if folder.exists():
            shutil.rmtree(folder)
    (var / _PROGRESS).unlink(missing_ok=True)


def prepare(steps: Steps, var: Path, given: Dataset | None, metadata: Path | None) -> None:
    """Migrate, import, train and collect static files, each only when it is not done yet.

    Without a ``given`` data set the one that stands is kept; where none does, one is fetched. Raises DemoError where
    another one than the given stands: the two would be mixed.
    """
    with steps.step("Migrating the database"):
        steps.manage("migrate", "--verbosity", "0")
    with steps.step("Collecting static files"):
        steps.manage("collectstatic", "--noinput", "--verbosity", "0")
    django.setup()
    progress = Progress(var / _PROGRESS)
    standing = _standing()
    if not standing:
        progress.forget()
    changed = False
    if (dataset := _chosen(steps, var, given, standing)) is not None:
        changed = _import(steps, progress, "import_movielens", dataset.path)
    if metadata is not None:
        changed |= _import(steps, progress, "import_metadata", metadata)
    _train(steps, progress, changed=changed)
    # The processes started from here open connections of their own.
    connection.close()


def _chosen(steps: Steps, var: Path, given: Dataset | None, standing: dict[str, int]) -> Dataset | None:
    """The data set to import; None to keep what stands."""
    steps.current = "Choosing the data"
    told = ", ".join(f"{name} ({ratings:,} ratings)" for name, ratings in standing.items())
    if given is None and standing:
        steps.skip("Data", f"keeping {told}; ./bin/demo --fresh [--data PATH] replaces it")
        return None
    if given is not None and standing and given.name not in standing:
        raise DemoError(
            f"The database holds {told}, and --data {given.path} is other data ({given.name}). Nothing was changed.\n"
            f"   ./bin/demo --fresh --data {given.path}   replaces what stands, with everything people did here\n"
            f"   ./bin/manage import_movielens {given.path}   adds it to what stands"
        )
    with steps.step("Finding the data") as notes:
        dataset = given or default_dataset(var)
        notes.append(dataset.origin)
    steps.say(f"   {TERMS}")
    return dataset


def _standing() -> dict[str, int]:
    """The imported data sets in the database with their numbers of ratings, whatever is noted of earlier runs."""
    # Models can be imported only after django.setup().
    from django.db.models import Count  # noqa: PLC0415

    from events.models import Rating  # noqa: PLC0415

    rows = Rating.objects.exclude(user__dataset="").order_by("user__dataset").values_list("user__dataset")
    return dict(rows.annotate(Count("pk")))


def _has_live_version() -> bool:
    from recommendations.models import ModelVersion  # noqa: PLC0415 -- as above.

    return ModelVersion.objects.live().exists()


def _import(steps: Steps, progress: Progress, command: str, path: Path) -> bool:
    """Whether anything had to be imported."""
    name = f"Importing {path.name}"
    digest = fingerprint(path)
    if progress.has(command, digest):
        steps.skip(name, "the database has it already")
        return False
    with steps.step(name) as notes:
        notes.append(steps.manage(command, str(path)))
    progress.add(command, digest)
    return True


def _train(steps: Steps, progress: Progress, *, changed: bool) -> None:
    # A training belongs to what was imported before it, so that one that was cut short is made up for.
    imports = "+".join(sorted(progress.done.get("import_movielens", []) + progress.done.get("import_metadata", [])))
    if not changed and progress.has("train", imports) and _has_live_version():
        steps.skip("Training", "a live model of this data stands already")
        return
    with steps.step("Training: lists, vectors and popular movies") as notes:
        notes.append(steps.manage("train"))
    progress.add("train", imports)
