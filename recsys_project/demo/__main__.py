"""``python -m recsys_project.demo``, which ``./bin/demo`` runs: from an empty checkout to a running system."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from rich.console import Console

from recsys_project.demo.data import TERMS, Dataset, default_dataset, given_dataset
from recsys_project.demo.journey import run_journey
from recsys_project.demo.prepare import prepare
from recsys_project.demo.processes import Processes, free_port, only_demo, stop_running
from recsys_project.demo.steps import DemoError, Steps
from recsys_project.embedded import addresses, owner
from recsys_project.embedded.errors import EmbeddedServiceError


def main() -> int:
    """Run the demo; 0 when everything went well, 1 when a step failed, 130 when it was interrupted before running."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings.local")
    arguments = _arguments()
    # Wide enough for the table where there is no terminal to ask.
    console = Console(width=None if sys.stdout.isatty() else 160)
    steps = Steps(console)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    try:
        return _stop(console) if arguments.stop else _demo(arguments, steps)
    except (DemoError, EmbeddedServiceError, PermissionError) as error:
        console.print(f"[bold red]Failed[/] at: {steps.current}", highlight=False)
        console.print(str(error), markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print(f"Interrupted at: {steps.current}", highlight=False)
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./bin/demo", description="The whole system on this machine, with real MovieLens ratings."
    )
    parser.add_argument("--data", type=Path, metavar="PATH", help="a MovieLens archive or folder (default: fetched)")
    parser.add_argument("--metadata", type=Path, metavar="PATH", help="a file for import_metadata, imported as well")
    parser.add_argument("--port", type=int, metavar="N", help="the web port (default: the first free one from 8000)")
    parser.add_argument("--check", action="store_true", help="call the API as a client would, then stop everything")
    parser.add_argument("--stop", action="store_true", help="stop a demo that runs in this checkout")
    return parser.parse_args()


def _stop(console: Console) -> int:
    stopped = stop_running(addresses.var_dir() / "demo.lock")
    console.print("Stopped the demo." if stopped else "No demo was running.")
    return 0


def _demo(arguments: argparse.Namespace, steps: Steps) -> int:
    var = addresses.var_dir()
    var.mkdir(parents=True, exist_ok=True)
    cleanups: list[tuple[str, Callable[[], object]]] = []
    with only_demo(var / "demo.lock") as lock:
        try:
            dataset = _dataset(steps, arguments, var)
            with steps.step("Starting PostgreSQL and Valkey") as notes:
                started = owner.start()
                cleanups.append(("services", lambda: owner.stop(started)))
                notes.append(f"data in {addresses.data_dir()}")
            prepare(steps, var, dataset, arguments.metadata)
            with steps.step("Making an admin and two viewers"):
                passwords = _people(var)
            log = var / "demo.log" if arguments.check else None
            with steps.step("Starting web, worker and beat") as notes:
                processes = Processes(free_port(arguments.port), lock, log)
                cleanups.append(("web, worker and beat", processes.stop))
                processes.wait_until_ready()
                _check_workers()
                notes.append(processes.url)
            if arguments.check:
                run_journey(steps, processes.url)
                processes.check_alive()
            else:
                _serve(steps, processes, passwords)
        finally:
            for name, stop in reversed(cleanups):
                steps.console.print(f"Stopping {name} …")
                stop()
    if arguments.check:
        steps.console.print("[bold green]The check passed.[/]")
    return 0


def _dataset(steps: Steps, arguments: argparse.Namespace, var: Path) -> Dataset:
    with steps.step("Finding the data") as notes:
        if arguments.metadata and not arguments.metadata.exists():
            raise DemoError(f"There is no metadata at {arguments.metadata}.")
        dataset = given_dataset(arguments.data) if arguments.data else default_dataset(var)
        notes.append(dataset.origin)
    steps.console.print(f"   {TERMS}", highlight=False)
    return dataset


def _people(var: Path) -> dict[str, str]:
    from recsys_project.demo.people import ensure_people  # noqa: PLC0415 -- models, after django.setup().

    return ensure_people(var / "demo-credentials.json")


def _check_workers() -> None:
    """Wait until both queues are consumed; the web process is often ready before the workers are."""
    from recsys_project import celery_app  # noqa: PLC0415 -- its settings are Django's.

    waiting = {"default", "train"}
    for _ in range(30):
        answers = celery_app.control.inspect(timeout=1.0).active_queues() or {}
        waiting -= {queue["name"] for queues in answers.values() for queue in queues}
        if not waiting:
            return
    raise DemoError(f"No Celery worker consumes the queue {' or '.join(sorted(waiting))}.")


def _serve(steps: Steps, processes: Processes, passwords: dict[str, str]) -> None:
    """Say where everything is and go on until Ctrl-C."""
    url = processes.url
    say = steps.console.print
    say(f"\n[bold]API[/]      {url}/api/docs/\n[bold]Admin[/]    {url}/admin/\n[bold]Health[/]   {url}/health/ready")
    say(f"[bold]Metrics[/]  {url}/metrics\n\nSign in with:")
    for email, password in passwords.items():
        say(f"   {email:<22} {password}", highlight=False, markup=False)
    say("\nCtrl-C stops everything.\n")
    try:
        processes.wait()
    except KeyboardInterrupt:
        say("")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
