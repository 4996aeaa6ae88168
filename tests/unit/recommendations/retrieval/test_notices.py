"""What an answer says of itself where it lacks what was asked for."""

import shutil
from pathlib import Path

import pytest

from accounts.models import User
from recommendations.models import ModelVersion
from recommendations.training import services as training
from recommendations.vectors import text_query as meaning
from recommendations.vectors.artefacts import artefacts_folder
from tests.factories import client_of, make_user

LIST = "/api/recommendations/"
SEARCH = "/api/movies/search/"


@pytest.fixture(autouse=True)
def _nothing_loaded(monkeypatch):
    monkeypatch.setattr(meaning, "_loaded", meaning._Loaded())


@pytest.fixture
def person(world) -> User:
    training.training_run()
    return make_user()


@pytest.fixture
def files(person) -> Path:
    """Where the live version's files are."""
    return artefacts_folder(ModelVersion.objects.get(status="live").pk)


def codes(answer) -> list[str]:
    assert answer.status_code == 200, answer.content
    assert all(notice["text"] for notice in answer.json()["notices"])
    return [notice["code"] for notice in answer.json()["notices"]]


def each_list(person: User, **asked: str) -> dict[str, list[str]]:
    """The codes of one's own list and a guest's."""
    return {
        "own": codes(client_of(person).get(LIST, asked)),
        "guest": codes(client_of().post(f"{LIST}session/", asked, format="json")),
    }


def everywhere(*expected: str) -> dict[str, list[str]]:
    return {name: list(expected) for name in ("own", "guest")}


@pytest.mark.parametrize(
    ("mood", "expected"), [("a thief", []), ("qwrtzpsd", ["mood_unknown"]), ("!!!", ["mood_unknown"]), ("", [])]
)
def test_a_mood_of_unknown_words_is_said(person, mood, expected):
    asked = {"mood": mood} if mood else {}

    assert each_list(person, **asked) == everywhere(*expected)


@pytest.mark.parametrize("gone", ["files", "bytes", "model"])
def test_a_mood_that_nothing_can_read_is_said(person, files, gone):
    if gone == "files":
        shutil.rmtree(files)
    elif gone == "bytes":
        for path in files.iterdir():
            path.write_bytes(b"half of a mod")
    else:
        ModelVersion.objects.update(status="retired")

    assert each_list(person, mood="a thief") == everywhere("mood_unavailable")
    assert each_list(person) == everywhere()
    found = client_of().get(SEARCH, {"q": "thief"})
    assert codes(found) == ["meaning_unavailable"]
    assert found.json()["items"]


def test_a_search_with_all_it_needs_lacks_nothing(person):
    for q in ("thief", "qwrtzpsd"):
        assert codes(client_of().get(SEARCH, {"q": q})) == []


def test_every_page_of_a_list_says_the_same(person):
    client = client_of(person)
    first = client.get(LIST, {"mood": "qwrtzpsd", "limit": 2})
    second = client.get(LIST, {"mood": "qwrtzpsd", "limit": 2, "cursor": first.json()["next_cursor"]})

    assert codes(first) == codes(second) == ["mood_unknown"]


def test_the_encoder_is_read_again_where_a_number_came_again(person, files):
    version = ModelVersion.objects.get(status="live")
    assert codes(client_of(person).get(LIST, {"mood": "a thief"})) == []
    # As after a backup was restored and the next training got the number of one that was lost.
    ModelVersion.objects.filter(pk=version.pk).update(artefacts=dict.fromkeys(version.artefacts, "0" * 64))

    assert codes(client_of(person).get(LIST, {"mood": "a thief"})) == ["mood_unavailable"]
