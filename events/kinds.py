"""The kinds of events, and what each of them means: one table for every layer.

``KIND_TABLE`` has one row for each kind. The nightly model, the speed layer, popular and trending movies, the list of
seen movies and the reasons derive what they need from it, in SQL and in arrays alike. No framework is imported here,
so that the pure rooms can read it too.

To add a kind: a member and a row here, ``makemigrations``, its line in docs/api.md and that of its reason, and its code
in tests/unit/events/test_kinds.py. The migration of a kind that votes or withdraws builds two indexes of all events.

Where one person gave several kinds for one movie, an explicit judgement (rating, like, dislike; the newest of them)
outranks a watch, a watch outranks a hide or a part that was watched (the newer of them), and these outrank a view, a
click or a place on the watchlist (the newest of them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class Kind(StrEnum):
    """A kind of event. The values are what the database stores and the API takes."""

    RATING = "rating"
    LIKE = "like"
    DISLIKE = "dislike"
    VIEW = "view"
    WATCH = "watch"
    HIDE = "hide"
    CLICK = "click"
    WATCHLIST = "watchlist"
    # A watch whose progress is below WATCHED_FROM. Callers send a watch with its progress, and see it as that.
    PARTIAL = "partial"

    @property
    def code(self) -> int:
        """The kind as a number, for columns of shape (n,) and dtype int8."""
        return KIND_TABLE[self].code


class ReasonTemplate(NamedTuple):
    """A reason for showing a movie: its code in the API, and its text with ``{}`` for the title of another movie."""

    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRow:
    """What one kind means."""

    # For people, in the admin and in the API schema.
    label: str
    # Columns and files hold this number: never change it, never use it twice. Codes count from 0 without gaps.
    code: int
    # Preference, from -1 (dislikes) to 1 (likes), in the nightly model and in the speed layer. None: the value of the
    # rating decides, by RATING_WEIGHTS.
    weight: float | None
    # The rating it stands for, 0.5 to 5, in averages and popularity. None: it does not judge the movie, or is a rating.
    as_rating: float | None
    # Of several kinds for one movie the highest counts; among equals, the newest event.
    precedence: int
    # Whether the person has seen the movie or does not want to: then it is not recommended.
    seen: bool
    # Whether it is a vote for the movie in trending; of ratings, those from POSITIVE_FROM on.
    votes: bool
    # Whether it takes back an earlier vote in trending, even where that vote's kind has the higher precedence.
    withdraws: bool
    # The reason it gives for similar movies, if any; of ratings, those from LIKED_FROM on.
    reason: ReasonTemplate | None


_LIKED = ReasonTemplate("because_liked", "Because you liked {}")
_VIEWED = ReasonTemplate("because_viewed", "Because you viewed {}")

# In the order in which the API and the admin list them.
KIND_TABLE: Final[Mapping[Kind, KindRow]] = MappingProxyType(
    {
        Kind.RATING: KindRow(
            label="Rating",
            code=0,
            weight=None,
            as_rating=None,
            precedence=3,
            seen=True,
            votes=True,
            withdraws=False,
            reason=_LIKED,
        ),
        Kind.LIKE: KindRow(
            label="Like",
            code=1,
            weight=1.0,
            as_rating=4.5,
            precedence=3,
            seen=True,
            votes=True,
            withdraws=False,
            reason=_LIKED,
        ),
        Kind.DISLIKE: KindRow(
            label="Dislike",
            code=2,
            weight=-1.0,
            as_rating=1.5,
            precedence=3,
            seen=True,
            votes=False,
            withdraws=True,
            reason=None,
        ),
        # Curiosity: does not keep the movie off later lists.
        Kind.VIEW: KindRow(
            label="View (opened the movie's page)",
            code=5,
            weight=0.2,
            as_rating=None,
            precedence=0,
            seen=False,
            votes=False,
            withdraws=False,
            reason=_VIEWED,
        ),
        # Chosen, but not yet judged.
        Kind.WATCH: KindRow(
            label="Watch",
            code=3,
            weight=0.7,
            as_rating=3.5,
            precedence=2,
            seen=True,
            votes=True,
            withdraws=False,
            reason=ReasonTemplate("because_watched", "Because you watched {}"),
        ),
        # Unwanted now, which is milder than disliked.
        Kind.HIDE: KindRow(
            label="Hide (asked not to see it again)",
            code=4,
            weight=-0.5,
            as_rating=None,
            precedence=1,
            seen=True,
            votes=False,
            withdraws=True,
            reason=None,
        ),
        # Chosen from a list: as much interest as opening the page, which usually follows.
        Kind.CLICK: KindRow(
            label="Click (chose it from a list)",
            code=6,
            weight=0.2,
            as_rating=None,
            precedence=0,
            seen=False,
            votes=False,
            withdraws=False,
            reason=_VIEWED,
        ),
        # Wants to see it: more than curiosity, less than having watched it.
        Kind.WATCHLIST: KindRow(
            label="Watchlist (wants to see it)",
            code=7,
            weight=0.5,
            as_rating=None,
            precedence=0,
            seen=False,
            votes=False,
            withdraws=False,
            reason=ReasonTemplate("on_watchlist", "Because {} is on your watchlist"),
        ),
        # Chosen and not finished, yet or ever.
        Kind.PARTIAL: KindRow(
            label="Partial (watched a part of it)",
            code=8,
            weight=0.4,
            as_rating=None,
            precedence=1,
            seen=False,
            votes=False,
            withdraws=False,
            reason=ReasonTemplate("because_watched", "Because you watched {}"),
        ),
    }
)
KIND_CHOICES: Final = [(kind.value, row.label) for kind, row in KIND_TABLE.items()]
# What callers send and see.
API_KIND_CHOICES: Final = [choice for choice in KIND_CHOICES if choice[0] != Kind.PARTIAL.value]
# What a person has lists of: hidden, on the watchlist, begun.
SHELF_KINDS: Final = (Kind.HIDE, Kind.WATCHLIST, Kind.PARTIAL)
# What a caller's kind is stored as.
STORED_AS: Final = {kind: (kind, Kind.PARTIAL) if kind is Kind.WATCH else (kind,) for kind in Kind}
# From this share on, a movie that was watched counts as watched to the end: the credits are not.
WATCHED_FROM: Final = 0.9
# What trending reads of the table of events: votes, and all that can replace or withdraw one. Without ratings, which
# have a table of their own.
VOTE_EVENTS: Final = tuple(kind for kind, row in KIND_TABLE.items() if row.votes and kind is not Kind.RATING)
OPINION_EVENTS: Final = tuple(
    kind for kind, row in KIND_TABLE.items() if (row.votes or row.withdraws) and kind is not Kind.RATING
)

# What a rating weighs: (from this rating on, weight), rising. 4 and up is what published protocols call a like. A
# rating of 3 is still a choice of that movie: 0.7 ranked best on validation data of ML-1M.
RATING_WEIGHTS: Final = ((0.5, -1.0), (2.0, -0.5), (2.5, -0.25), (3.0, 0.7), (3.5, 0.85), (4.0, 1.0))
# Two thresholds, because they answer two questions. A vote speaks to everybody, so it takes what published protocols
# call a like. A reason speaks to the person about their own rating, and 3.5 is in the upper half of the scale and
# weighs nearly as much as a like.
POSITIVE_FROM: Final = 4.0
LIKED_FROM: Final = 3.5
