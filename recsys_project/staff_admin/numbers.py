"""Ids in forms and addresses of the admin."""

from typing import Final

# Below the largest bigint, and far below the 4,300 digits at which Python refuses to read a number.
MAX_DIGITS: Final = 18


def id_typed(text: str) -> int:
    """The id; 0, which no row has, for a text that is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else 0
