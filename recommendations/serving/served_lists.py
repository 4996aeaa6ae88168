"""What the log of served lists records of a list that serving computed; see events.served."""

from collections.abc import Sequence
from uuid import UUID

from accounts.models import User
from events.served.entries import SOURCE_CODES, ServedList, Shown
from events.served.log import served_append
from recommendations.curation.active import Kind
from recommendations.serving.present import COLUMNS, PresentedList, RankedItem

# By column of the shares.
_CODES = [SOURCE_CODES[name] for name in COLUMNS]


def source_of(item: RankedItem) -> int:
    """The code of the source with the largest share of the item's score; a pin and a place for new movies are their
    own."""
    if item.rule is not None and item.rule.kind == Kind.PIN:
        return SOURCE_CODES["pinned"]
    if item.explored:
        return SOURCE_CODES["new"]
    return _CODES[item.shares.index(max(item.shares))]


def served_list(
    presented: PresentedList,
    *,
    recommendation_id: UUID,
    user: User | None,
    endpoint: str,
    limit: int,
    request_id: str,
    client_id: int | None = None,
    experiment: str = "",
    arm: str = "",
) -> ServedList:
    """A list that is shown from its first movie on, ``limit`` of them. client_id: of a guest's list."""
    items = presented.items
    return ServedList(
        id=recommendation_id,
        user_id=user.pk if user is not None else None,
        client_id=user.client_id if user is not None else client_id,
        endpoint=endpoint,
        model_version_id=presented.version_id,
        movie_ids=[item.movie_id for item in items],
        scores=[item.score for item in items],
        sources=[source_of(item) for item in items],
        explored=presented.explored,
        request_id=request_id,
        experiment=experiment,
        arm=arm,
        count=min(limit, len(items)),
    )


def log_positions(recommendation_id: UUID, positions: Sequence[int], *, user: User, request_id: str) -> None:
    """Logs a later page, which shows the movies at these positions, rising, of a list that is logged already.

    Movies that are left out divide it: each run of neighbours is logged as one page.
    """
    runs: list[list[int]] = []
    for position in positions:
        if runs and runs[-1][0] + runs[-1][1] == position:
            runs[-1][1] += 1
        else:
            runs.append([position, 1])
    shown = [
        Shown(recommendation_id=recommendation_id, user_id=user.pk, start=start, count=count, request_id=request_id)
        for start, count in runs
    ]
    if shown:
        served_append(*shown)
