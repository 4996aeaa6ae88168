"""Taste imports over HTTP: people and client applications, and what is refused."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.clients.scopes import Scope
from accounts.models import User
from events.models import Interaction, Rating
from events.taste.models import TasteImport
from tests.factories import client_of, client_with_key, make_key, make_movie, make_user
from tests.unit.events.taste import files

pytestmark = pytest.mark.django_db
PATH = "/api/taste-imports/"


@pytest.fixture
def heat():
    return make_movie("Heat", 1995, imdb_id="tt0113277")


def upload(text: str | bytes = files.RATINGS, name: str = "ratings.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode() if isinstance(text, str) else text)


def send(client, *, file=None, **fields):
    return client.post(PATH, {"file": file or upload(), **fields}, format="multipart")


def errors(answer) -> dict:
    assert answer.status_code == 400, answer.content
    return answer.json()["error"]["fields"]


def test_a_file_is_shown_and_then_recorded(heat):
    person = make_user()
    client = client_of(person)

    created = send(client)

    assert created.status_code == 201
    one = f"{PATH}{created.json()['id']}/"
    shown = client.get(one).json()
    assert shown["summary"] == created.json()["summary"]
    items = [(item["position"], item["title"], item["outcome"], item["rating"]) for item in shown["items"]]
    assert items == [(1, "Heat", "matched", 4.5), (2, "Amélie", "unmatched", 3.5)]
    assert [card["id"] for card in shown["items"][0]["candidates"]] == [heat.pk]
    assert not Interaction.objects.filter(user=person).exists()

    confirmed = client.post(f"{one}confirm/", {}, format="json")

    assert confirmed.json()["state"] == "confirmed"
    assert confirmed.json()["result"]["recorded"] == {"rating": 1}
    assert Rating.objects.get(user=person).value == 4.5
    unmatched = client.get(f"{one}unmatched/")
    assert unmatched["Content-Type"].startswith("text/csv")
    assert "Amélie" in unmatched.content.decode()
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404
    assert Rating.objects.filter(user=person).count() == 1


def test_a_preview_has_pages_and_a_filter(heat):
    client = client_of(make_user())
    one = f"{PATH}{send(client).json()['id']}/"

    first = client.get(one, {"page_size": 1}).json()
    second = client.get(one, {"page_size": 1, "cursor": first["next_cursor"]}).json()

    assert [first["items"][0]["title"], second["items"][0]["title"]] == ["Heat", "Amélie"]
    assert second["next_cursor"] is None
    assert [item["title"] for item in client.get(one, {"outcome": "unmatched"}).json()["items"]] == ["Amélie"]
    assert errors(client.get(one, {"outcome": "lost"})).keys() == {"outcome"}
    assert errors(client.get(one, {"outcom": "matched"})).keys() == {"outcom"}


def test_a_choice_is_made_by_position():
    client, person = client_of(somebody := make_user()), somebody
    movies = [make_movie("Heat", 1995), make_movie("Heat", 1995)]
    one = f"{PATH}{send(client).json()['id']}/"
    (film,) = client.get(one, {"outcome": "ambiguous"}).json()["items"]
    assert {card["id"] for card in film["candidates"]} == {movie.pk for movie in movies}

    for wrong in (
        [{"position": film["position"], "movie": 10**12}],
        [{"position": 99, "movie": movies[0].pk}],
        [{"position": film["position"], "movie": movies[0].pk}] * 2,
    ):
        assert "choices" in errors(client.post(f"{one}confirm/", {"choices": wrong}, format="json"))
    assert not Rating.objects.filter(user=person).exists()
    chosen = [{"position": film["position"], "movie": movies[1].pk}]
    assert client.post(f"{one}confirm/", {"choices": chosen}, format="json").status_code == 200

    assert Rating.objects.get(user=person).movie == movies[1]


def test_other_peoples_imports_are_not_found():
    one = f"{PATH}{send(client_of(make_user())).json()['id']}/"
    other = client_of(make_user())

    assert other.get(one).status_code == 404
    assert other.get(f"{one}unmatched/").status_code == 404
    assert other.post(f"{one}confirm/", {}, format="json").status_code == 404
    assert other.delete(one).status_code == 404
    assert TasteImport.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"file": "text"}, "file"),
        ({}, "file"),
        ({"file": b"", "name": "x"}, "name"),
        ({"file": b""}, "file"),
        ({"file": b"\x00\x01"}, "file"),
        ({"file": b"a,b\n1,2\n"}, "file"),
        ({"file": [b"1", b"2"]}, "file"),
        ({"file": b"x", "user": "17"}, "user"),
    ],
)
def test_what_is_no_export_names_the_field(fields, wrong):
    person = make_user()
    sent = {
        name: [upload(one) for one in value] if isinstance(value, list) else value for name, value in fields.items()
    }
    sent = {name: upload(value) if isinstance(value, bytes) else value for name, value in sent.items()}

    assert wrong in errors(client_of(person).post(PATH, sent, format="multipart"))
    assert not TasteImport.objects.filter(user=person).exists()


def test_only_a_form_is_read():
    client = client_of(make_user())

    assert client.post(PATH, {"file": "x"}, format="json").status_code == 415
    broken = client.post(PATH, b"--x\r\nno form", content_type="multipart/form-data; boundary=x")
    assert errors(broken).keys() == {"file"}


def test_a_file_over_the_limit_is_refused_unread(settings):
    settings.UPLOAD_LIMIT_ROUTES = {PATH: 50_000}
    client = client_of(make_user())

    assert send(client, file=upload(b"x" * 50_000)).status_code == 413
    # Above the limit of other bodies.
    assert send(client, file=upload(files.RATINGS + "," * 40_000)).status_code == 201
    assert client.post("/api/rank/", b"x" * 40_000, content_type="application/json").status_code == 413
    assert TasteImport.objects.count() == 1


def test_a_paused_person_gets_a_conflict():
    person = make_user()
    one = f"{PATH}{send(client_of(person)).json()['id']}/"
    User.objects.filter(pk=person.pk).update(personalisation=False)

    for answer in (send(client_of(person)), client_of(person).post(f"{one}confirm/", {}, format="json")):
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "personalisation_paused"
    assert TasteImport.objects.count() == 1


def test_a_client_imports_for_its_user(heat):
    client, other = client_with_key(make_key()), client_with_key(make_key("another shop"))

    assert errors(send(client)).keys() == {"user"}
    created = send(client, user="17")
    one = f"{PATH}{created.json()['id']}/"

    assert client.get(one, {"user": "18"}).status_code == 404
    assert other.get(one, {"user": "17"}).status_code == 404
    assert client.get(one, {"user": "17"}).json()["summary"]["matched"] == 1
    assert client.post(f"{one}confirm/", {"user": "17"}, format="json").status_code == 200
    assert "Amélie" in client.get(f"{one}unmatched/", {"user": "17"}).content.decode()
    assert Rating.objects.get(user__external_id="17").movie == heat
    assert Rating.objects.count() == 1
    # The user is in the query of a DELETE, which has no body.
    assert client.delete(f"{one}?user=17").status_code == 204


def test_a_key_needs_the_scope_to_record():
    key = make_key(scopes=[Scope.RECOMMENDATIONS_READ.value])

    assert send(client_with_key(key), user="17").status_code == 403
    assert not TasteImport.objects.exists()
