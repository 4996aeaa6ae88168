import numpy as np
import pytest
from django.core.exceptions import ValidationError

from events.models import Interaction
from recommendations.models import BatchRecommendation, ModelVersion, MovieEmbedding
from recommendations.training import publishing
from recommendations.training import services as training
from recommendations.vectors.artefacts import artefacts_whole
from tests.factories import make_movie, make_version

Status = ModelVersion.Status


@pytest.fixture
def tokens(monkeypatch):
    """The calls that invalidate every cached list."""
    calls: list[None] = []
    monkeypatch.setattr(publishing, "invalidate_catalogue_on_commit", lambda: calls.append(None))
    return calls


@pytest.mark.django_db(transaction=True)
def test_publishing_flips_the_live_version_and_tells_the_caches(committed_world, tokens):
    first = training.training_run()
    second = training.training_run()

    first.refresh_from_db()
    assert (first.status, second.status) == (Status.RETIRED, Status.LIVE)
    assert ModelVersion.objects.filter(status=Status.LIVE).count() == 1
    assert len(tokens) == 2


def test_only_the_two_newest_versions_keep_rows_and_files(world, settings):
    versions = [training.training_run() for _ in range(3)]

    kept = {version.pk for version in versions[1:]}
    assert set(BatchRecommendation.objects.values_list("version_id", flat=True)) == kept
    assert set(MovieEmbedding.objects.values_list("version_id", flat=True)) == kept
    assert {path.name for path in settings.MODEL_DIR.iterdir()} == {str(pk) for pk in kept}
    assert ModelVersion.objects.count() == 3


def test_a_version_made_live_while_old_ones_are_pruned_keeps_all(world, monkeypatch):
    """Staff go back to it between the moment at which it is found superfluous and that at which it would be dropped."""
    first, _ = training.training_run(), training.training_run()
    real, asked = publishing.version_drop, []

    def made_live_first(*, version_id, among):
        if version_id == first.pk and not asked:
            asked.append(version_id)
            publishing.version_publish(version=first)
        return real(version_id=version_id, among=among)

    monkeypatch.setattr(publishing, "version_drop", made_live_first)
    training.training_run()

    assert asked == [first.pk]
    first.refresh_from_db()
    assert first.status == Status.LIVE
    assert BatchRecommendation.objects.filter(version=first).count() == 12
    assert MovieEmbedding.objects.filter(version=first).count() == 16
    assert artefacts_whole(version=first)


def test_rolling_back_makes_the_previous_version_live(world):
    first, second = training.training_run(), training.training_run()
    rows = BatchRecommendation.objects.filter(version=first).count()

    assert publishing.version_rollback() == first

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == (Status.LIVE, Status.RETIRED)
    assert BatchRecommendation.objects.filter(version=first).count() == rows > 0
    with pytest.raises(ValidationError, match="no earlier version"):
        publishing.version_rollback()
    first.refresh_from_db()
    assert first.status == Status.LIVE


def test_a_retried_version_is_newer_than_one_of_a_higher_number(world):
    waiting = make_version(Status.REQUESTED)
    between = training.training_run()
    assert training.training_run(version=waiting).status == Status.LIVE

    assert publishing.version_rollback() == between


def test_after_a_rollback_one_can_go_forward_again(world):
    training.training_run()
    second = training.training_run()
    publishing.version_rollback()

    assert publishing.version_rollback(to=second).status == Status.LIVE


@pytest.mark.parametrize("status", [Status.FAILED, Status.TRAINING, Status.REQUESTED])
def test_a_version_that_was_not_trained_cannot_go_live(world, status):
    live = training.training_run()

    with pytest.raises(ValidationError, match="nothing to publish"):
        publishing.version_publish(version=make_version(status))

    assert ModelVersion.objects.get(status=Status.LIVE) == live


def test_a_version_whose_rows_are_gone_cannot_go_live(world):
    first, *_ = [training.training_run() for _ in range(3)]

    with pytest.raises(ValidationError, match="are gone"):
        publishing.version_rollback(to=first)


def test_publishing_the_live_version_again_changes_nothing(world, tokens):
    live = training.training_run()
    moment = live.live_at

    assert publishing.version_publish(version=live).live_at == moment


def test_each_movie_is_published_with_its_predicted_rating(world):
    version = training.training_run()

    rows = BatchRecommendation.objects.filter(version=version)
    assert rows.count() == 12
    for row in rows:
        assert len(row.predicted_ratings) == len(row.movie_ids) > 0
        # The world's ratings are 1.0 to 5.0.
        assert all(1 <= rating <= 5 for rating in row.predicted_ratings)
    crime = {movie.pk for movie in world.crime}
    fan = rows.get(user=world.fan_of_crime())
    rated = dict(zip(fan.movie_ids, fan.predicted_ratings, strict=True))
    own, other = ([rating for movie, rating in rated.items() if (movie in crime) is side] for side in (True, False))
    assert np.mean(own) > np.mean(other) + 1


def test_without_rating_prediction_lists_say_nothing_of_ratings(world, settings):
    settings.TRAINING_RATING_PREDICTION = False

    version = training.training_run()

    assert not any(BatchRecommendation.objects.filter(version=version).values_list("predicted_ratings", flat=True))
    assert "rating_rmse" not in version.metrics


def test_a_movie_nobody_rated_is_listed_without_a_rating(world):
    unrated = make_movie("Crime unrated", genres=["Crime"])
    for person in world.people[:-2:2]:
        Interaction.objects.create(user=person, movie=unrated, kind="view")

    version = training.training_run()

    row = BatchRecommendation.objects.get(version=version, user=world.people[-2])
    rated = dict(zip(row.movie_ids, row.predicted_ratings, strict=True))
    assert np.isnan(rated.pop(unrated.pk))
    assert np.isfinite(list(rated.values())).all()
