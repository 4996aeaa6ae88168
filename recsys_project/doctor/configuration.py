"""Settings and installed packages."""

import os
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from django.conf import settings
from django.core import checks

from recsys_project.doctor.findings import Finding, Level

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", re.MULTILINE)
PRODUCTION = "recsys_project.settings.production"


def settings_findings() -> Iterator[Finding]:
    """What Django's checks and the project's say; with production settings those of a deployment too."""
    module = os.environ.get("DJANGO_SETTINGS_MODULE", "")
    found = checks.run_checks(include_deployment_checks=module == PRODUCTION)
    bad = [message for message in found if message.level >= checks.WARNING and not message.is_silenced()]
    for message in bad:
        level = Level.PROBLEM if message.level >= checks.ERROR else Level.WARNING
        advice = message.hint or "See docs/settings.md."
        yield Finding("configuration", level, f"{message.msg} ({message.id})", advice)
    if not bad:
        yield Finding("configuration", Level.OK, f"The settings ({module}) pass all checks.")
    if module != PRODUCTION:
        text = "These are not the settings of production; the checks of a deployment did not run."
        yield Finding("configuration", Level.OK, text)


def package_findings() -> Iterator[Finding]:
    """Whether the packages that requirements.txt pins are installed in these versions."""
    try:
        pinned = dict(_PIN.findall((settings.BASE_DIR / "requirements.txt").read_text()))
    except FileNotFoundError:
        yield Finding("packages", Level.UNKNOWN, "There is no requirements.txt beside manage.py to compare with.")
        return
    found = {name: _installed(name) for name in pinned}
    wrong = [f"{name} {found[name]} instead of {wanted}" for name, wanted in pinned.items() if found[name] != wanted]
    if wrong:
        advice = "Run pip install -r requirements.txt in this environment, and restart the processes."
        yield Finding("packages", Level.WARNING, f"Other versions than requirements.txt: {', '.join(wrong)}.", advice)
    else:
        yield Finding("packages", Level.OK, f"All {len(pinned)} packages are those of requirements.txt.")


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(missing)"
