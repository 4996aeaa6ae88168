"""Texts brought to one form, so that the same name is the same text whatever wrote it. Free of Django.

Everything that is stored goes through ``normalise_text`` or ``normalise_line``; everything that is looked for goes
through ``normalise_query``; and texts are compared by ``search_key``, in PostgreSQL as ``movies_search_key``.
"""

import re
import unicodedata

# What nobody sees and nobody types: soft hyphen, zero-width space, marks of direction, word joiner, byte order mark.
# The joiners U+200C and U+200D stay in stored texts, where Persian and emoji need them.
INVISIBLE = (
    "\u00ad\u180e\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_JOINERS = "\u200c\u200d"
# The letters with a stroke and the ligatures that no decomposition takes apart, and the quotes of phones.
LETTERS = {
    **dict(zip("øØłŁđĐħĦŧŦƀıðÐ", "oOlLdDhHtTbidD", strict=True)),
    **{"æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ß": "ss", "ẞ": "SS", "þ": "th", "Þ": "TH"},
    **dict.fromkeys("\u2018\u2019\u02bc", "'"),
    **dict.fromkeys("\u201c\u201d", '"'),
}
_UNSEEN: dict[int, str | None] = {ord(letter): None for letter in INVISIBLE}
# Line separators part words, so they become blanks rather than nothing.
_UNSEEN |= dict.fromkeys((0x2028, 0x2029), "\n")
_UNSEEN_IN_QUERY = _UNSEEN | dict.fromkeys(map(ord, _JOINERS))
_LETTERS = str.maketrans(LETTERS)
# A zero byte is no blank: it stays, so that whoever checks the text refuses it.
_CONTROL = re.compile(r"[\x01-\x1f\x7f-\x9f]")
_CONTROL_BUT_LINES = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_MARKS = re.compile("[\u0300-\u036f]")
# Marks of one letter are brought into an order, in time that grows with the square of how many there are. No script
# puts this many on a letter (UAX 15, Stream-Safe Text Format), and in shorter texts there are not enough to matter.
_MAX_MARKS = 30
_FEW_LETTERS = 1000


def normalise_text(text: str) -> str:
    """A text of several lines as it is stored: NFC, nothing invisible, ends trimmed.

    A zero byte and a lone surrogate, which no database takes, stay for whoever checks the text.
    """
    if text.isascii() and not _CONTROL_BUT_LINES.search(text):
        return text.strip()
    text = unicodedata.normalize("NFC", _bounded_marks(text.translate(_UNSEEN)))
    return _CONTROL_BUT_LINES.sub(" ", text).replace("\u00a0", " ").strip()


def normalise_line(text: str) -> str:
    """A name or a title as it is stored: like ``normalise_text``, and each run of blanks is one space."""
    return " ".join(normalise_text(text).split())


def normalise_query(text: str) -> str:
    """What somebody typed, to be looked for: NFKC, which also makes full-width letters ordinary ones; nothing
    invisible; each run of blanks or control characters is one space."""
    if text.isascii() and not _CONTROL.search(text):
        return " ".join(text.split())
    plain = unicodedata.normalize("NFKC", _bounded_marks(text.translate(_UNSEEN_IN_QUERY)))
    return " ".join(_CONTROL.sub(" ", plain).split())


def unaccented(text: str) -> str:
    """The text with plain letters: é is e, ø is o, æ is ae. In PostgreSQL ``movies_unaccented``.

    Only marks on letters go that European scripts put there: in Japanese and Hindi a mark makes another letter.
    """
    if text.isascii():
        return text
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", _bounded_marks(text))).translate(_LETTERS)
    return unicodedata.normalize("NFC", plain)


def search_key(text: str) -> str:
    """The text as texts are searched: capitals without accents. In PostgreSQL ``movies_search_key``."""
    return unaccented(text).upper()


def search_key_typed(text: str) -> str:
    """The same of what somebody typed into a box that knows no errors: without zero bytes, whatever its form."""
    return search_key(normalise_query(text.replace("\x00", "")))


def _bounded_marks(text: str) -> str:
    """The text without what goes beyond _MAX_MARKS of the marks on one letter, where it is long."""
    if len(text) <= _FEW_LETTERS:
        return text
    kept: list[str] = []
    marks = 0
    for letter in text:
        marks = marks + 1 if unicodedata.combining(letter) else 0
        if marks <= _MAX_MARKS:
            kept.append(letter)
    return "".join(kept)
