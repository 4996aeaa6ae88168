"""Reads single values: ratings, years, dates and ids. What is no value is None, never an error."""

import re
import unicodedata
from datetime import UTC, datetime

from movies.movielens.titles import MAX_YEAR, MIN_YEAR
from movies.text import normalise_line

MAX_TITLE = 300
BAD_RATING = "rating_not_valid"
NO_TITLE = "no_title"
_RATING = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,3})?")
_NUMBER = re.compile(r"([0-9]{1,10})(?:\.0)?")
_IMDB = re.compile(r"(?:tt)?([0-9]{6,9})")
_MAX_ID = 2_147_483_647
_MAX_DATE = 40
_SECONDS = re.compile(r"[0-9]{9,10}")
# Of Excel and of older exports.
_OTHER_DATES = ("%d.%m.%Y", "%d %b %Y", "%a %b %d %H:%M:%S %Y")


def text_of(cell: object) -> str:
    """A title in its stored form, cut at MAX_TITLE characters; without what PostgreSQL cannot store.

    It is cut further where comparing would make it much longer: one letter of Arabic can become eighteen.
    """
    text = str(cell) if isinstance(cell, str | int | float) and not isinstance(cell, bool) else ""
    text = normalise_line(text[: 4 * MAX_TITLE].replace("\x00", ""))
    text = text.encode(errors="ignore").decode()[:MAX_TITLE].strip()
    while len(unicodedata.normalize("NFKD", text)) > 2 * MAX_TITLE:
        text = text[: len(text) // 2].rstrip()
    return text


def rating_of(cell: object, *, out_of_ten: bool) -> tuple[float | None, str]:
    """``(rating, problem)``: 0.5 to 5 in halves, None without one; ten points are halved, so 7 is 3.5.

    Empty and 0 are no rating. Anything else is a problem: a value between the steps is not rounded.
    """
    text = str(cell).strip() if cell is not None and not isinstance(cell, bool) else ""
    if not text:
        return None, ""
    if not _RATING.fullmatch(text):
        return None, BAD_RATING
    value = float(text)
    if value == 0:
        return None, ""
    steps = value if out_of_ten else value * 2
    if not steps.is_integer() or not 1 <= steps <= 10:
        return None, BAD_RATING
    return steps / 2, ""


def year_of(cell: object) -> int | None:
    """A plausible year of release."""
    number = number_of(cell)
    return number if number is not None and MIN_YEAR <= number <= MAX_YEAR else None


def number_of(cell: object) -> int | None:
    """A positive whole number, as ids are; also one that was written as a float."""
    found = _NUMBER.fullmatch(str(cell).strip()) if isinstance(cell, str | int | float) else None
    return int(found[1]) if found and 0 < int(found[1]) <= _MAX_ID else None


def imdb_of(cell: object) -> str:
    """An IMDb id of a title, in the catalogue's form: tt and at least 7 digits."""
    found = _IMDB.fullmatch(str(cell).strip()) if isinstance(cell, str | int) else None
    return f"tt{int(found[1]):07d}" if found else ""


def moment_of(cell: object) -> datetime | None:
    """A date or a time, in UTC; a date is its first moment. Seconds since 1970 are read too."""
    if isinstance(cell, int) and not isinstance(cell, bool):
        cell = str(cell)
    text = cell.strip() if isinstance(cell, str) else ""
    if not text or len(text) > _MAX_DATE:
        return None
    try:
        if _SECONDS.fullmatch(text):
            return datetime.fromtimestamp(int(text), UTC)
        return _aware(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        pass
    for form in _OTHER_DATES:
        try:
            return _aware(datetime.strptime(text, form).replace(tzinfo=UTC))
        except (ValueError, OverflowError):
            continue
    return None


def _aware(moment: datetime) -> datetime:
    """Raises OverflowError at the ends of the calendar."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
