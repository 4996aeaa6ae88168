"""Training on a real Spark cluster on loopback: as on one machine, and the same where an executor is killed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from accounts.models import User
from events.models import Rating
from movies.models import Movie
from recommendations.algorithms.interactions import Interactions
from recommendations.algorithms.rankers.ensemble import RankingEnsemble
from recommendations.models import BatchRecommendation, ModelVersion
from recommendations.training import services as training
from recommendations.training.attempts import RetriableTrainingError, TrainingError
from recommendations.training.engines import partitions
from recommendations.training.engines.local import LocalEngine
from tests import spark_work
from tests.spark_cluster import OPTIONS, QUICK_JAVA, SparkCluster, needs_java, needs_pyspark, wait_until

pytestmark = [needs_java, needs_pyspark]

PEOPLE, ITEMS, LISTED = 500, 160, 20
SHAPES = [((ITEMS, ITEMS), np.float32), ((), np.int64)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    running = SparkCluster(tmp_path_factory.mktemp("cluster"))
    yield running
    running.stop()


@pytest.fixture(scope="module", autouse=True)
def _small_and_quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partitions, "PARTITION_ROWS", 1500)
        patch.setenv("SPARK_LAUNCHER_OPTS", QUICK_JAVA)
        yield


@pytest.fixture(scope="module")
def config(cluster: SparkCluster, tmp_path_factory: pytest.TempPathFactory) -> Any:
    from recommendations.training.engines.spark_session import SparkConfig  # noqa: PLC0415 -- needs pyspark.

    return SparkConfig(cluster.master, tmp_path_factory.mktemp("shared"), "512m", options=OPTIONS)


@pytest.fixture(scope="module")
def engine(config: Any) -> Iterator[Any]:
    from recommendations.training.engines.spark import SparkEngine  # noqa: PLC0415 -- needs pyspark.

    with SparkEngine(config) as opened:
        yield opened


@pytest.fixture(scope="module")
def interactions() -> Interactions:
    """People in four groups of taste, not in the order of people."""
    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((PEOPLE, ITEMS)) < 0.12)
    alike = users % 4 == items % 4
    kept = alike | (rng.random(len(users)) < 0.3)
    users, items, alike = users[kept], items[kept], alike[kept]
    weights = np.where(alike, rng.choice(np.float32([0.5, 1]), len(users)), np.float32(-1))
    order = rng.permutation(len(users))
    return Interactions.from_columns(users[order] * 7, items[order] * 3, weights=weights[order])


@pytest.fixture(scope="module")
def weights() -> np.ndarray:
    return np.random.default_rng(1).random((ITEMS, ITEMS), np.float32)


def joined(blocks: Any) -> tuple[np.ndarray, ...]:
    return tuple(np.concatenate(parts) for parts in zip(*blocks, strict=True))


def make_site() -> None:
    """People in four groups of taste."""
    movies = Movie.objects.bulk_create(Movie(title=f"Film {n}", overview=f"words {n % 7}") for n in range(80))
    people = User.objects.bulk_create(User(dataset="ml-test", dataset_user_id=n) for n in range(150))
    rng = np.random.default_rng(0)
    Rating.objects.bulk_create(
        Rating(user=person, movie=movies[n], value=5 if n % 4 == place % 4 else 2)
        for place, person in enumerate(people)
        for n in rng.choice(80, 20, replace=False)
    )


def lists_of(version: ModelVersion) -> dict[int, tuple[list[int], list[float]]]:
    rows = BatchRecommendation.objects.filter(version=version).order_by("user_id")
    return {row.user_id: (row.movie_ids, row.scores) for row in rows}


# The next two connect by themselves, and a process has one connection to Spark at a time: they come before those that
# share one.
def test_a_training_on_spark_publishes_the_same_lists(transactional_db, config, settings):
    make_site()
    settings.TRAINING_RATING_PREDICTION = settings.TRAINING_SERVING_VALIDATION = settings.TRAINING_NEXT_ITEM = False
    settings.TRAINING_EVALUATED_PEOPLE = 0
    local = training.training_run(force=True)
    settings.TRAINING_ENGINE, settings.TRAINING_SPARK_MASTER = "spark", config.master
    settings.TRAINING_SPARK_FOLDER, settings.TRAINING_SPARK_OPTIONS = config.folder, OPTIONS
    settings.TRAINING_SPARK_EXECUTOR_MEMORY = config.executor_memory

    version = training.training_run(force=True)

    assert ModelVersion.objects.get(status=ModelVersion.Status.LIVE) == version
    ours, theirs = lists_of(version), lists_of(local)
    assert ours.keys() == theirs.keys()
    assert len(ours) == 150
    overlap = [len(set(ours[user][0][:10]) & set(theirs[user][0][:10])) / 10 for user in ours]
    assert np.mean(overlap) >= 0.99
    differences = [np.subtract(ours[user][1], theirs[user][1]) for user in ours]
    assert np.abs(np.concatenate(differences)).max() < 0.01
    assert list(config.folder.iterdir()) == []


def test_a_cluster_without_room_is_named(config, monkeypatch):
    from recommendations.training.engines import spark_session  # noqa: PLC0415 -- needs pyspark.
    from recommendations.training.engines.spark import SparkEngine  # noqa: PLC0415 -- needs pyspark.

    monkeypatch.setattr(spark_session, "EXECUTOR_SECONDS", 1.0)

    with pytest.raises(RetriableTrainingError, match="no executor started within 1 seconds: no worker of spark://"):
        SparkEngine(replace(config, executor_memory="900g")).__enter__()
    assert list(config.folder.iterdir()) == []


def test_sums_are_those_of_one_machine(engine, interactions, weights):
    likes, local = engine.likes(interactions), LocalEngine().likes(interactions)
    some = np.arange(0, ITEMS, 2)
    half = [((80, 80), np.float32), ((), np.int64)]

    sums = likes.sum(spark_work.gram, weights, SHAPES)
    of_some = likes.over(some).sum(spark_work.gram, weights[:80, :80], half)

    assert len(likes.partitions) > 2
    assert likes.shape == local.shape
    for ours, theirs in zip(
        (*sums, *of_some),
        (
            *local.sum(spark_work.gram, weights, SHAPES),
            *local.over(some).sum(spark_work.gram, weights[:80, :80], half),
        ),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_large_sums_are_added_by_the_executors(engine, interactions, weights, monkeypatch):
    from recommendations.training.engines import spark_likes  # noqa: PLC0415 -- needs pyspark.

    likes = engine.likes(interactions)
    collected = likes.sum(spark_work.gram, weights, SHAPES)
    monkeypatch.setattr(spark_likes, "_COLLECTED", 0)

    added = likes.sum(spark_work.gram, weights, SHAPES)

    for ours, theirs in zip(added, collected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_sample_is_that_of_one_machine(engine, interactions):
    ours, theirs = (each.likes(interactions).over(np.arange(5, 90)).sample(50, 3) for each in (engine, LocalEngine()))

    np.testing.assert_array_equal(ours.toarray(), theirs.toarray())


def test_lists_are_those_of_one_machine(engine, interactions):
    candidates = np.arange(ITEMS) % 5 > 0
    ranker = RankingEnsemble().fit(interactions.likes())

    ours, theirs = (joined(each.lists(ranker, interactions, LISTED, candidates)) for each in (engine, LocalEngine()))

    np.testing.assert_array_equal(ours[0], np.arange(PEOPLE))
    overlap = [len(set(a[:10]) & set(b[:10])) / 10 for a, b in zip(ours[1], theirs[1], strict=True)]
    assert np.mean(overlap) >= 0.99
    np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-3, atol=1e-3)
    assert candidates[ours[1]].all()


def killed_in_the_middle(cluster: SparkCluster, hold: spark_work.Hold, work: Callable[[], Any]) -> Any:
    """What the work gives whose executor is killed while a task of it holds."""
    done: list[Any] = []
    thread = Thread(target=lambda: done.append(work()), daemon=True)
    thread.start()
    wait_until(hold.process, "no task of the work has begun")
    cluster.kill_executor_of(hold.process())
    thread.join(spark_work.HELD_SECONDS * 2)
    assert done
    return done[0]


def test_a_killed_executor_changes_no_sum(cluster, engine, interactions, weights, tmp_path):
    likes, hold = engine.likes(interactions), spark_work.Hold(tmp_path)
    undisturbed = likes.sum(spark_work.gram, weights, SHAPES)

    sums = killed_in_the_middle(cluster, hold, lambda: likes.sum(spark_work.gram_held, (hold, weights), SHAPES))

    for ours, theirs in zip(sums, undisturbed, strict=True):
        assert ours.tobytes() == theirs.tobytes()


def test_a_killed_executor_changes_no_list(cluster, engine, interactions, weights, tmp_path):
    hold = spark_work.Hold(tmp_path)
    undisturbed = joined(engine.lists(spark_work.HeldRanker(weights), interactions, LISTED, None))

    lists = killed_in_the_middle(
        cluster,
        hold,
        lambda: joined(engine.lists(spark_work.HeldRanker(weights, hold), interactions, LISTED, None)),
    )

    for ours, theirs in zip(lists, undisturbed, strict=True):
        assert ours.tobytes() == theirs.tobytes()


def test_an_executor_out_of_memory_says_what_to_do(engine, interactions):
    with pytest.raises(TrainingError, match="ran out of memory: raise TRAINING_SPARK_EXECUTOR_MEMORY"):
        engine.likes(interactions).sum(spark_work.too_large, None, SHAPES)


def test_a_folder_that_executors_do_not_see_is_named(engine, interactions):
    likes = engine.likes(interactions)
    lost = Path(likes.partitions[-1].path)
    hidden = lost.rename(lost.with_suffix(".hidden"))

    with pytest.raises(TrainingError, match=r"TRAINING_SPARK_FOLDER is not shared: .*Mount the same folder"):
        likes.sum(spark_work.gram, np.float32(1), SHAPES)

    hidden.rename(lost)
