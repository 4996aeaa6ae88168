"""``python -m recsys_project.demo``, which ``./bin/demo`` calls: sets the system up and runs it."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType

from django.conf import settings
from rich.console import Console
from rich.text import Text

from recsys_project.demo.arguments import (
    FIRST_PORT,
    PathError,
    PortError,
    check_paths,
    choose_port,
    parse,
    port_problem,
)
from recsys_project.demo.data import Dataset, given_dataset
from recsys_project.demo.journey import ADA, check_readme_call, run_journey
from recsys_project.demo.prepare import prepare, remove_demo_data
from recsys_project.demo.processes import Processes, only_demo, stop_running
from recsys_project.demo.steps import DemoError, Steps
from recsys_project.embedded import addresses, owner
from recsys_project.embedded.errors import EmbeddedServiceError


def main() -> int:
    """Runs the demo. Returns 0 on success, 1 if a step failed, 130 if it was interrupted during setup."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings.local")
    arguments = parse()
    # Without a terminal, wide enough for the table.
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
        given = _check_options(arguments, steps)
        try:
            if arguments.fresh:
                with steps.step("Removing the existing data"):
                    remove_demo_data(var)
            with steps.step("Starting PostgreSQL and Valkey") as notes:
                started = owner.start()
                cleanups.append(("services", lambda: owner.stop(started)))
                notes.append(f"data in {addresses.data_dir()}")
            prepare(steps, var, given, arguments.metadata)
            with steps.step("Creating an admin and two viewers") as notes:
                passwords, likes = _create_users(var)
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


def _check_options(arguments: argparse.Namespace, steps: Steps) -> Dataset | None:
    """Checks the options before anything is changed, and clears the log. Returns the data set of ``--data``, if any."""
    steps.current = "Checking the options"
    port = choose_port(arguments.port)
    check_paths(arguments)
    given = given_dataset(arguments.data) if arguments.data else None
    if arguments.port is None and port != FIRST_PORT:
        steps.say(f"{port_problem(FIRST_PORT)} The site will use port {port}; --port N sets another.")
    steps.log.write_text("")
    steps.say(f"The log is {steps.log}")
    return given


def _create_users(var: Path) -> tuple[dict[str, str], list[str]]:
    """Creates the users and their likes. Returns passwords by e-mail address, and notes about the likes."""
    # These import models, which requires django.setup().
    from recsys_project.demo.people import ensure_likes, ensure_people  # noqa: PLC0415

    passwords = ensure_people(var / "demo-credentials.json")
    titles = [movie.title for movie in ensure_likes()]
    return passwords, [f"{ADA} likes {', '.join(titles)}"] if titles else []


def _check_workers() -> None:
    """Waits until both queues have a worker, since the web process is often ready before the workers."""
    from recsys_project import celery_app  # noqa: PLC0415 -- its settings are Django's.

    waiting = {"default", "train"}
    for _ in range(30):
        # With a limit it returns as soon as that many have answered.
        answers = celery_app.control.inspect(timeout=1.0, limit=len(waiting)).active_queues() or {}
        waiting -= {queue["name"] for queues in answers.values() for queue in queues}
        if not waiting:
            return
    raise DemoError(f"No Celery worker consumes the queue {' or '.join(sorted(waiting))}.")


def _serve(steps: Steps, processes: Processes, passwords: dict[str, str]) -> None:
    """Prints addresses and passwords, and runs until Ctrl-C."""
    url = processes.url
    # Not wrapped, so that lines can be copied.
    say = partial(steps.console.print, highlight=False, soft_wrap=True)
    say("")
    for name, where, how in addresses_of(url, passwords):
        # Passwords are not markup.
        say(Text.assemble((f"{name:<11}", "bold"), f"{where:<36}" if how else where, how))
    if settings.REGISTRATION == "immediate":
        say("\nAnybody registers at once, without a link by mail; REGISTRATION=verified changes that.")
    elif not os.environ.get("EMAIL_URL"):
        say("\nWhoever registers gets a link by mail. Without EMAIL_URL, mails are in the log.")
    say(f"\nWeb, worker and beat write to {steps.log}")
    say("Ctrl-C stops everything.\n")
    try:
        processes.wait()
    except KeyboardInterrupt:
        say("")


def addresses_of(url: str, passwords: dict[str, str]) -> list[tuple[str, str, str]]:
    """What a reader may open on a running demo: its name, where it is, and how to sign in or what it is."""
    admin, viewer, *others = passwords
    return [
        ("Admin", f"{url}/admin/", f"sign in as {admin}, password {passwords[admin]}"),
        ("Dashboard", f"{url}/admin/", "the home page of the admin"),
        ("API page", f"{url}/api/docs/", f"Authorize as {viewer}, password {passwords[viewer]}"),
        *[("", "", f"or as {email}, password {passwords[email]}") for email in others],
        ("Metrics", f"{url}/metrics", "for Prometheus; this machine needs no token"),
        ("Grafana", "deploy/grafana", "dashboards of the metrics; docs/operations.md says how to use them"),
        ("Health", f"{url}/health/ready", ""),
    ]


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
