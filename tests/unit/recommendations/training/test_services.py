from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone

from accounts.privacy.services import taste_reset
from accounts.services import user_update
from events.models import Interaction, Rating
from movies.models import Movie
from recommendations.algorithms.listing.session_query import FEW_SHOT_DIMENSIONS
from recommendations.algorithms.pipeline.trained_model import LIST_FOLDER_FILE
from recommendations.models import BatchRecommendation, ModelVersion, MovieEmbedding, PopularMovie
from recommendations.training import list_writing
from recommendations.training import services as training
from recommendations.training.folding import lists_fold
from tests.factories import make_movie, make_user

Status = ModelVersion.Status


def list_of(user) -> list[int]:
    return BatchRecommendation.objects.get(user=user, version__status=Status.LIVE).movie_ids


def test_a_training_publishes_lists_vectors_and_popular_movies(world):
    version = training.training_run()

    version = ModelVersion.objects.get(pk=version.pk)
    assert version.status == Status.LIVE
    assert (version.stage, version.progress, version.error) == ("done", 1.0, "")
    assert (version.people, version.movies, version.interactions) == (12, 16, 12 * 7)
    assert version.metrics["ndcg@10"] > version.metrics["popularity"]["ndcg@10"]
    assert version.peak_memory_mib > 0
    assert version.finished_at >= version.started_at
    assert version.hyperparameters["ranker"]["autoencoder"]["regularization"] > 0
    assert BatchRecommendation.objects.filter(version=version).count() == 12
    assert MovieEmbedding.objects.filter(version=version).count() == 16
    assert PopularMovie.objects.filter(genre=None).count() == 16


def test_popular_lists_wait_for_the_version_and_do_not_undo_it(world, monkeypatch):
    live: list[int] = []

    def fails():
        live.extend(ModelVersion.objects.filter(status=Status.LIVE).values_list("pk", flat=True))
        raise OSError("the disk is full")

    monkeypatch.setattr(training, "popular_refresh", fails)

    version = training.training_run()

    assert version.status == Status.LIVE
    assert live == [version.pk]


def test_a_list_is_of_unseen_published_movies_best_first(world):
    hidden = world.crime[3]
    Movie.objects.filter(pk=hidden.pk).update(status=Movie.Status.HIDDEN)
    training.training_run()

    fan = world.fan_of_crime()
    row = BatchRecommendation.objects.get(user=fan)
    seen = set(Rating.objects.filter(user=fan).values_list("movie_id", flat=True))
    # Of crime they had left out numbers 0 and 3; 3 is hidden. The rest is the family films they had not rated.
    assert row.movie_ids[0] == world.crime[0].pk
    assert hidden.pk not in row.movie_ids
    assert not seen & set(row.movie_ids)
    assert len(row.movie_ids) == 8
    assert row.scores == sorted(row.scores, reverse=True)


@pytest.mark.parametrize("kind", ["watch", "like", "dislike", "hide"])
def test_what_was_done_through_the_api_is_not_recommended(world, kind):
    fan = world.fan_of_crime()
    Interaction.objects.create(user=fan, movie=world.crime[0], kind=kind)

    training.training_run()

    assert world.crime[0].pk not in list_of(fan)


def test_a_viewed_movie_is_still_recommended(world):
    fan = world.fan_of_crime()
    Interaction.objects.create(user=fan, movie=world.crime[0], kind="view")

    training.training_run()

    assert world.crime[0].pk in list_of(fan)


def test_someone_known_by_events_alone_gets_a_list(world):
    person = make_user()
    for movie in world.family[:3]:
        Interaction.objects.create(user=person, movie=movie, kind="like")

    training.training_run()

    assert set(list_of(person)[:5]) == {movie.pk for movie in world.family[3:]}


def test_vectors_give_each_taste_its_own_movies(world):
    version = training.training_run()

    vectors = {row.movie_id: row for row in MovieEmbedding.objects.filter(version=version)}
    query = np.mean([vectors[movie.pk].query_factors for movie in world.crime[:4]], axis=0)[:FEW_SHOT_DIMENSIONS]
    scores = {movie: query @ np.array(vectors[movie.pk].item_factors)[: len(query)] for movie in world.movies()}
    best = sorted(scores, key=scores.get, reverse=True)[:8]
    assert set(best) == set(world.crime)
    assert np.linalg.norm(np.array(vectors[world.crime[0].pk].content)) == pytest.approx(1, abs=1e-5)


def test_an_unrated_movie_has_factors_predicted_from_its_text(world):
    new = make_movie("Crime 9", genres=["Crime"], overview="a thief and police")

    version = training.training_run()

    row = MovieEmbedding.objects.get(version=version, movie=new)
    assert row.factors_source == "predicted"
    assert np.linalg.norm(row.item_factors) > 0
    assert row.updated_at < ModelVersion.objects.get(pk=version.pk).finished_at


