"""Notices in a response: what the request asked for and the server could not do."""

from typing import TypedDict

from recommendations.vectors.text_query import TextMeaning


class Notice(TypedDict):
    """``code`` is for programs, ``text`` for people."""

    code: str
    text: str


TEXTS = {
    "mood_unavailable": "The mood was not applied: there is no model that can read it now.",
    "mood_unknown": "The mood was not applied: the model knows none of its words.",
    "shown_lately": "The list ends with movies that you were shown lately, because too few others are left.",
    "meaning_unavailable": "Searched by titles, words and names alone: there is no model that can read a meaning now.",
}


def mood_notices(meaning: TextMeaning) -> list[Notice]:
    """The notices of a list with a mood, from the mood's meaning."""
    return [_notice(f"mood_{meaning.missing}")] if meaning.missing else []


def rest_notices(returned: int) -> list[Notice]:
    """The notices of a list at whose end this many resting movies returned."""
    return [_notice("shown_lately")] if returned else []


def search_notices(meaning: TextMeaning) -> list[Notice]:
    """The notices of a search. Words without a meaning need none: they only match by text."""
    return [_notice("meaning_unavailable")] if meaning.missing == "unavailable" else []


def _notice(code: str) -> Notice:
    return {"code": code, "text": TEXTS[code]}
