"""``python -m recsys_project.demo``, which ``./bin/demo`` runs: from an empty checkout to a running system."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from rich.console import Console

from recsys_project.demo.arguments import FIRST_PORT, PathError, PortError, check_paths, choose_port, parse, why_not
from recsys_project.demo.data import Dataset, given_dataset
from recsys_project.demo.journey import ADA, check_readme_call, run_journey
from recsys_project.demo.prepare import prepare, remove_what_stands
from recsys_project.demo.processes import Processes, only_demo, stop_running
from recsys_project.demo.steps import DemoError, Steps
from recsys_project.embedded import addresses, owner
from recsys_project.embedded.errors import EmbeddedServiceError


def main() -> int:
    """Run the demo; 0 when everything went well, 1 when a step failed, 130 when it was interrupted before running."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings.local")
    arguments = parse()
    # Wide enough for the table where there is no terminal to ask.
    console = Console(width=None if sys.stdout.isatty() else 160)
    steps = Steps(console, addresses.var_dir() / "demo.log")
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    try:
        return _stop(console) if arguments.stop else _demo(arguments, steps)
    except (DemoError, PathError, PortError, EmbeddedServiceError, PermissionError) as error:
        console.print(f"[bold red]Failed[/] at: {steps.current}", highlight=False)
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print(f"Interrupted at: {steps.current}", highlight=False)
        return 130


def _stop(console: Console) -> int:
    stopped = stop_running(addresses.var_dir() / "demo.lock")
    console.print("Stopped the demo." if stopped else "No demo was running.")
    return 0


def _demo(arguments: argparse.Namespace, steps: Steps) -> int:
    var = addresses.var_dir()
    var.mkdir(parents=True, exist_ok=True)
    cleanups: list[tuple[str, Callable[[], object]]] = []
    with only_demo(var / "demo.lock") as lock:
        given = _looked_at(arguments, steps)
        try:
            if arguments.fresh:
                with steps.step("Removing what stands"):
                    remove_what_stands(var)
            with steps.step("Starting PostgreSQL and Valkey") as notes:
                started = owner.start()
                cleanups.append(("services", lambda: owner.stop(started)))
                notes.append(f"data in {addresses.data_dir()}")
            prepare(steps, var, given, arguments.metadata)
            with steps.step("Making an admin and two viewers") as notes:
                passwords, likes = _people(var)
                notes.extend(likes)
            with steps.step("Starting web, worker and beat") as notes:
                processes = Processes(choose_port(arguments.port), lock, steps.log)
                cleanups.append(("web, worker and beat", processes.stop))
                processes.wait_until_ready()
                _check_workers()
                notes.append(processes.url)
            if arguments.check:
                check_readme_call(steps, processes.url, passwords[ADA])
                run_journey(steps, processes.url)
                processes.check_alive()
            else:
                _serve(steps, processes, passwords)
        finally:
            for name, stop in reversed(cleanups):
                steps.say(f"Stopping {name} …")
                stop()
    if arguments.check:
        steps.say("[bold green]The check passed.[/]")
    return 0


def _looked_at(arguments: argparse.Namespace, steps: Steps) -> Dataset | None:
    """The given data set, after all has been looked at that can be before anything is done. Begins the log."""
    steps.current = "Looking at the options"
    port = choose_port(arguments.port)
    check_paths(arguments)
    given = given_dataset(arguments.data) if arguments.data else None
    if arguments.port is None and port != FIRST_PORT:
        steps.say(f"{why_not(FIRST_PORT)} The site will be on {port}; --port N chooses.")
    steps.log.write_text("")
    steps.say(f"The log is {steps.log}")
    return given


def _people(var: Path) -> tuple[dict[str, str], list[str]]:
    """Passwords by e-mail address, and what there is to say of the likes that were made."""
    # They import models, which can be imported only after django.setup().
    from recsys_project.demo.people import ensure_likes, ensure_people  # noqa: PLC0415

    passwords = ensure_people(var / "demo-credentials.json")
    titles = [movie.title for movie in ensure_likes()]
    return passwords, [f"{ADA} likes {', '.join(titles)}"] if titles else []


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
    say(f"\nWeb, worker and beat write to {steps.log}", highlight=False, soft_wrap=True)
    say("Ctrl-C stops everything.\n")
    try:
        processes.wait()
    except KeyboardInterrupt:
        say("")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