def test_an_empty_database_fails_with_advice_and_nothing_is_live(db):
    with pytest.raises(training.TrainingError, match=r"import a data set with manage\.py import_movielens PATH"):
        training.training_run()

    version = ModelVersion.objects.get()
    assert version.status == Status.FAILED
    assert "nothing to train on" in version.error


def test_one_person_with_three_ratings_is_enough(db):
    person = make_user()
    movies = [make_movie() for _ in range(4)]
    for movie in movies[:3]:
        Rating.objects.create(user=person, movie=movie, value=4)

    version = training.training_run()

    assert version.status == Status.LIVE
    assert version.metrics["stages"]
    assert "ndcg@10" not in version.metrics
    assert len(MovieEmbedding.objects.get(version=version, movie=movies[0]).item_factors) == 257
    # Nobody else liked anything: there is nothing unseen to put in a list, and a list of nothing is no row.
    assert not BatchRecommendation.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stage", ["lists_write", "embeddings_write", "artefacts_save", "version_publish"])
def test_a_failure_keeps_the_live_version_and_no_other_rows(committed_world, monkeypatch, settings, stage):
    live = training.training_run()
    before = list(BatchRecommendation.objects.order_by("pk").values_list("pk", "version_id"))
    step = training if stage == "version_publish" else list_writing
    real = getattr(step, stage)

    def half_way(**kwargs):
        if stage != "version_publish":
            real(**kwargs)
        raise OSError("the disk is full")

    monkeypatch.setattr(step, stage, half_way)
    with pytest.raises(training.TrainingError, match="the disk is full"):
        training.training_run()

    failed = ModelVersion.objects.get(status=Status.FAILED)
    assert failed.error == "OSError: the disk is full"
    assert ModelVersion.objects.get(status=Status.LIVE) == live
    assert list(BatchRecommendation.objects.order_by("pk").values_list("pk", "version_id")) == before
    assert not MovieEmbedding.objects.filter(version=failed).exists()
    assert [path.name for path in settings.MODEL_DIR.iterdir()] == [str(live.pk)]


@pytest.mark.django_db(transaction=True)
def test_a_database_error_half_way_is_recorded(committed_world, monkeypatch):
    def broken(**kwargs):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    monkeypatch.setattr(list_writing, "embeddings_write", broken)
    with pytest.raises(training.TrainingError, match="division by zero"):
        training.training_run()

    assert ModelVersion.objects.get().status == Status.FAILED
    assert not BatchRecommendation.objects.exists()


def test_people_and_movies_deleted_meanwhile_are_left_out(world, monkeypatch):
    gone, gone_movie = world.people[-1], make_movie()
    real = list_writing.lists_write

    def write_after_deleting(**kwargs):
        gone.delete()
        gone_movie.delete()
        return real(**kwargs)

    monkeypatch.setattr(list_writing, "lists_write", write_after_deleting)
    version = training.training_run()

    assert version.status == Status.LIVE
    assert BatchRecommendation.objects.filter(version=version).count() == 11
    assert MovieEmbedding.objects.filter(version=version).count() == 16


def test_people_who_reset_meanwhile_or_paused_get_no_list(world, monkeypatch):
    early, late, paused = world.people[-3:]
    taste_reset(user=early)
    Rating.objects.create(user=early, movie=Movie.objects.first(), value=5)
    user_update(user=paused, personalisation=False)
    real = list_writing.lists_write

    def write_after_reset(**kwargs):
        taste_reset(user=late)
        return real(**kwargs)

    monkeypatch.setattr(list_writing, "lists_write", write_after_reset)
    version = training.training_run()

    listed = set(BatchRecommendation.objects.filter(version=version).values_list("user_id", flat=True))
    assert listed == {person.pk for person in world.people} - {late.pk, paused.pk}


def test_progress_only_grows_and_is_in_the_row(world):
    reported = []

    def watch(stage, progress):
        row = ModelVersion.objects.get(status=Status.TRAINING)
        assert (row.stage, row.progress) == (stage, pytest.approx(progress, abs=1e-3))
        reported.append(progress)

    training.training_run(on_progress=watch)

    assert len(reported) > 5
    assert reported == sorted(reported)


def test_a_training_keeps_the_model_of_lists_if_folding_is_on(world, settings):
    settings.FOLD_LISTS = True
    version = training.training_run()
    fan = world.fan_of_crime()
    before = list_of(fan)
    now = timezone.now() - timedelta(minutes=5)
    ModelVersion.objects.filter(pk=version.pk).update(started_at=now - timedelta(hours=1))
    liked = Interaction.objects.create(user=fan, movie_id=before[0], kind="like", occurred_at=now, received_at=now)

    outcome = lists_fold()

    assert LIST_FOLDER_FILE in version.artefacts
    assert (outcome.folded, outcome.left) == (1, 0)
    after = list_of(fan)
    assert set(after) == set(before) - {liked.movie_id}
    crime = {movie.pk for movie in world.crime}
    assert after[0] in crime


def test_without_folding_no_model_of_lists_is_kept(world):
    assert LIST_FOLDER_FILE not in training.training_run().artefacts
