"""A refused candidate: what was live stays, the row says why, and staff may publish it all the same."""

from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from events.models import Rating
from recommendations.algorithms.pipeline import train as pipeline
from recommendations.models import BatchRecommendation, ModelVersion, MovieEmbedding, PopularMovie, VersionDecision
from recommendations.training import publishing
from recommendations.training import services as training
from recommendations.training.decisions import FORCED
from tests.factories import make_user, make_version

Status = ModelVersion.Status


def most_ratings_are_lost(world) -> None:
    kept = Rating.objects.filter(user__in=world.people[:5]).values("pk")
    Rating.objects.exclude(pk__in=kept).delete()


def rows_of(version: ModelVersion) -> int:
    return MovieEmbedding.objects.filter(version=version).count()


def folders(settings) -> set[str]:
    return {path.name for path in settings.MODEL_DIR.iterdir()}


def refused(world) -> ModelVersion:
    most_ratings_are_lost(world)
    version = training.training_run()
    assert version.status == Status.REFUSED
    return ModelVersion.objects.get(pk=version.pk)


def test_shrunken_data_leaves_the_live_version_and_says_why(world, settings):
    live = training.training_run()
    before = BatchRecommendation.objects.filter(version=live).count()

    version = refused(world)

    assert "35 interactions against 84" in version.refusal
    assert (version.stage, version.error, version.live_at) == ("done", "", None)
    assert ModelVersion.objects.get(status=Status.LIVE) == live
    assert BatchRecommendation.objects.filter(version=live).count() == before
    assert folders(settings) == {str(live.pk), str(version.pk)}


def test_a_refused_candidate_leaves_the_popular_lists_alone(world):
    training.training_run()
    before = list(PopularMovie.objects.order_by("pk").values())

    refused(world)

    assert list(PopularMovie.objects.order_by("pk").values()) == before != []


def test_a_model_worse_than_popularity_is_refused(world, settings, monkeypatch):
    settings.GATE_MIN_PEOPLE = 5
    monkeypatch.setattr(pipeline, "evaluate", lambda *_: {"ndcg@10": 0.1, "people": 12, "popularity": {"ndcg@10": 0.2}})

    version = training.training_run()

    assert version.status == Status.REFUSED
    assert "worse than popularity" in ModelVersion.objects.get().refusal
    assert not ModelVersion.objects.filter(status=Status.LIVE).exists()


def test_the_good_version_is_kept_whatever_the_count_of_bad_ones(world, settings):
    good = training.training_run()
    bad = [refused(world) for _ in range(4)]

    for version in (good, bad[-1]):
        assert rows_of(version) == 16
    assert [rows_of(version) for version in bad[:-1]] == [0, 0, 0]
    assert folders(settings) == {str(good.pk), str(bad[-1].pk)}


def test_rollback_reaches_the_good_one_after_bad_ones_by_hand(world):
    good = training.training_run()
    for _ in range(3):
        publishing.version_publish(version=refused_or_forced(world))

    assert rows_of(good) == 16
    assert publishing.version_rollback() == good
    assert ModelVersion.objects.get(status=Status.LIVE) == good


def refused_or_forced(world) -> ModelVersion:
    """A version that the gate refused; those after the first one published by hand shrink from what it had."""
    most_ratings_are_lost(world)
    version = training.training_run()
    ModelVersion.objects.filter(pk=version.pk).update(refusal="its data shrank")
    return version


def test_a_refused_version_retried_after_the_live_one_is_kept(world):
    waiting = make_version(Status.REQUESTED)
    training.training_run()
    most_ratings_are_lost(world)

    version = training.training_run(version=waiting)

    assert version.status == Status.REFUSED
    assert rows_of(version) == 16
    assert publishing.version_publish(version=version).status == Status.LIVE


def test_a_later_version_takes_the_place_of_a_refused_one(world):
    training.training_run()
    ratings = list(Rating.objects.all())
    version = refused(world)
    Rating.objects.all().delete()
    Rating.objects.bulk_create(ratings)

    live = training.training_run()

    assert live.status == Status.LIVE
    assert rows_of(version) == 0
    with pytest.raises(ValidationError, match="are gone"):
        publishing.version_publish(version=version)


def test_staff_publish_a_refused_version_and_see_its_reason(world, admin_client: Client):
    live = training.training_run()
    version = refused(world)
    url = reverse("admin:recommendations_modelversion_changelist")
    assert "35 interactions" in admin_client.get(url).content.decode()

    data = {"action": "make_live", "_selected_action": [version.pk], "reason": "Deliberate."}
    page = admin_client.post(url, data, follow=True).content.decode()

    assert "although it had been refused" in page
    assert ModelVersion.objects.get(status=Status.LIVE) == version
    assert rows_of(live) == 16


def test_the_command_fails_on_a_refused_version_with_advice(world):
    live = training.training_run()
    most_ratings_are_lost(world)

    with pytest.raises(CommandError, match=r"was refused.*35 interactions.*manage\.py models publish"):
        call_command("train", "--quiet", stdout=StringIO())

    assert ModelVersion.objects.get(status=Status.LIVE) == live
    version = ModelVersion.objects.get(status=Status.REFUSED)
    out = StringIO()
    call_command("models", "publish", str(version.pk), "--reason", "Deliberate", stdout=out)
    assert "although it had been refused" in out.getvalue()
    assert ModelVersion.objects.get(status=Status.LIVE) == version


def test_force_makes_it_live_and_keeps_the_reason(world):
    training.training_run()
    most_ratings_are_lost(world)
    errors = StringIO()

    call_command("train", "--force", "--quiet", stdout=StringIO(), stderr=errors)

    version = ModelVersion.objects.get(status=Status.LIVE)
    assert "35 interactions" in version.refusal
    assert "live by --force" in errors.getvalue()
    decided = VersionDecision.objects.values_list("version", "kind", "reason")
    assert list(decided) == [(version.pk, "published", FORCED)]


def test_force_goes_without_a_file(db, tmp_path):
    make_user()
    with pytest.raises(CommandError, match="--force goes without --data"):
        call_command("train", "--force", "--data", str(tmp_path), "--out", str(tmp_path / "out"))
