"""Prepares the demo's database: schema, data set and model. Skips steps that are done already."""

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import django
from django.conf import settings
from django.db import connection

from recsys_project.demo.data import TERMS, Dataset, default_dataset, fingerprint
from recsys_project.demo.steps import DemoError, Steps
from recsys_project.embedded import addresses, owner

_PROGRESS = "demo-progress.json"


class Progress:
    """What earlier runs have done, by digests of what it depends on: the imported files, for example."""

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


def remove_demo_data(var: Path) -> None:
    """Stops the embedded services and removes their data, the models and the progress of earlier runs.

    Keeps downloads and passwords. Raises DemoError if the environment names another database, cache or model folder.
    """
    if given := [name for name in ("DATABASE_URL", "REDIS_URL", "MODEL_DIR") if os.environ.get(name)]:
        raise DemoError(f"--fresh removes only the demo's own data, but {' and '.join(given)} set another location.")
    owner.stop()
    for folder in (addresses.data_dir() / "postgres", addresses.data_dir() / "valkey", var / "models"):
        if folder.exists():
            shutil.rmtree(folder)
    (var / _PROGRESS).unlink(missing_ok=True)


def prepare(steps: Steps, var: Path, given: Dataset | None, metadata: Path | None) -> None:
    """Migrates, collects static files, imports and trains; what is done already is skipped.

    Without a ``given`` data set, the existing one is kept, or one is fetched. Raises DemoError if the database holds
    another data set than the given one, since the two would be mixed.
    """
    with steps.step("Loading the project"):
        django.setup()
    progress = Progress(var / _PROGRESS)
    _migrate(steps, progress)
    _collect_static(steps, progress)
    existing = _existing_datasets()
    if not existing:
        progress.forget()
    changed = False
    if (dataset := _choose_dataset(steps, var, given, existing)) is not None:
        changed = _import(steps, progress, "import_movielens", dataset.path)
    if metadata is not None:
        changed |= _import(steps, progress, "import_metadata", metadata)
    _train(steps, progress, changed=changed)
    # Processes that are started later open connections of their own.
    connection.close()


def _migrate(steps: Steps, progress: Progress) -> None:
    """Migrates in a process of its own, unless one has finished with these migrations and all are applied."""
    name = "Migrating the database"
    steps.current = name
    wanted, pending = _migrations()
    if not pending and progress.has("migrate", wanted):
        steps.skip(name, "it is up to date")
        return
    with steps.step(name):
        steps.manage("migrate", "--verbosity", "0")
    progress.add("migrate", wanted)


def _migrations() -> tuple[str, bool]:
    """A digest of the names of the newest migrations, and whether any is not applied."""
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415 -- it needs the apps.

    executor = MigrationExecutor(connection)
    newest = executor.loader.graph.leaf_nodes()
    digest = hashlib.sha256(repr(sorted(newest)).encode()).hexdigest()
    return digest, bool(executor.migration_plan(newest))


def _collect_static(steps: Steps, progress: Progress) -> None:
    """Collects static files, unless those of the same packages and of the same files of the project are there."""
    name = "Collecting static files"
    # _bootstrap.py writes it: a digest of all pinned versions.
    installed, root = Path(sys.prefix) / "recsys-stamp", Path(settings.STATIC_ROOT)
    own = map(fingerprint, sorted(addresses.PROJECT_DIR.glob("*/static")))
    sources = [installed.read_text() if installed.exists() else "", *own]
    digest = hashlib.sha256("\n".join(sources).encode()).hexdigest()
    if installed.exists() and root.is_dir() and progress.has("collectstatic", digest):
        steps.skip(name, "they are there already")
        return
    with steps.step(name):
        steps.manage("collectstatic", "--noinput", "--verbosity", "0")
    progress.add("collectstatic", digest)


def _choose_dataset(steps: Steps, var: Path, given: Dataset | None, existing: dict[str, int]) -> Dataset | None:
    """The data set to import; None to keep the existing one."""
    steps.current = "Choosing the data"
    held = ", ".join(f"{name} ({ratings:,} ratings)" for name, ratings in existing.items())
    if given is None and existing:
        steps.skip("Data", f"keeping {held}; ./bin/demo --fresh [--data PATH] replaces it")
        return None
    if given is not None and existing and given.name not in existing:
        raise DemoError(
            f"The database holds {held}, and --data {given.path} is other data ({given.name}). Nothing was changed.\n"
            f"   ./bin/demo --fresh --data {given.path}   replaces it, and deletes all users and events\n"
            f"   ./bin/manage import_movielens {given.path}   adds it to the existing data"
        )
    with steps.step("Finding the data") as notes:
        dataset = given or default_dataset(var)
        notes.append(dataset.origin)
    steps.say(f"   {TERMS}")
    return dataset


def _existing_datasets() -> dict[str, int]:
    """The numbers of ratings by imported data set, from the database."""
    # Importing models requires django.setup().
    from django.db.models import Count  # noqa: PLC0415

    from events.models import Rating  # noqa: PLC0415

    rows = Rating.objects.exclude(user__dataset="").order_by("user__dataset").values_list("user__dataset")
    return dict(rows.annotate(Count("pk")))


def _has_live_version() -> bool:
    from recommendations.models import ModelVersion  # noqa: PLC0415 -- as above.

    return ModelVersion.objects.live().exists()


def _import(steps: Steps, progress: Progress, command: str, path: Path) -> bool:
    """Imports ``path`` unless it is imported already; returns whether it was imported now."""
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
    # A training is identified by the imports before it, so that an interrupted one is repeated.
    imports = "+".join(sorted(progress.done.get("import_movielens", []) + progress.done.get("import_metadata", [])))
    if not changed and progress.has("train", imports) and _has_live_version():
        steps.skip("Training", "a live model of this data exists already")
        return
    with steps.step("Training: lists, vectors and popular movies") as notes:
        notes.append(steps.manage("train"))
    progress.add("train", imports)
