"""What people may do with their data, over HTTP against several processes."""

import io
import json
import zipfile

import pytest

from accounts.hashers import BoundedArgon2PasswordHasher
from accounts.models import Erasure, User
from events.models import Interaction
from tests.factories import PASSWORD, make_user
from tests.functional.cinema import EVENTS, LIST, Cinema, Client, at_once, movie_ids
from tests.functional.test_deleting_people import keys_about, rows_about

pytestmark = pytest.mark.django_db(transaction=True)
ME = "/api/auth/me/"


def viewer(cinema: Cinema) -> Client:
    person = cinema.person()
    for movie in cinema.movies["War"][:6]:
        person.tell(movie.pk)
    return person


def test_an_export_has_what_the_person_did(cinema: Cinema):
    person, other = viewer(cinema), viewer(cinema)
    shown = person.read()
    assert person.served() == 1

    answer = person.get(f"{ME}export/")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/zip")
    archive = zipfile.ZipFile(io.BytesIO(answer.body))
    assert archive.testzip() is None
    events = json.loads(archive.read("json/events_interaction.json"))
    assert {event["movie"] for event in events} == {movie.pk for movie in cinema.movies["War"][:6]}
    (served,) = json.loads(archive.read("json/events_servedrecommendation.json"))
    assert served["id"] == shown["recommendation_id"]
    assert str(other.user).encode() not in b"".join(archive.read(name) for name in archive.namelist())


def test_a_pause_records_nothing_and_shows_everybodys_list(cinema: Cinema):
    person = viewer(cinema)
    personal = person.ids()
    served = person.served()

    assert person.ask("PATCH", ME, {"personalisation": False}).status == 200

    refused = person.ask("POST", EVENTS, {"movie": cinema.movies["Crime"][0].pk, "kind": "like"})
    assert (refused.status, refused.json()["error"]["code"]) == (409, "personalisation_paused")
    assert person.ids() == movie_ids(cinema.guest.ask("POST", f"{LIST}session/", {}).json())
    assert person.ids(genre="war")
    assert person.served() == served
    assert Interaction.objects.filter(user=person.user).count() == 6
    assert person.ask("PATCH", ME, {"personalisation": True}).status == 200
    assert person.ids() == personal


def test_a_reset_person_starts_again(cinema: Cinema):
    person = viewer(cinema)
    cold = cinema.person().ids()
    assert person.ids() != cold

    answers = at_once([lambda: person.ask("POST", f"{ME}reset/").status] * 4)

    assert answers == [204] * 4
    assert person.ids() == cold
    assert not Interaction.objects.filter(user=person.user).exists()


def test_an_account_is_deleted_once_by_many_requests(cinema: Cinema):
    user = make_user("leaver@example.org")
    # As the server hashes; the tests' own hash is not one of its.
    User.objects.filter(pk=user.pk).update(password=BoundedArgon2PasswordHasher().encode(PASSWORD, "salt of 16 bytes"))
    person = cinema.client(User.objects.get(pk=user.pk))
    person.tell(cinema.movies["War"][0].pk)
    shown = {person.read()["recommendation_id"], person.read(genre="war")["recommendation_id"]}
    assert person.ask("DELETE", ME, {"password": "a wrong passphrase"}).status == 400

    answers = at_once([lambda: person.ask("DELETE", ME, {"password": PASSWORD}).status] * 4)

    assert 204 in answers
    assert set(answers) <= {204, 401, 503}  # 503: more passwords at once than a process hashes.
    assert person.get(ME).status == 401
    assert not User.objects.filter(pk=person.user.pk).exists()
    assert rows_about(person.user.pk) == 0
    assert keys_about(person.user.pk, shown) == set()
    assert Erasure.objects.filter(erased_id=person.user.pk).count() == 1
