"""Keeps spreadsheets from running a text as a formula, and takes the mark off again on import. Without Django."""

import re

# What spreadsheets take for the beginning of a formula, also in full width, after any marks of ours.
_MARKED = re.compile("^'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")


def escaped(text: str) -> str:
    """The text with an apostrophe before it if a spreadsheet would run it."""
    return f"'{text}" if _MARKED.match(text) else text


def unescaped(text: str) -> str:
    """The text that ``escaped`` was given."""
    return text[1:] if text.startswith("'") and _MARKED.match(text) else text
