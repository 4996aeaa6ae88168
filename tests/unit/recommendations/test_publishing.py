import pytest
from django.core.exceptions import ValidationError

from recommendations import publishing, training
from recommendations.models import BatchRecommendation, ModelVersion, MovieEmbedding
from tests.factories import make_version

Status = ModelVersion.Status


@pytest.fixture
def stamps(monkeypatch):
    """How often every cached list was told to be wrong."""
    calls: list[None] = []
    monkeypatch.setattr(publishing, "stamp_all", lambda: calls.append(None))
    return calls


@pytest.mark.django_db(transaction=True)
def test_publishing_flips_the_live_version_and_tells_the_caches(committed_world, stamps):
    first = training.training_run()
    second = training.training_run()

    first.refresh_from_db()
    assert (first.status, second.status) == (Status.RETIRED, Status.LIVE)
    assert ModelVersion.objects.filter(status=Status.LIVE).count() == 1
    assert len(stamps) == 2


def test_only_the_two_newest_versions_keep_rows_and_files(world, settings):
    versions = [training.training_run() for _ in range(3)]

    kept = {version.pk for version in versions[1:]}
    assert set(BatchRecommendation.objects.values_list("version_id", flat=True)) == kept
    assert set(MovieEmbedding.objects.values_list("version_id", flat=True)) == kept
    assert {path.name for path in settings.MODEL_DIR.iterdir()} == {str(pk) for pk in kept}
    assert ModelVersion.objects.count() == 3


def test_rolling_back_makes_the_version_before_live_with_all_its_rows(world):
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

    with pytest.raises(ValidationError, match="only the two newest are kept"):
        publishing.version_rollback(to=first)


def test_publishing_the_live_version_again_changes_nothing(world, stamps):
    live = training.training_run()
    moment = live.live_at

    assert publishing.version_publish(version=live).live_at == moment
