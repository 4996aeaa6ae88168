"""Bounds the lines of related rows that a form of the admin claims to have, before Django makes a form of each."""

from typing import Final

from django.core.exceptions import BadRequest
from django.http import HttpRequest

_COUNTS: Final = ("-TOTAL_FORMS", "-INITIAL_FORMS")
# A line sends four fields or more, so that a request of DATA_UPLOAD_MAX_NUMBER_FIELDS has fewer.
MAX_LINES: Final = 500
# Empty lines that a form may claim beside those it sends.
_NOT_SENT: Final = 20


def lines_check(request: HttpRequest) -> None:
    """Raises BadRequest if a form claims more lines than MAX_LINES, or many more than it sends, or fewer than none.

    Django makes up to 2,000 forms for a claim, and shows them all beside an error: minutes, where a line has a choice
    of countries.
    """
    for name in request.POST:
        if not name.endswith(_COUNTS):
            continue
        claimed = str(request.POST.get(name, ""))
        # Django counts lines from the end for a number below 0, and fails.
        if claimed.strip().startswith("-"):
            raise BadRequest(f"{name} is below 0.")
        if not (claimed.isascii() and claimed.isdigit()):
            continue
        lines = f"{name.rpartition('-')[0]}-"
        sent = {field[len(lines) :].partition("-")[0] for field in request.POST if field.startswith(lines)}
        most = min(MAX_LINES, sum(number.isdigit() for number in sent) + _NOT_SENT)
        # By length first: a number of a thousand digits takes long to read.
        if len(claimed) > len(str(MAX_LINES)) or int(claimed) > most:
            raise BadRequest(f"{name} is more than the lines of this form.")
