"""Reads what a typed query asks for besides words: movies by a person in a role, or from a country. Without Django."""

import re
from collections import Counter
from typing import NamedTuple

_OF_DIRECTOR = re.compile(
    r"^(?:(?:other|more)\s+)?(?:(?:the\s+)?(?:movies?|films?|something|anything)\s+)?(?:from|by|of)?\s*(?:the\s+)?"
    r"(?:same\s+)?director\s+(?:of|from|who\s+(?:made|directed|did))\s+(?P<name>.+)$",
    re.IGNORECASE,
)
_BY = re.compile(
    r"^(?:(?:the\s+)?(?:movies?|films?)\s+)?(?:(?:that\s+(?:are|were)\s+)?(?:directed|made|written\s+and\s+directed)\s+)?"
    r"by\s+(?P<name>.+)$|^(?:director|regie)[:\s]+(?!of\b|from\b)(?P<director>.+)$",
    re.IGNORECASE,
)
_WITH = re.compile(
    r"^(?:(?:the\s+)?(?:movies?|films?|something|anything)\s+)?(?:with|starring|featuring|that\s+stars?|actor|actress)"
    r"[:\s]+(?P<name>.+)$",
    re.IGNORECASE,
)
_DIRECTED_BY = re.compile(
    r"\bdirected(?:,[\w\s,-]{1,40}|\s+and\s+[\w-]+|,?\s+and\s+\w+)?\s+by\s+"
    r"(?P<names>[^\W\d_a-z][\w.'\u2019-]*(?:\s+(?:(?:de|von|van|del|la|da|di|le)\s+)?[^\W\d_a-z][\w.'\u2019-]*){1,3})"
)


class Role(NamedTuple):
    """A person in a role: by name, or as the director of a movie."""

    role: str
    name: str = ""
    movie: str = ""


def role_typed(query: str) -> Role | None:
    """The person whose movies a query asks for: "director of jaws", "with meryl streep"."""
    if found := _OF_DIRECTOR.match(query):
        return Role("director", movie=found["name"])
    if found := _BY.match(query):
        return Role("director", name=found["name"] or found["director"])
    if found := _WITH.match(query):
        return Role("cast", name=found["name"])
    return None


def directors_in(overview: str) -> list[str]:
    """The directors that a text about a movie names: "directed by Steven Spielberg"."""
    return [found["names"].rstrip(".'") for found in _DIRECTED_BY.finditer(overview[:1000])]


class Origin(NamedTuple):
    """A country and its language, as queries and texts name them.

    word: as in "a French film". language: ISO 639-1. typed: further words of a query. function_words:
    articles and the like of this language, by which its titles are recognised.
    """

    word: str
    language: str
    typed: frozenset[str] = frozenset()
    function_words: frozenset[str] = frozenset()


def _origin(word: str, language: str, typed: str = "", function_words: str = "") -> Origin:
    return Origin(word, language, frozenset([word.lower(), *typed.split()]), frozenset(function_words.upper().split()))


ORIGINS = (
    _origin(
        "French", "fr", "france francais francaise", "le les du des et un une au aux est dans pour sur qui je ne pas"
    ),
    _origin("Italian", "it", "italy italiano", "il lo gli di della del dei delle che per un una nel alla"),
    _origin("Spanish", "es", "spain espanol", "el los las del y una un con mi tu sin para por en que"),
    _origin("German", "de", "germany deutsch", "der die das und ein eine einer im von des dem den auf ist nicht mit"),
    _origin("Swedish", "sv", "sweden", "och det en ett som den att till om av"),
    _origin("Danish", "da", "denmark", "og det et den til af"),
    _origin("Norwegian", "no", "norway", "og det et den til av"),
    _origin("Portuguese", "pt", "portugal", "os do da dos de um uma em na"),
    _origin("Brazilian", "pt", "brazil", "os do da dos de um uma em na"),
    _origin("Japanese", "ja", "japan", "no wa ga ni wo to"),
    _origin("Korean", "ko", "korea"),
    _origin("Chinese", "zh", "china mandarin"),
    _origin("Hong Kong", "cn", "cantonese"),
    _origin("Indian", "hi", "india hindi bollywood"),
    _origin("Russian", "ru", "russia soviet"),
    _origin("Polish", "pl", "poland"),
    _origin("Mexican", "es", "mexico"),
    _origin("Iranian", "fa", "iran persian"),
    _origin("British", "", "english britain england uk"),
    _origin("Irish", "", "ireland"),
    _origin("Canadian", "", "canada"),
    _origin("Australian", "", "australia"),
)
_BY_WORD = {word: origin for origin in ORIGINS for word in origin.typed}
# The languages of each function word. Japanese titles are recognised by their spelling.
_LANGUAGES_OF: dict[str, set[str]] = {}
for _item in ORIGINS:
    for _word in _item.function_words if _item.language != "ja" else ():
        _LANGUAGES_OF.setdefault(_word, set()).add(_item.language)
