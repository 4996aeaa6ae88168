"""``manage.py models``: what it prints, as text and as JSON; decisions with their reasons; and errors."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from recommendations.models import ModelVersion, MovieEmbedding, VersionDecision
from tests.factories import make_embedding, make_movie, make_version


def models(*words: object) -> str:
    out = StringIO()
    call_command("models", *map(str, words), stdout=out)
    return out.getvalue()


def models_json(*words: object):
    return json.loads(models(*words, "--json"))


@pytest.fixture
def versions(db) -> tuple[ModelVersion, ModelVersion]:
    """The one that was live before, and the live one."""
    movie = make_movie()
    older = make_version("retired", metrics={"ndcg@10": 0.2, "popularity": {"ndcg@10": 0.1}}, people=5)
    live = make_version("live", metrics={"ndcg@10": 0.25}, people=6, hyperparameters={"rank": 8})
    for version in (older, live):
        make_embedding(version, movie, [1.0])
    return older, live


def decided() -> list[tuple[int, str, str]]:
    return list(VersionDecision.objects.order_by("pk").values_list("version", "kind", "reason"))


def test_the_list_has_the_newest_first(versions):
    older, live = versions
    gone = make_version("failed", error="the disk is full")

    text = models("list")
    assert text.index("the disk is full") < text.index("live") < text.index("retired")
    rows = models_json("list")
    assert [(row["version"], row["kept"]) for row in rows] == [(gone.pk, False), (live.pk, True), (older.pk, True)]
    assert (rows[2]["ndcg@10"], rows[2]["popularity ndcg@10"]) == (0.2, 0.1)
    assert [row["version"] for row in models_json("list", "--limit", 1)] == [gone.pk]


def test_an_empty_list_says_what_to_do(db, capsys):
    assert models("list") == ""
    assert "manage.py train" in capsys.readouterr().err
    assert models_json("list") == []


def test_a_version_is_shown_with_its_decisions(versions):
    older, live = versions
    VersionDecision.objects.create(version=older, kind="withdrawn", reason="Odd lists")

    assert "Odd lists" in models("show", older.pk)
    shown = models_json("show", older.pk)
    assert [(row["kind"], row["made_by"]) for row in shown["decisions"]] == [("withdrawn", None)]
    assert shown["metrics"]["popularity"] == {"ndcg@10": 0.1}
    assert models_json("show")["version"] == live.pk


def test_two_versions_are_compared(versions):
    older, live = versions

    text = models("compare", older.pk)
    assert all(word in text for word in ("Quality", "ndcg@10", "+0.05", "people", "rank"))
    found = models_json("compare", older.pk, live.pk)
    assert (found["first"], found["second"]) == (older.pk, live.pk)
    [quality] = [value for value in found["quality"] if value["name"] == "ndcg@10"]
    assert (quality["first"], quality["second"], quality["better"]) == (0.2, 0.25, "second")


def test_a_publication_keeps_its_reason(versions):
    older, _ = versions
    ModelVersion.objects.filter(pk=older.pk).update(status="refused", refusal="Its data shrank.")

    text = models("publish", older.pk, "--reason", "A smaller catalogue is meant")

    assert "although it had been refused: Its data shrank." in text
    assert ModelVersion.objects.live().get() == older
    assert decided() == [(older.pk, "published", "A smaller catalogue is meant")]


def test_a_rollback_goes_back_and_forth(versions):
    older, live = versions

    assert f"Version {older.pk} is live." in models("rollback", "--reason", "Odd lists")
    assert models_json("rollback", live.pk, "--reason", "It was stale") == {"live": live.pk, "refusal": ""}

    assert ModelVersion.objects.live().get() == live
    assert decided() == [
        (older.pk, "restored", "Odd lists"),
        (live.pk, "withdrawn", "Odd lists"),
        (live.pk, "restored", "It was stale"),
        (older.pk, "withdrawn", "It was stale"),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["publish", "OLDER"], "--reason"),
        (["publish", "OLDER", "--reason", " "], "Say why"),
        (["publish", "OLDER", "--reason", "x" * 301], "At most 300"),
        (["publish", "LIVE", "--reason", "why"], "is live already"),
        (["publish", "--reason", "why"], "version"),
        (["publish", "999999", "--reason", "why"], "There is no version 999999"),
        (["rollback"], "--reason"),
        (["rollback", "999999", "--reason", "why"], "There is no version 999999"),
        (["rollback", "9" * 40, "--reason", "why"], "not the number of a version"),
        (["show", "-1"], "-1"),
        (["show", "٣"], "not the number of a version"),
        (["compare", "LIVE"], "the same as itself"),
        (["list", "--limit", "0"], "not from 1 to 10000"),
        (["forget"], "forget"),
        ([], "action"),
    ],
)
def test_a_wrong_call_is_named_and_changes_nothing(versions, words, message):
    older, live = versions
    numbers = {"OLDER": older.pk, "LIVE": live.pk}

    with pytest.raises(CommandError, match=message):
        models(*[numbers.get(word, word) for word in words])

    assert ModelVersion.objects.live().get() == live
    assert decided() == []


def test_a_version_without_its_rows_is_not_published(versions):
    older, live = versions
    MovieEmbedding.objects.filter(version=older).delete()

    for words in (["publish", older.pk], ["rollback", older.pk], ["rollback"]):
        with pytest.raises(CommandError, match=r"are gone|no earlier version"):
            models(*words, "--reason", "why")

    assert ModelVersion.objects.live().get() == live
    assert decided() == []


def test_without_a_live_version_the_command_says_so(db):
    with pytest.raises(CommandError, match="There is no live version"):
        models("show")
