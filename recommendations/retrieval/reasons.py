"""The reason for each item of a list, as a code and a text, from the top contribution to its score."""

from typing import NotRequired, TypedDict

from events.kinds import KIND_TABLE, LIKED_FROM, Kind
from events.selectors import Signal

# With a smaller share of real time in its score, an item is not there because of a single signal.
MIN_REALTIME_SHARE = 0.1


class Reason(TypedDict):
    """``movie_id`` is set if the reason is one movie, ``genre`` (a slug) if it is one genre."""

    code: str
    text: str
    movie_id: NotRequired[int]
    genre: NotRequired[str]


POPULAR: Reason = {"code": "popular", "text": "Popular right now"}
TRENDING: Reason = {"code": "trending", "text": "Liked by more people than usual"}
TASTE: Reason = {"code": "taste", "text": "Matches your taste"}

CURATED: Reason = {"code": "curated", "text": "Picked by our editors"}
NEW_THIS_WEEK: Reason = {"code": "new", "text": "New this week"}
NEW_HERE: Reason = {"code": "new", "text": "New here"}
GROUP_ALL: Reason = {"code": "suits_all", "text": "Suits all of you"}
GROUP_MOST: Reason = {"code": "suits_most", "text": "Suits most of you"}
GROUP_SOME: Reason = {"code": "suits_some", "text": "Suits some of you"}
GROUP_REASONS = {reason["code"]: reason for reason in (GROUP_ALL, GROUP_MOST, GROUP_SOME, POPULAR)}


def popular_in_genre(name: str, slug: str) -> Reason:
    """The reason that names a preferred genre."""
    return {"code": "popular_in_genre", "text": f"Popular with people who like {name}", "genre": slug}


def group_reason(popular: float, suited: int, members: int) -> Reason:
    """The reason for a group of ``members``, of whom the movie suits ``suited``.

    popular: popularity's share of the score; above one half, popularity is the reason. The reason never names a
    member's signals, which the others must not see.
    """
    if popular > 0.5:
        return POPULAR
    if suited == members:
        return GROUP_ALL
    return GROUP_MOST if 2 * suited > members else GROUP_SOME


def is_nameable(signal: Signal) -> bool:
    """Whether a reason may name this signal: not a negative one, nor a rating below LIKED_FROM."""
    named = KIND_TABLE[Kind(signal.kind)].reason is not None
    return named and (signal.value is None or signal.value >= LIKED_FROM)


def because_of(signal: Signal, title: str) -> Reason:
    """The reason that names one signal of the person; TASTE if it is not nameable."""
    reason = KIND_TABLE[Kind(signal.kind)].reason
    if reason is None or not is_nameable(signal):
        return TASTE
    return {"code": reason.code, "text": reason.text.format(title), "movie_id": signal.movie_id}
