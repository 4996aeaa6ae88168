"""Cold-start movies: a fifth of the catalogue is held out completely and ranked among itself for each person.

The choice of the fifth matters more than any model, so the main figure is the mean over ten draws: the official one,
drawn by ``seed``, and those of the nine seeds after it.

A like is a rating of 4 and up; the catalogue is every movie that somebody likes. The nightly pipeline trains on the
ratings of the other four fifths and on everybody's texts, and predicts the held-out movies' factors from content. A
person's query vector is the mean of the query factors of their likes in the training part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.stats import t as student_t

from recommendations.algorithms.content.lsa import MovieContent
from recommendations.algorithms.feedback import rating_weights
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.measuring.bootstrap import Interval
from recommendations.algorithms.pipeline.train import TrainingConfig, train
from recommendations.algorithms.top_n import top_n
from recommendations.evaluation.protocols.base import Options, ProtocolError, Stopwatch
from recommendations.evaluation.protocols.data import LIKE_FROM, Ratings, matrix_over, read_contents, read_ratings
from recommendations.evaluation.protocols.ranking import AUTOENCODER_ONLY
from recommendations.evaluation.published import COLD_MOVIES
from recommendations.evaluation.report import CURVE_CUTS, EvaluationReport, ModelRow, ranking_row

NAME = "cold-movies"
HELD_OUT_SHARE = 0.2
DRAWS = 10
CONFIG = TrainingConfig(evaluated_people=0, ranker=AUTOENCODER_ONLY, rating=None)


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw of held-out movies.

    cold: their ids, ascending; known: the ratings of the other movies; people: who likes any of ``cold``; relevant:
    which of them each likes, shape (people, cold).
    """

    seed: int
    cold: NDArray[np.int64]
    known: Ratings
    people: NDArray[np.int64]
    relevant: csr_array


def run(path: Path, options: Options, *, draws: int = DRAWS) -> EvaluationReport:
    """Ours (texts, people and genres), as the mean over ``draws`` and in the official draw; genres alone and chance in
    the official draw. Raises ArchiveError or ProtocolError for bad input.
    """
    if options.metadata is None:
        raise ProtocolError("cold-movies needs the movies' texts: give movie-metadata.zip with --metadata.")
    watch = Stopwatch(options.on_progress)
    with watch.stage("reading", 0.0):
        name, ratings = read_ratings(path)
        contents = read_contents(path, options.metadata)
    official = draw_movies(ratings, options.seed)
    if options.k > len(official.cold):
        raise ProtocolError(f"k = {options.k} is more than the {len(official.cold)} movies that are held out.")
    with watch.stage("fitting genres only", 0.0):
        genres = cold_scores(official, genres_only(contents))
    chance = np.random.default_rng(options.seed).random(genres.shape, np.float32)
    ours = []
    for number in range(draws):
        with watch.stage("fitting ours", (1 + number) / (1 + draws)):
            draw = official if number == 0 else draw_movies(ratings, options.seed + number)
            ours.append(_row(f"ours, draw of seed {draw.seed}", draw, cold_scores(draw, contents), options))
    rows = [
        mean_of_draws(ours),
        ours[0],
        _row(f"genres only, draw of seed {options.seed}", official, genres, options),
        _row(f"random, draw of seed {options.seed}", official, chance, options),
    ]
    metric = f"ndcg@{options.k}"
    facts: dict[str, int | float | str] = {
        "people of the official draw": len(official.people),
        "movies held out": len(official.cold),
        "movies with text": sum(1 for content in contents if content.overview),
        f"{metric} of ours by draw": " ".join(f"{row.figures[metric]:.4f}" for row in ours),
        **watch.facts(),
    }
    return EvaluationReport(NAME, name, metric, rows, COLD_MOVIES, facts, asdict(CONFIG))


def draw_movies(ratings: Ratings, seed: int) -> Draw:
    """Hold out the movies that ``seed`` draws. Raises ProtocolError if nobody likes any of them."""
    liked = ratings.ratings >= LIKE_FROM
    catalogue = np.unique(ratings.items[liked])
    cold = held_out_movies(catalogue, seed)
    likes = ratings.take(np.isin(ratings.items, cold) & liked)
    people = np.unique(likes.users)
    if not len(people):
        raise ProtocolError("The test part is empty: nobody likes any of the held-out movies.")
    relevant = matrix_over(np.stack([likes.users, likes.items], 1), people, cold)
    known = ratings.take(np.isin(ratings.items, np.setdiff1d(catalogue, cold)))
    return Draw(seed, cold, known, people, relevant)


def mean_of_draws(rows: Sequence[ModelRow]) -> ModelRow:
    """Mean figures over draws, one row each. The interval is Student's, over draws: it holds the mean of all draws."""
    metric = next(iter(rows[0].figures))
    figures = {name: float(np.mean([row.figures[name] for row in rows])) for name in rows[0].figures}
    curve = {cut: float(np.mean([row.curve[cut] for row in rows])) for cut in rows[0].curve}
    interval = None
    if len(rows) > 1:
        error = float(np.std([row.figures[metric] for row in rows], ddof=1)) / len(rows) ** 0.5
        reach = float(student_t.ppf(0.975, len(rows) - 1)) * error
        interval = Interval(figures[metric], figures[metric] - reach, figures[metric] + reach)
    return ModelRow(f"ours, mean of {len(rows)} draws", figures, interval, curve)


def _row(model: str, draw: Draw, scores: NDArray[np.float32], options: Options) -> ModelRow:
    length = min(max(options.k, *CURVE_CUTS), len(draw.cold))
    ranked, _ = top_n(scores, length)
    return ranking_row(model, ranked, draw.relevant, k=options.k, seed=options.seed)[0]


def held_out_movies(catalogue: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """A fifth of ``catalogue`` drawn by ``seed``, ascending ids."""
    count = round(len(catalogue) * HELD_OUT_SHARE)
    return np.sort(np.random.default_rng(seed).permutation(catalogue)[:count])


def genres_only(contents: Sequence[MovieContent]) -> list[MovieContent]:
    """The same movies with no content except their genres."""
    return [MovieContent(content.movie_id, "", genres=content.genres) for content in contents]


def cold_scores(draw: Draw, contents: Sequence[MovieContent]) -> NDArray[np.float32]:
    """Scores of the draw's held-out movies for its people, shape (people, cold), by the published factors."""
    known = draw.known
    missing = np.setdiff1d(draw.cold, [content.movie_id for content in contents])
    # A movie with ratings that the archive does not list has no content.
    listed = [*contents, *(MovieContent(int(movie), "") for movie in missing)]
    model = train(interactions_from_ratings(known), listed, CONFIG)
    liked = known.ratings >= LIKE_FROM
    likes: csr_array = matrix_over(np.stack([known.users, known.items], 1)[liked], draw.people, model.movie_ids)
    count = np.maximum(np.diff(likes.indptr), 1).astype(np.float32)
    query = np.asarray(likes @ model.query_factors) / count[:, None]
    place = np.searchsorted(model.movie_ids, draw.cold)
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
