"""How people type titles: by their initials ("lotr") and with numerals of any kind ("godfather 2"). Without Django.

Titles are search keys here: upper case without accents (``movies.text.search_key``).
"""

import re
from collections.abc import Iterator

# "II", "two", "2nd" and "second" are all the number 2. I and X alone are words more often than numbers.
_ROMAN = dict(zip(["II", "III", "IV", "V", "VI", "VII", "VIII", "IX"], range(2, 10), strict=True))
_SPELLED = ["ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE", "TEN"]
_ORDINAL = ["FIRST", "SECOND", "THIRD", "FOURTH", "FIFTH", "SIXTH", "SEVENTH", "EIGHTH", "NINTH", "TENTH"]
_NUMERALS = {
    **_ROMAN,
    **{word: number for words in (_SPELLED, _ORDINAL) for number, word in enumerate(words, start=1)},
    **{str(number): number for number in range(1, 21)},
    **{"\N{SUPERSCRIPT TWO}": 2, "\N{SUPERSCRIPT THREE}": 3},
}
_ROMAN_OF = {number: numeral for numeral, number in _ROMAN.items()}
# Words before a number in a title of a series.
_PART_WORDS = {"PART", "EPISODE", "CHAPTER", "VOLUME", "VOL", "MOVIE", "FILM"}
_ARTICLES_AND_OF = {"THE", "A", "AN", "OF", "AND"}
_WORD = re.compile(r"[^\W_]+")
# The parts of a title: a series and its parts, and other titles in parentheses.
_SEPARATOR = re.compile(r"\s*(?::|\s-\s|[()])\s*|\s+AND\s+(?=THE\s)")
_PREFIX = re.compile(r"^(?:A\.?K\.?A\.?:?\s+)?(?:(?:THE|A|AN)\s+)?")
MIN_INITIALS = 2
MAX_INITIALS = 8


def initials_of(title: str) -> dict[str, str]:
    """The initials of a title and of its parts, with the part each abbreviates: LOTR for THE LORD OF THE RINGS.

    The same as ``movies_initials`` in PostgreSQL. A number counts as a whole; a leading article does not count.
    """
    found: dict[str, str] = {}
    whole = title.partition(" (")[0]
    for part in [*_SEPARATOR.split(title), whole]:
        name = _PREFIX.sub("", part)
        initials = "".join(word if word.isdigit() else word[0] for word in _WORD.findall(name.replace("'", "")))
        if MIN_INITIALS <= len(initials) <= MAX_INITIALS:
            found.setdefault(initials, name)
    return found


def numbered_words(title: str) -> tuple[str, ...]:
    """The words of a title or query with numerals as digits, without articles and "part": GODFATHER, 2.

    The first I after a word of ``_PART_WORDS`` is 1.
    """
    words: list[str] = []
    part = False
    # ALIEN³ is two words.
    for word in _WORD.findall(re.sub(r"(?<=\w)([\u00b2\u00b3])", r" \1", title).replace("'", "")):
        number = 1 if part and word == "I" else _NUMERALS.get(word)
        part = word in _PART_WORDS
        if number is not None and words:
            words.append(str(number))
        elif not part and word not in _ARTICLES_AND_OF:
            words.append(word)
    return tuple(words)


def number_typed(query: str) -> tuple[str, int] | None:
    """A series and the number of its part that a query names ("GODFATHER", 2); None where none from 1 to 20 ends it."""
    words = numbered_words(query)
    # ``isdigit`` holds for digits that ``int`` refuses, such as Ethiopic ones.
    number = int(words[-1]) if len(words) > 1 and words[-1].isdecimal() else 0
    return (" ".join(words[:-1]), number) if 1 <= number <= 20 else None


def spellings(series: str, number: int) -> list[str]:
    """Titles that the part of a series may have, for a search by similarity."""
    forms = [f"{series} {number}", f"{series} PART {number}"]
    roman = _ROMAN_OF.get(number)
    return [*forms, f"{series} {roman}", f"{series} PART {roman}"] if roman else forms


def numbered_fits(series: str, number: int, titles: dict[int, tuple[str, int | None]]) -> dict[int, float]:
    """How well titles are that part of the series, 0 to 1, by id; without those that are not.

    titles: search key and year of each title by id. A title with the number fits by how much of it was typed; where
    none has the number, the part is counted among the titles of the series in the order of their years.
    """
    base = tuple(series.split())
    fits: dict[int, float] = {}
    in_series: list[tuple[int, int, str]] = []
    for movie_id, (title, year) in titles.items():
        names = [numbered_words(part) for part in _names(title)]
        for words in names:
            rest = words[len(base) :] if words[: len(base)] == base else None
            if rest is None:
                continue
            if rest[:1] == (str(number),):
                fits[movie_id] = max(fits.get(movie_id, 0.0), 1.0 if len(rest) == 1 else 0.95)
            elif number == 1 and not rest:
                fits[movie_id] = 0.98
        if names[0][: len(base)] == base and year is not None and not any(part.isdigit() for part in names[0]):
            in_series.append((year, movie_id, title))
    if not fits and len(in_series) >= number:
        fits[sorted(in_series)[number - 1][1]] = 0.95
    return fits


def _names(title: str) -> Iterator[str]:
    """A title and its other titles, which stand in parentheses."""
    main, *others = re.split(r"\s*[()]\s*", title)
    yield main
    for other in others:
        if other:
            yield _PREFIX.sub("", other)