_PARENTHESISED = re.compile(r"\(([^()]+)\)")
_LETTERS = re.compile(r"[^\W_]+")
# Words spelled as Japanese is in Latin letters: consonant, vowels, at most an n. Each letter can be matched in one way
# only, so that no title makes it backtrack.
_CONSONANT = "(?:[KGSZTDNHBPMRJFWY]|[KGNHBPMR]Y|SH|CH|TS|TCH|KK|TT|PP|SS|SSH)"
_ROMAJI = re.compile(rf"{_CONSONANT}?[AEIOU]+(?:N?{_CONSONANT}[AEIOU]+)*N?")
# The first sentence of an article says where a movie is from.
_FIRST_SENTENCE = 250
# Words that occur in no English title.
_FOREIGN = {"UN", "UNE", "DES", "ET", "UND", "DELLA", "GLI", "OCH"}
_ARTICLES = {"LE", "LES", "UN", "UNE", "IL", "GLI", "EL", "LOS", "LAS", "DER", "DAS", "EIN", "EINE", "DET", "DU", "LO"}


def origin_typed(words: list[str]) -> tuple[Origin, list[str]] | None:
    """The country that a query names, with its other words; None without a country or without other words."""
    for place, word in enumerate(words):
        origin = _BY_WORD.get(word.lower())
        if origin is not None and len(words) > 1:
            return origin, [*words[:place], *words[place + 1 :]]
    return None


def origin_fits(origin: Origin, language: str, title: str, overview: str) -> float:
    """The confidence that a movie is from this country or in its language, 0 to 1.

    title: as a search key. The stored language decides; else the first sentence of the overview, else the title.
    """
    if language and origin.language:
        return float(language.lower() == origin.language)
    if re.search(rf"\b(?:is|was) an? [^.]{{0,60}}\b{origin.word}\b", overview[:_FIRST_SENTENCE]):
        return 1.0
    return 0.9 if _titled_in(origin, title) else 0.0


def _titled_in(origin: Origin, title: str) -> bool:
    """Whether a title, or one in parentheses beside it, is in the language of a country."""
    if not origin.function_words:
        return False
    for name in _PARENTHESISED.findall(title):
        if name.startswith("A.K.A"):
            continue
        words = _LETTERS.findall(name)
        if origin.language == "ja":
            if words and len(name) > 4 and all(_ROMAJI.fullmatch(word) for word in words):
                return True
        elif _votes(words) == origin.language:
            return True
    words = _LETTERS.findall(title.partition(" (")[0])
    foreign = set(words[:1]) & _ARTICLES | set(words) & _FOREIGN
    return bool(foreign & origin.function_words) and _votes(words) == origin.language


def _votes(words: list[str]) -> str:
    """The language with most of its function words among these; of equal ones the first of ORIGINS, "" for none."""
    counts = Counter(language for word in words for language in _LANGUAGES_OF.get(word, ()))
    best = max(counts.values(), default=0)
    return next((origin.language for origin in ORIGINS if best and counts[origin.language] == best), "")
