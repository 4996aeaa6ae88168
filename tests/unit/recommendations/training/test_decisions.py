"""Staff publish, reject and roll back versions with a reason, which is kept; and compare two versions."""

import pytest
from django.core.exceptions import ValidationError

from recommendations.models import ModelVersion, MovieEmbedding, VersionDecision
from recommendations.training.comparison import (
    facts_compare,
    hyperparameters_compare,
    metrics_compare,
    quality_over_versions,
    rankable_versions,
)
from recommendations.training.decisions import version_publish_because, version_reject, version_rollback_because
from tests.factories import make_embedding, make_movie, make_user, make_version

Status = ModelVersion.Status


@pytest.fixture
def versions(db):
    """The one that was live before, and the live one."""
    movie = make_movie()
    older = make_version(Status.RETIRED)
    live = make_version(Status.LIVE)
    for version in (older, live):
        make_embedding(version, movie, [1.0])
    return older, live


def decisions(version):
    return list(version.decisions.values_list("kind", "reason"))


def test_a_publication_keeps_its_reason(versions):
    older, live = versions
    user = make_user(is_staff=True)

    version_publish_because(version=older, reason="  Better at the weekend ", user=user)

    assert ModelVersion.objects.live().get() == older
    assert decisions(older) == [("published", "Better at the weekend")]
    assert VersionDecision.objects.get().made_by == user
    assert decisions(live) == []


def test_a_rollback_is_kept_with_both_versions(versions):
    older, live = versions

    assert version_rollback_because(reason="Odd lists") == older

    assert decisions(older) == [("restored", "Odd lists")]
    assert decisions(live) == [("withdrawn", "Odd lists")]


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301])
def test_without_a_reason_nothing_changes(versions, reason):
    older, live = versions

    for decide in (
        lambda: version_publish_because(version=older, reason=reason),
        lambda: version_rollback_because(reason=reason),
        lambda: version_reject(version=older, reason=reason),
    ):
        with pytest.raises(ValidationError) as refused:
            decide()
        assert set(refused.value.message_dict) == {"reason"}

    older.refresh_from_db()
    assert (older.status, ModelVersion.objects.live().get()) == (Status.RETIRED, live)
    assert not VersionDecision.objects.exists()


def test_no_rollback_returns_to_a_rejected_version(versions):
    older, live = versions

    version_reject(version=older, reason="Wrong data")

    older.refresh_from_db()
    assert (older.status, older.refusal) == (Status.REFUSED, "Rejected by staff: Wrong data")
    assert decisions(older) == [("rejected", "Wrong data")]
    with pytest.raises(ValidationError, match="no earlier version"):
        version_rollback_because(reason="Odd lists")
    assert ModelVersion.objects.live().get() == live
    assert decisions(live) == []


@pytest.mark.parametrize("status", [Status.LIVE, Status.REQUESTED, Status.TRAINING, Status.FAILED])
def test_only_a_trained_version_is_rejected(db, status):
    version = make_version(status)

    with pytest.raises(ValidationError):
        version_reject(version=version, reason="Why")

    version.refresh_from_db()
    assert (version.status, version.refusal) == (status, "")


def test_what_is_better_is_marked(db):
    first = make_version("retired", metrics={"ndcg@10": 0.2, "people": 9, "rating": {"rmse": 0.9}})
    second = make_version(metrics={"ndcg@10": 0.3, "people": 10, "rating": {"rmse": 0.95}, "stages": [["fitting", 2]]})

    found = {value.name: value for value in metrics_compare(first, second)}

    assert {name: value.better for name, value in found.items()} == {
        "ndcg@10": "second",
        "people": "",
        "rating rmse": "first",
    }
    assert found["ndcg@10"].difference == pytest.approx(0.1)
    [stage] = [value for value in facts_compare(first, second) if value.name == "fitting (seconds)"]
    assert (stage.first, stage.second) == (None, 2)


def test_only_different_hyperparameters_are_compared(db):
    first = make_version("retired", hyperparameters={"ranker": {"l2": 1, "weights": [1, 2]}, "als": [{"n": 8}]})
    second = make_version(hyperparameters={"ranker": {"l2": 2, "weights": [1, 2]}}, serving={"blend": {"batch": 0.5}})

    found = [(value.name, value.first, value.second) for value in hyperparameters_compare(first, second)]

    assert found == [("ranker l2", 1, 2), ("als 1 n", 8, None), ("serving blend batch", None, 0.5)]


def test_quality_over_versions_is_in_order(db):
    first = make_version("retired", metrics={"ndcg@10": 0.2, "popularity": {"ndcg@10": 0.1}})
    make_version("failed")
    second = make_version(metrics={"ndcg@10": 0.3})

    found = [(point.version_id, point.value, point.popularity) for point in quality_over_versions()]

    assert found == [(first.pk, 0.2, 0.1), (second.pk, 0.3, None)]


def test_versions_without_vectors_cannot_rank(versions):
    older, live = versions
    assert rankable_versions() == [live, older]

    MovieEmbedding.objects.filter(version=older).delete()

    assert rankable_versions() == [live]
