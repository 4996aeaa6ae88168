"""The factors of a large autoencoder; what holds for every ranker is in test_rankers."""

import numpy as np

from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.rankers.linear_autoencoder import LinearAutoencoder, LinearAutoencoderConfig


def random_interactions(seed: int = 0, people: int = 60, items: int = 40) -> Interactions:
    rng = np.random.default_rng(seed)
    users, columns = np.nonzero(rng.random((people, items)) < 0.2)
    weights = rng.choice([-1.0, -0.5, 0.5, 1.0], len(users), p=[0.1, 0.1, 0.2, 0.6]).astype(np.float32)
    return Interactions.from_columns(users + 100, columns + 1000, weights=weights)


def test_truncated_factors_of_a_large_model_are_the_best_of_rank():
    model = LinearAutoencoder(LinearAutoencoderConfig(regularization=20)).fit(random_interactions(3, 800, 600).likes())
    singular = np.linalg.svd(model.weights, compute_uv=False)
    best = np.sqrt((singular[16:] ** 2).sum())

    query, item = model.factorise(16)

    assert np.linalg.norm(model.weights - query @ item.T) <= 1.02 * best
    again = model.factorise(16)
    assert np.array_equal(query, again[0])
    assert np.array_equal(item, again[1])
