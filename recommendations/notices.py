"""What an answer lacks of what was asked, said in the answer: a list without it looks like any other."""

from typing import TypedDict

from recommendations.meaning import TextMeaning


class Notice(TypedDict):
    """``code`` is for programs, ``text`` for people."""

    code: str
    text: str


_TEXTS = {
    "mood_unavailable": "The mood was not applied: there is no model that can read it now.",
    "mood_unknown": "The mood was not applied: the model knows none of its words.",
    "meaning_unavailable": "Searched by titles, words and names alone: there is no model that can read a meaning now.",
}


def of_mood(meaning: TextMeaning | None) -> list[Notice]:
    """For a list that was asked for with a mood (None without one)."""
    return [_notice(f"mood_{meaning.missing}")] if meaning is not None and meaning.missing else []


def of_search(meaning: TextMeaning) -> list[Notice]:
    """For what a search found. Words that no movie is about are nothing to speak of."""
    return [_notice("meaning_unavailable")] if meaning.missing == "unavailable" else []


def _notice(code: str) -> Notice:
    return {"code": code, "text": _TEXTS[code]}
