"""Normalises text, so that the same name is the same string, whichever source it comes from. Without Django.

Stored text passes through ``normalise_text`` or ``normalise_line``, search text through ``normalise_query``. Texts are
compared by ``search_key``, which is ``movies_search_key`` in PostgreSQL.
"""

import re
import unicodedata

# Invisible characters: soft hyphen, zero-width space, direction marks, word joiner, byte order mark.
# The joiners U+200C and U+200D are kept in stored text: Persian and emoji need them.
INVISIBLE = (
    "\u00ad\u180e\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_JOINERS = "\u200c\u200d"
# Letters with a stroke and ligatures, which Unicode does not decompose, and typographic quotes.
LETTERS = {
    **dict(zip("øØłŁđĐħĦŧŦƀıðÐ", "oOlLdDhHtTbidD", strict=True)),
    **{"æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ß": "ss", "ẞ": "SS", "þ": "th", "Þ": "TH"},
    **dict.fromkeys("\u2018\u2019\u02bc", "'"),
    **dict.fromkeys("\u201c\u201d", '"'),
}
_INVISIBLE_MAP: dict[int, str | None] = {ord(letter): None for letter in INVISIBLE}
# Line separators separate words, so they become line feeds instead of nothing.
_INVISIBLE_MAP |= dict.fromkeys((0x2028, 0x2029), "\n")
_INVISIBLE_IN_QUERY_MAP = _INVISIBLE_MAP | dict.fromkeys(map(ord, _JOINERS))
_LETTERS = str.maketrans(LETTERS)
# A zero byte is kept, so that validation rejects the text.
_CONTROL = re.compile(r"[\x01-\x1f\x7f-\x9f]")
_CONTROL_BUT_LINES = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_ACCENT_MARKS = re.compile("[\u0300-\u036f]")
# Normalisation sorts the combining marks of a letter in quadratic time. No script has more than this many marks on a
# letter (UAX 15, Stream-Safe Text Format), and shorter texts cannot hold enough of them to matter.
_MAX_MARKS = 30
_MAX_UNCHECKED_LENGTH = 1000


def normalise_text(text: str) -> str:
    """The stored form of a text of several lines: NFC, trimmed, without invisible characters.

    Zero bytes and lone surrogates, which PostgreSQL cannot store, are kept, so that validation rejects them.
    """
    if text.isascii() and not _CONTROL_BUT_LINES.search(text):
        return text.strip()
    text = unicodedata.normalize("NFC", _bounded_marks(text.translate(_INVISIBLE_MAP)))
    return _CONTROL_BUT_LINES.sub(" ", text).replace("\u00a0", " ").strip()


def normalise_line(text: str) -> str:
    """The stored form of a name or title: ``normalise_text``, and each run of whitespace is one space."""
    return " ".join(normalise_text(text).split())


def normalise_query(text: str) -> str:
    """The normalised form of a typed query: NFKC, which also turns full-width letters into ordinary ones, without
    invisible characters; each run of whitespace or control characters is one space."""
    if text.isascii() and not _CONTROL.search(text):
        return " ".join(text.split())
    plain = unicodedata.normalize("NFKC", _bounded_marks(text.translate(_INVISIBLE_IN_QUERY_MAP)))
    return " ".join(_CONTROL.sub(" ", plain).split())


def unaccented(text: str) -> str:
    """The text with plain letters: é is e, ø is o, æ is ae. In PostgreSQL ``movies_unaccented``.

    Removes the marks of European scripts only: in Japanese and Hindi, a mark makes another letter.
    """
    if text.isascii():
        return text
    plain = _ACCENT_MARKS.sub("", unicodedata.normalize("NFKD", _bounded_marks(text))).translate(_LETTERS)
    return unicodedata.normalize("NFC", plain)


def search_key(text: str) -> str:
    """The form in which texts are searched: upper case without accents. In PostgreSQL ``movies_search_key``."""
    return unaccented(text).upper()


def search_key_typed(text: str) -> str:
    """The search key of text typed into a field without validation, in any normal form; drops zero bytes."""
    return search_key(normalise_query(text.replace("\x00", "")))


def _bounded_marks(text: str) -> str:
    """The text with at most _MAX_MARKS combining marks on a letter; short texts are returned as they are."""
    if len(text) <= _MAX_UNCHECKED_LENGTH:
        return text
    kept: list[str] = []
    marks = 0
    for letter in text:
        marks = marks + 1 if unicodedata.combining(letter) else 0
        if marks <= _MAX_MARKS:
            kept.append(letter)
    return "".join(kept)
