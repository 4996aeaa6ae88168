"""Lists for several people, and places for new movies, over HTTP."""

from collections.abc import Iterator

import pytest

from movies.caching.version_tokens import invalidate_catalogue
from movies.models import Movie
from recommendations.models import StoredGroupList
from recommendations.vectors.refresh import embeddings_refresh
from tests.factories import make_movie
from tests.functional.cinema import Cinema, Client, at_once, movie_ids
from tests.served import served_lists

pytestmark = pytest.mark.django_db(transaction=True)
GROUP = "/api/recommendations/group/"
GROUPS = "/api/groups/"


def viewer(cinema: Cinema, *genres: str) -> Client:
    """Somebody who likes five movies of each of these genres."""
    person = cinema.person()
    for genre in genres:
        for movie in cinema.movies[genre][:5]:
            person.tell(movie.pk)
    return person


def emails(*people: Client) -> list[str]:
    return [str(person.user) for person in people]


def together(maker: Client, *others: Client) -> str:
    """The id of a group that all of them have accepted, one by one."""
    answer = maker.ask("POST", GROUPS, {"members": emails(*others)})
    assert answer.status == 201, answer.body
    group = answer.json()["id"]
    for other in others:
        assert [item["id"] for item in other.read(GROUPS)["items"]] == [group]
        assert maker.ask("POST", GROUP, {"group": group}).status == 400
        assert other.ask("POST", f"{GROUPS}{group}/accept/").status == 200
    return group


def ask(person: Client, group: str, **body) -> dict:
    answer = person.ask("POST", GROUP, {"group": group, **body})
    assert answer.status == 200, answer.body
    return answer.json()


@pytest.mark.parametrize("strategy", ["least_misery", "average"])
def test_two_tastes_meet_in_one_list(cinema: Cinema, strategy):
    one, other = viewer(cinema, "Crime"), viewer(cinema, "War")
    group = together(one, other)

    answer = ask(one, group, strategy=strategy)

    ids = movie_ids(answer)
    assert answer["members"] == emails(one, other)
    assert len(ids) == len(set(ids)) == 20
    assert not {movie.pk for movie in cinema.movies["Crime"][:5]} & set(ids)
    assert set(ids) & cinema.titled("Crime")
    assert set(ids) & cinema.titled("War")


def test_each_member_is_shown_the_list_without_what_they_saw(cinema: Cinema):
    one, other = viewer(cinema, "Crime"), viewer(cinema, "War")
    group = together(one, other)
    shown = movie_ids(ask(one, group))

    other.tell(shown[0], "hide")

    assert movie_ids(ask(one, group)) == shown
    assert shown[0] not in movie_ids(ask(other, group))


def test_a_group_that_one_has_left_has_no_lists(cinema: Cinema):
    one, former = viewer(cinema), viewer(cinema)
    group = together(one, former)
    assert ask(one, group)

    assert former.ask("DELETE", f"{GROUPS}{group}/").status == 204

    assert [person.ask("POST", GROUP, {"group": group}).status for person in (one, former)] == [400, 400]
    shown = one.read(f"{GROUPS}{group}/")
    assert [member["state"] for member in shown["members"]] == ["accepted", "left"]


def test_inviting_reveals_no_accounts(cinema: Cinema):
    asking, known = cinema.person(), cinema.person()

    answers = [asking.ask("POST", GROUPS, {"members": [name]}) for name in (*emails(known), "nobody@example.org")]

    assert [answer.status for answer in answers] == [201, 201]
    shown = [answer.json() for answer in answers]
    assert [[member["state"] for member in one["members"]] for one in shown] == [["accepted", "invited"]] * 2
    assert shown[0].keys() == shown[1].keys()
    assert {(one["state"], one["you"], one["ended_at"]) for one in shown} == {("pending", "accepted", None)}
    assert known.ask("DELETE", f"{GROUPS}{shown[0]['id']}/").status == 204
    assert asking.read(f"{GROUPS}{shown[0]['id']}/") == shown[0]
    assert [asking.ask("POST", GROUP, {"group": one["id"]}).status for one in shown] == [400, 400]
    assert cinema.guest.ask("POST", GROUPS, {"members": emails(known)}).status == 401


def test_ten_people_get_one_list_at_once(cinema: Cinema):
    people = [viewer(cinema) for _ in range(10)]
    group = together(people[0], *people[1:])

    answers = at_once([lambda person=person: ask(person, group) for person in people])

    assert len({tuple(movie_ids(answer)) for answer in answers}) == 1
    assert StoredGroupList.objects.filter(group_id=group).count() == 1


BODIES = [{}, [], "x", 7, None, {"group": None}, {"group": []}, {"group": "x"}, {"group": 10**30}, {"group": "\x00"}]


@pytest.mark.parametrize("body", BODIES)
def test_a_bad_body_is_400_in_the_error_shape(cinema: Cinema, body):
    answer = cinema.person().ask("POST", GROUP, body)

    assert answer.status == 400
    assert set(answer.json()["error"]) == {"code", "message", "fields", "request_id"}


@pytest.mark.parametrize("name", ["strategy", "limit", "genre", "year_from", "exclude", "mood", "members", "what"])
def test_a_bad_value_is_400_and_named(cinema: Cinema, name):
    one, other = viewer(cinema), viewer(cinema)
    group = together(one, other)

    answer = one.ask("POST", GROUP, {"group": group, name: ["\x00", {}]})

    assert answer.status == 400
    assert [field.split(".")[0] for field in answer.json()["error"]["fields"]] == [name]
    assert one.served() == 0


@pytest.fixture
def premiere(cinema: Cinema) -> Iterator[Movie]:
    """A movie that was added a moment ago and has its vectors."""
    movie = make_movie("Premiere", 2020, ["Crime"], overview="A thief, a heist, a detective and the police.")
    embeddings_refresh()
    invalidate_catalogue()
    yield movie
    movie.delete()
    invalidate_catalogue()


def test_a_new_movie_takes_the_tenth_place_and_is_logged(cinema: Cinema, premiere: Movie):
    answer = cinema.person().read(limit=20, explain="true")

    exploration = answer["explanation"]["exploration"]
    assert exploration["places"] == 1
    served = served_lists().get(pk=answer["recommendation_id"])
    assert (
        served.explored
        == exploration["movies"]
        == [item["movie"]["id"] for item in answer["items"] if "explored" in item]
    )
    assert served.explored == [premiere.pk]
    assert movie_ids(answer)[9] == premiere.pk
    assert answer["items"][9]["reason"] == {"code": "new", "text": "New this week"}


def test_a_suitable_new_movie_ranks_at_the_top_by_itself(cinema: Cinema, premiere: Movie):
    answer = viewer(cinema, "Crime").read(limit=20)

    assert premiere.pk in movie_ids(answer)
    assert not any("explored" in item for item in answer["items"])


def test_a_new_movie_hidden_by_the_person_is_not_explored_again(cinema: Cinema, premiere: Movie):
    person = viewer(cinema, "Crime")
    person.tell(premiere.pk, "hide")

    assert premiere.pk not in person.ids(limit=100)
