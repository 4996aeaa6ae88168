import math

import numpy as np
import pytest
from scipy.sparse import csr_array

from recommendations.algorithms.measuring import metrics


def slow(ranked: list[int], wanted: set[int], k: int) -> dict[str, float]:
    """One person's metrics, written as the definitions read."""
    found = [item in wanted for item in ranked[:k]]
    gain = sum(1 / math.log2(place + 2) for place, hit in enumerate(found) if hit)
    ideal = sum(1 / math.log2(place + 2) for place in range(min(k, len(wanted))))
    return {
        "ndcg": gain / ideal,
        "recall": sum(found) / len(wanted),
        "precision": sum(found) / k,
        "hit_rate": float(any(found)),
    }


@pytest.mark.parametrize("name", ["ndcg", "recall", "precision", "hit_rate"])
@pytest.mark.parametrize("k", [1, 3, 10, 25])
def test_every_person_gets_what_the_definition_says(name, k):
    rng = np.random.default_rng(1)
    relevant = rng.random((50, 30)) < 0.15
    relevant[0] = False
    ranked = np.array([rng.permutation(30)[:20] for _ in range(50)])
    ranked[1, 5:] = -1

    measured = getattr(metrics, name)(ranked, csr_array(relevant.astype(np.float32)), k)

    assert math.isnan(measured[0])
    for person in range(1, 50):
        wanted = set(np.flatnonzero(relevant[person]).tolist())
        expected = slow(ranked[person].tolist(), wanted, k)[name] if wanted else math.nan
        assert measured[person] == pytest.approx(expected, nan_ok=True)


def test_nobody_with_anything_to_find_is_all_nan():
    nothing = csr_array((2, 5), dtype=np.float32)

    assert np.isnan(metrics.ndcg(np.zeros((2, 3), np.int32), nothing, 3)).all()


def test_k_of_zero_and_lists_of_other_people_are_refused():
    one = csr_array(np.ones((1, 3), np.float32))
    with pytest.raises(ValueError, match="k must be 1 or more"):
        metrics.ndcg(np.zeros((1, 3), np.int32), one, 0)
    with pytest.raises(ValueError, match="2 lists for 1 people"):
        metrics.recall(np.zeros((2, 3), np.int32), one, 3)
