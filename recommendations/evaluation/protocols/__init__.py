"""All protocols by name, published ones and the project's own; ``manage.py evaluate`` runs them."""

from recommendations.evaluation.protocols import (
    cold_movies,
    dislikes,
    ml1m_fold,
    ml100k,
    new_ratings,
    new_users,
    next_item,
    rating,
    temporal,
)
from recommendations.evaluation.protocols.base import Options, Protocol, ProtocolError

__all__ = ["PROTOCOLS", "Options", "Protocol", "ProtocolError"]

_MOVIELENS = "a MovieLens archive with canonical movie ids, such as ml-1m.zip"

PROTOCOLS: dict[str, Protocol] = {
    ml1m_fold.NAME: Protocol(
        ml1m_fold.run,
        "top-N on ML-1M's published fold: likes, 10-core, 80/20 per person",
        "ml-1m-fold0.zip, or a folder or zip with train.tsv and test.tsv",
        can_ablate=True,
    ),
    ml100k.NAME: Protocol(
        ml100k.run,
        "top-N on ML-100k: 75/25 at random per person, every rating relevant, mean of five splits",
        "ml-100k.zip, or another MovieLens archive",
        can_ablate=True,
    ),
    rating.ML100K_NAME: Protocol(
        rating.run_ml100k,
        "rating prediction: 5-fold cross-validation, RMSE and MAE, with ML-100k's published rows",
        "ml-100k.zip, or another MovieLens archive",
        can_ablate=True,
    ),
    rating.ML1M_NAME: Protocol(
        rating.run_ml1m,
        "the same with ML-1M's published rows; takes a quarter of an hour",
        "ml-1m.zip, or another MovieLens archive",
        can_ablate=True,
    ),
    cold_movies.NAME: Protocol(
        cold_movies.run,
        "movies without ratings, ranked among themselves by factors predicted from content; mean of ten draws",
        _MOVIELENS,
        needs_metadata=True,
    ),
    new_users.NAME: Protocol(
        new_users.run,
        "1,000 people held out completely: lists after their first 1, 3, 5, 10 and 20 likes, measured on the rest",
        _MOVIELENS,
    ),
    dislikes.NAME: Protocol(
        dislikes.run,
        "200 people held out completely: what a dislike of a movie outside their taste leaves of their lists",
        _MOVIELENS,
    ),
    new_ratings.NAME: Protocol(
        new_ratings.run,
        "1,000 people held out completely: RMSE of their ratings, predicted from their first 1, 3, 5, 10 and 20",
        _MOVIELENS,
    ),
    next_item.NAME: Protocol(
        next_item.run,
        "leave-one-out: everybody's last rating found by the order of the earlier ones, all movies ranked",
        _MOVIELENS,
    ),
    temporal.NAME: Protocol(
        temporal.run,
        "the live system over time: trained once, then serving people while they rate on",
        "a MovieLens archive, such as ml-1m.zip",
    ),
}
