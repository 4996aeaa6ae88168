"""Parses MovieLens titles: ``"Matrix, The (1999)"``."""

import re
import unicodedata
from dataclasses import dataclass

from movies.text import normalise_line

MIN_YEAR = 1870
MAX_YEAR = 2200

# The articles that the data sets move to the end of a title.
_ARTICLES = (
    "The|A|An|La|Le|Les|Il|Lo|I|Gli|El|Los|Las|Der|Die|Das|Den|Det|De|Een|Het|Ein|Eine|En|Ett|Un|Une|Una|Uno|O|Os"
)
_MOVED_ARTICLE = re.compile(rf"^(?P<rest>.+), ?(?P<article>{_ARTICLES}|L['`\u2019])$")
# "(1999)", "(2006-2007)" with any dash, "(2007- )", each optionally followed by ML-100k's "(V)" (video) or "(TV)".
_YEAR = re.compile(r"\s*\((?P<year>[0-9]{4})(?:\s*[-\u2013\u2014]\s*(?:[0-9]{4})?)?\s*\)\s*(?:\((?:V|TV)\))?$")
_PARENTHESISED = re.compile(r"\(([^()]*)\)")
_AKA = re.compile(r"^(?P<aka>a\.?k\.?a\.?:? )(?P<name>.+)$", re.IGNORECASE)
_LEADING_ARTICLE = re.compile(r"^(?:The|A|An)\s+", re.IGNORECASE)
_NOT_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Title:
    """A title in reading order and its year of release; ``text`` is empty only if the raw title was blank."""

    text: str
    year: int | None


def parse_title(raw: str) -> Title:
    """Parses a MovieLens title; accepts any text.

    The article moves to the front and the year out of the title. Alternative titles in parentheses stay, since people
    search for them: ``"Seven (a.k.a. Se7en) (1995)"`` is ``"Seven (a.k.a. Se7en)"``, 1995. Of a range of years,
    the first is used; a number that is no plausible year stays in the title.
    """
    text = normalise_line(raw)
    year: int | None = None
    found = _YEAR.search(text)
    if found and found.start() > 0 and MIN_YEAR <= int(found["year"]) <= MAX_YEAR:
        year = int(found["year"])
        text = text[: found.start()]
    main, alternatives = _split_alternatives(text)
    if not main:
        return Title(_article_first(text), year)
    others = [_alternative(name) for name in _PARENTHESISED.findall(alternatives)]
    return Title(" ".join([_article_first(main), *(f"({name})" for name in others if name)]), year)


def match_key(title: str) -> str:
    """The title without alternatives, articles, accents, case and punctuation, in which data sets differ."""
    main = _split_alternatives(title)[0] or title
    main = _LEADING_ARTICLE.sub("", main.strip()) or main
    plain = "".join(c for c in unicodedata.normalize("NFKD", main) if not unicodedata.combining(c))
    return _NOT_WORD.sub(" ", plain.casefold().replace("&", " and ")).strip() or title.casefold()


def _split_alternatives(text: str) -> tuple[str, str]:
    """The title, and the names in parentheses at its end. In linear time, which no regular expression is."""
    end = len(text)
    while text.endswith(")", 0, end):
        start = text.rfind("(", 0, end)
        if start < 0 or text.find(")", start, end) < end - 1:
            break
        end = len(text[:start].rstrip())
    return text[:end], text[end:]


def _article_first(text: str) -> str:
    moved = _MOVED_ARTICLE.match(text.strip())
    if moved is None:
        return text.strip()
    article = moved["article"]
    return f"{article}{' ' if article.isalpha() else ''}{moved['rest']}"


def _alternative(name: str) -> str:
    aka = _AKA.match(name.strip())
    return f"{aka['aka']}{_article_first(aka['name'])}" if aka else _article_first(name)
