import numpy as np
import pytest

from recommendations.algorithms.content import cold_start
from recommendations.algorithms.content.cold_start import FoldIn, FoldInConfig
from recommendations.algorithms.content.lsa import MovieContent


def world(movies: int = 200, seed: int = 0):
    """Movies whose factors are a linear function of their content and genre."""
    rng = np.random.default_rng(seed)
    genres = rng.choice(["Crime", "Drama"], movies)
    contents = [MovieContent(n, f"m{n}", genres=(str(genre),)) for n, genre in enumerate(genres)]
    vectors = rng.normal(size=(movies, 6)).astype(np.float32)
    flags = np.stack([genres == "Crime", genres == "Drama"], axis=1)
    query = np.hstack([vectors, flags]) @ rng.normal(size=(8, 4))
    item = np.hstack([vectors, flags]) @ rng.normal(size=(8, 4))
    return contents, vectors, (query.astype(np.float32), item.astype(np.float32))


def test_factors_that_follow_from_content_are_predicted():
    contents, vectors, factors = world()
    known, new = slice(0, 150), slice(150, 200)
    model = FoldIn(FoldInConfig(regularization=0.01)).fit(
        contents[known], vectors[known], (factors[0][known], factors[1][known]), np.ones(150)
    )

    query, item = model.predict(contents[new], vectors[new])

    assert query == pytest.approx(factors[0][new], abs=0.1)
    assert item == pytest.approx(factors[1][new], abs=0.1)


def test_rating_rows_are_predicted_from_content():
    contents, vectors, factors = world()
    known, new = slice(0, 150), slice(150, 200)
    rows = np.hstack([factors[0][:, :1], np.full((200, 1), 9.0, np.float32), factors[0][:, 1:]])
    average = np.array([0.0, 0.5, 0, 0, 0], np.float32)
    config = FoldInConfig(rating_regularization=0.01)
    model = FoldIn(config).fit(contents[known], vectors[known], (factors[0][known], factors[1][known]), np.ones(150))
    assert model.predict_ratings(contents[new], vectors[new]) is None

    predicted = model.fit_ratings(rows[known], average).predict_ratings(contents[new], vectors[new])

    assert predicted[:, [0, 2, 3, 4]] == pytest.approx(rows[new][:, [0, 2, 3, 4]], abs=0.1)
    assert predicted[:, 1] == pytest.approx(0.5)


def test_movies_with_more_likes_say_more():
    contents = [MovieContent(1, "a"), MovieContent(2, "b")]
    vectors = np.zeros((2, 1), np.float32)
    factors = np.array([[0.0], [1.0]], np.float32)

    model = FoldIn().fit(contents, vectors, (factors, factors), np.array([1.0, 100.0]))
    query, _ = model.predict(contents[:1], vectors[:1])

    assert query[0, 0] == pytest.approx(10 / 11, abs=0.01)


def test_a_new_movie_of_a_popular_kind_has_longer_item_factors():
    contents = [MovieContent(n, f"m{n}", genres=("Hit" if n % 2 else "Niche",)) for n in range(100)]
    likes = np.array([400.0 if n % 2 else 4.0 for n in range(100)])
    direction = np.array([[0.6, 0.8]], np.float32)
    item = (np.sqrt(likes)[:, None] * direction).astype(np.float32)
    vectors = np.zeros((100, 3), np.float32)
    model = FoldIn().fit(contents, vectors, (item, item), likes)

    new = [MovieContent(200, "x", genres=("Hit",)), MovieContent(201, "y", genres=("Niche",))]
    _, predicted = model.predict(new, vectors[:2])

    assert np.linalg.norm(predicted[0]) > 2 * np.linalg.norm(predicted[1])
    assert predicted @ direction[0] == pytest.approx(np.linalg.norm(predicted, axis=1), rel=0.01)


