"""The live version's configuration, fitted on the same data as a candidate's, so that only the configurations differ.

The live version's own lists are no fair opponent: its model has learned from the likes that are held out, and people
like what its lists showed them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.mapped import LikesOf, local_likes
from recommendations.algorithms.measuring import metrics
from recommendations.algorithms.measuring.bootstrap import difference_interval
from recommendations.algorithms.rankers.ensemble import EnsembleConfig, RankingEnsemble

# Positions of the best unseen items of some people, (people, n).
Lists = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Incumbent:
    """What the live version is trained with.

    version: its number. ranker: None if nothing differs from the candidate's configuration, so that nothing needs to
    be fitted. weights: the preference weight of each interaction by its feedback configuration, float32 (n,); None if
    they are the candidate's.
    """

    version: int
    ranker: EnsembleConfig | None = None
    weights: NDArray[np.float32] | None = None


def ranked_lists(
    ranker: EnsembleConfig,
    kept: Interactions,
    users: NDArray[np.int64],
    n: int,
    likes_of: LikesOf = local_likes,
) -> Lists:
    """Fit on ``kept`` and rank for the people at positions ``users``, (people, n); the model is freed afterwards."""
    model = RankingEnsemble(ranker).fit(likes_of(kept))
    return np.vstack([positions for _, positions, _ in model.recommend(kept, n, users=users)])


def compare_with_incumbent(
    ours: Lists,
    incumbent: Incumbent,
    kept: Interactions,
    held: NDArray[np.bool_],
    *,
    users: NDArray[np.int64],
    relevant: Any,
    measure: Callable[[Lists, Any], dict[str, float]],
    likes_of: LikesOf = local_likes,
) -> dict[str, Any]:
    """The incumbent's quality on the candidate's split, and the 95% interval of the difference, paired by person.

    ours: the candidate's lists, (people, n). kept, held: the training part, and the mask (interactions,) of the rest.
    relevant: the held-out likes, csr (people, items). measure: the means of all metrics. likes_of: see
    ``train``. Takes as long as the candidate's own evaluation; nothing if the configurations are the same.
    """
    if incumbent.ranker is None:
        return {"live": {"version": incumbent.version, "same_configuration": True}}
    if incumbent.weights is not None:
        kept = replace(kept, weights=incumbent.weights[~held])
    n = ours.shape[1]
    theirs = ranked_lists(incumbent.ranker, kept, users, n, likes_of)
    above = difference_interval(*(metrics.ndcg(ranked, relevant, n) for ranked in (ours, theirs)))
    return {
        "live": {"version": incumbent.version, **measure(theirs, relevant)},
        # The 95% interval of its nDCG minus that of the live version's configuration.
        "above_live": [round(above.low, 5), round(above.high, 5)],
    }
