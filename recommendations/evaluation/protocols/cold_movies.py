"""Cold-start movies: a fifth of the catalogue is held out completely and ranked among itself for each person.

A like is a rating of 4 and up; the catalogue is every movie that somebody likes. The nightly pipeline trains on the
ratings of the other four fifths and on everybody's texts, and predicts the held-out movies' factors from content. A
person's query vector is the mean of the query factors of their likes in the training part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommendations.algorithms.content.lsa import MovieContent
from recommendations.algorithms.feedback import rating_weights
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.pipeline.train import TrainingConfig, train
from recommendations.algorithms.top_n import top_n
from recommendations.evaluation.protocols.base import Options, ProtocolError, Stopwatch
from recommendations.evaluation.protocols.data import LIKE_FROM, Ratings, matrix_over, read_contents, read_ratings
from recommendations.evaluation.protocols.ranking import AUTOENCODER_ONLY
from recommendations.evaluation.published import COLD_MOVIES
from recommendations.evaluation.report import CURVE_CUTS, EvaluationReport, ranking_row

NAME = "cold-movies"
HELD_OUT_SHARE = 0.2
CONFIG = TrainingConfig(evaluated_people=0, ranker=AUTOENCODER_ONLY, rating=None)


def run(path: Path, options: Options) -> EvaluationReport:
    """Ours (texts, people and genres), genres alone, and chance. Raises ArchiveError or ProtocolError for bad input."""
    if options.metadata is None:
        raise ProtocolError("cold-movies needs the movies' texts: give movie-metadata.zip with --metadata.")
    watch = Stopwatch(options.on_progress)
    with watch.stage("reading", 0.0):
        name, ratings = read_ratings(path)
        contents = read_contents(path, options.metadata)
    catalogue = np.unique(ratings.items[ratings.ratings >= LIKE_FROM])
    cold = held_out_movies(catalogue, options.seed)
    if options.k > len(cold):
        raise ProtocolError(f"k = {options.k} is more than the {len(cold)} movies that are held out.")
    cold_ratings = ratings.take(np.isin(ratings.items, cold) & (ratings.ratings >= LIKE_FROM))
    people = np.unique(cold_ratings.users)
    if not len(people):
        raise ProtocolError("The test part is empty: nobody likes any of the held-out movies.")
    relevant = matrix_over(np.stack([cold_ratings.users, cold_ratings.items], 1), people, cold)
    known = ratings.take(np.isin(ratings.items, np.setdiff1d(catalogue, cold)))
    rng = np.random.default_rng(options.seed)
    with watch.stage("fitting ours", 0.1):
        ours = cold_scores(known, contents, people, cold)
    with watch.stage("fitting genres only", 0.5):
        genres = cold_scores(known, genres_only(contents), people, cold)
    chance = rng.random((len(people), len(cold)), np.float32)
    rows = []
    length = min(max(options.k, *CURVE_CUTS), len(cold))
    for model, scores in (("ours", ours), ("genres only", genres), ("random", chance)):
        ranked, _ = top_n(scores, length)
        rows.append(ranking_row(model, ranked, relevant, k=options.k, seed=options.seed)[0])
    facts: dict[str, int | float | str] = {
        "people": len(people),
        "movies held out": len(cold),
        "movies with text": sum(1 for content in contents if content.overview),
        **watch.facts(),
    }
    return EvaluationReport(NAME, name, f"ndcg@{options.k}", rows, COLD_MOVIES, facts, asdict(CONFIG))


def held_out_movies(catalogue: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """A fifth of ``catalogue`` drawn by ``seed``, ascending ids."""
    count = round(len(catalogue) * HELD_OUT_SHARE)
    return np.sort(np.random.default_rng(seed).permutation(catalogue)[:count])


def genres_only(contents: Sequence[MovieContent]) -> list[MovieContent]:
    """The same movies with no content except their genres."""
    return [MovieContent(content.movie_id, "", genres=content.genres) for content in contents]


def cold_scores(
    known: Ratings, contents: Sequence[MovieContent], people: NDArray[np.int64], cold: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Scores of the ``cold`` movies for ``people``, shape (people, cold), by the published factors."""
    missing = np.setdiff1d(cold, [content.movie_id for content in contents])
    # A movie with ratings that the archive does not list has no content.
    listed = [*contents, *(MovieContent(int(movie), "") for movie in missing)]
    model = train(interactions_from_ratings(known), listed, CONFIG)
    liked = known.ratings >= LIKE_FROM
    likes: csr_array = matrix_over(np.stack([known.users, known.items], 1)[liked], people, model.movie_ids)
    count = np.maximum(np.diff(likes.indptr), 1).astype(np.float32)
    query = np.asarray(likes @ model.query_factors) / count[:, None]
    place = np.searchsorted(model.movie_ids, cold)
    return np.asarray(query @ model.item_factors[place].T, np.float32)


def interactions_from_ratings(ratings: Ratings) -> Interactions:
    """Ratings as the nightly training reads them from the database."""
    return Interactions.from_columns(
        ratings.users,
        ratings.items,
        weights=rating_weights(ratings.ratings),
        ratings=ratings.ratings,
        timestamps=ratings.timestamps,
    )