def test_above_the_cap_the_most_liked_movies_are_learned_from():
    contents, vectors, factors = world()
    likes = np.where(np.arange(200) < 50, 100.0, 1.0)

    capped = FoldIn(FoldInConfig(max_movies=50)).fit(contents, vectors, factors, likes)
    alone = FoldIn().fit(contents[:50], vectors[:50], (factors[0][:50], factors[1][:50]), likes[:50])

    rows = np.hstack([factors[0], np.ones((200, 1), np.float32)])
    capped.fit_ratings(rows, rows[0])
    assert capped.predict_ratings(contents, vectors).shape == (200, 5)
    for one, other in zip(capped.predict(contents, vectors), alone.predict(contents, vectors), strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_movies_without_likes_are_not_learned_from():
    contents, vectors, factors = world()
    wrong = tuple(np.where(np.arange(200)[:, None] < 150, values, 9.0).astype(np.float32) for values in factors)
    likes = np.where(np.arange(200) < 150, 3.0, 0.0)
    cut = FoldIn().fit(contents[:150], vectors[:150], (factors[0][:150], factors[1][:150]), likes[:150])
    model = FoldIn().fit(contents, vectors, wrong, likes)

    assert np.array_equal(model.predict(contents, vectors), cut.predict(contents, vectors))


def test_many_movies_are_predicted_in_blocks(monkeypatch):
    contents, vectors, factors = world()
    model = FoldIn().fit(contents, vectors, factors, np.ones(200))
    whole = model.predict(contents, vectors)
    monkeypatch.setattr(cold_start, "_BLOCK", 7)

    assert np.allclose(model.predict(contents, vectors), whole, atol=1e-5)


@pytest.mark.parametrize(
    "bad", [{"regularization": 0}, {"year_width": 0}, {"max_movies": 0}, {"rating_regularization": 0}]
)
def test_hyperparameters_that_make_no_sense_are_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        FoldInConfig(**bad)


def test_an_unknown_genre_is_passed_over():
    contents, vectors, factors = world()
    model = FoldIn().fit(contents, vectors, factors, np.ones(200))

    query, _ = model.predict([MovieContent(1, "x", genres=("Western",))], vectors[:1])

    assert np.isfinite(query).all()


@pytest.mark.parametrize("movies", [1, 200])
def test_a_saved_regression_predicts_the_same(tmp_path, movies):
    contents, vectors, factors = world(movies)
    model = FoldIn().fit(contents, vectors, factors, np.ones(movies))
    model.save(tmp_path / "fold_in.npz")

    loaded = FoldIn.load(tmp_path / "fold_in.npz")

    for before, after in zip(model.predict(contents, vectors), loaded.predict(contents, vectors), strict=True):
        assert np.array_equal(before, after)
    assert loaded.predict_ratings(contents, vectors) is None


def test_a_saved_regression_predicts_the_same_rating_rows(tmp_path):
    contents, vectors, factors = world()
    rows = np.hstack([factors[0], np.ones((200, 1), np.float32)])
    model = FoldIn().fit(contents, vectors, factors, np.ones(200)).fit_ratings(rows, rows[0])
    model.save(tmp_path / "fold_in.npz")

    loaded = FoldIn.load(tmp_path / "fold_in.npz")

    assert np.array_equal(model.predict_ratings(contents, vectors), loaded.predict_ratings(contents, vectors))


def test_a_file_of_an_earlier_release_is_read(tmp_path):
    contents, vectors, factors = world()
    model = FoldIn().fit(contents, vectors, factors, np.ones(200))
    model.save(tmp_path / "fold_in.npz")
    arrays = dict(np.load(tmp_path / "fold_in.npz"))
    del arrays["rating_regularization"]
    np.savez(tmp_path / "earlier.npz", **arrays)

    assert np.array_equal(
        FoldIn.load(tmp_path / "earlier.npz").predict(contents, vectors)[0], model.predict(contents, vectors)[0]
    )
