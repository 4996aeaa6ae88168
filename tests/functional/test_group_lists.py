"""Lists for several people, and places for new movies, over HTTP."""

from collections.abc import Iterator

import pytest

from events.models import ServedRecommendation
from movies.caching.version_tokens import invalidate_catalogue
from movies.models import Movie
from recommendations.vectors.refresh import embeddings_refresh
from tests.factories import make_movie
from tests.functional.cinema import Cinema, Client, movie_ids

pytestmark = pytest.mark.django_db(transaction=True)
GROUP = "/api/recommendations/group/"
ME = "/api/auth/me/"


def willing(cinema: Cinema, *genres: str) -> Client:
    """Somebody who allows lists for groups and likes five movies of each of these genres."""
    person = cinema.person()
    assert person.ask("PATCH", ME, {"share_with_groups": True}).json()["share_with_groups"] is True
    for genre in genres:
        for movie in cinema.movies[genre][:5]:
            person.tell(movie.pk)
    return person


def emails(*people: Client) -> list[str]:
    return [str(person.user) for person in people]


def ask(person: Client, *others: Client, **body) -> dict:
    answer = person.ask("POST", GROUP, {"members": emails(*others), **body})
    assert answer.status == 200, answer.body
    return answer.json()


@pytest.mark.parametrize("strategy", ["least_misery", "average"])
def test_two_tastes_meet_in_a_list_of_movies_unseen_by_both(cinema: Cinema, strategy):
    one, other = willing(cinema, "Crime"), willing(cinema, "War")
    seen = {movie.pk for genre in ("Crime", "War") for movie in cinema.movies[genre][:5]}

    answer = ask(one, other, strategy=strategy)

    ids = movie_ids(answer)
    assert answer["members"] == emails(one, other)
    assert len(ids) == len(set(ids)) == 20
    assert not seen & set(ids)
    for item in answer["items"]:
        lowest, average = min(item["member_scores"]), sum(item["member_scores"]) / 2
        assert item["score"] == pytest.approx(lowest if strategy == "least_misery" else average, abs=0.011)
    top = set(ids)
    assert top & cinema.titled("Crime")
    assert top & cinema.titled("War")


def test_an_event_of_any_member_shows_in_the_next_list(cinema: Cinema):
    one, other = willing(cinema, "Crime"), willing(cinema, "War")
    first = movie_ids(ask(one, other))[0]

    other.tell(first, "hide")

    assert first not in movie_ids(ask(one, other))


def test_least_misery_is_kinder_to_the_one_who_is_alone(cinema: Cinema):
    alone = willing(cinema, "War")
    group = [willing(cinema, "Family") for _ in range(3)]

    least, average = (ask(alone, *group, strategy=strategy, limit=10) for strategy in ("least_misery", "average"))

    def suits_alone(answer: dict) -> float:
        return min(item["member_scores"][0] for item in answer["items"])

    assert suits_alone(least) >= suits_alone(average)


def test_groups_need_consent_and_do_not_reveal_accounts(cinema: Cinema):
    asking, shy = cinema.person(), cinema.person()

    refused = [asking.ask("POST", GROUP, {"members": [name]}) for name in (*emails(shy), "nobody@example.org")]

    assert [answer.status for answer in refused] == [400, 400]
    known, unknown = (answer.json()["error"] for answer in refused)
    assert known["message"] == unknown["message"]
    assert known["fields"]["members"] == [f"{shy.user} has not allowed lists for groups."]
    assert unknown["fields"]["members"] == ["nobody@example.org has not allowed lists for groups."]
    assert asking.served() == shy.served() == 0
    assert cinema.guest.ask("POST", GROUP, {"members": emails(shy)}).status == 401


def test_withdrawn_consent_ends_membership_from_the_next_request(cinema: Cinema):
    one, former = willing(cinema), willing(cinema)
    assert ask(one, former)

    former.ask("PATCH", ME, {"share_with_groups": False})

    assert one.ask("POST", GROUP, {"members": emails(former)}).status == 400


def test_two_to_ten_people_are_a_group(cinema: Cinema):
    people = [willing(cinema) for _ in range(11)]

    assert len(ask(people[0], *people[1:10])["items"][0]["member_scores"]) == 10
    for others in (people[1:], people[:1]):
        answer = people[0].ask("POST", GROUP, {"members": emails(*others)})
        assert answer.status == 400
        assert list(answer.json()["error"]["fields"]) == ["members"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "x",
        7,
        None,
        {"members": None},
        {"members": []},
        {"members": ["x"]},
        {"members": [None]},
        {"members": [10**30]},
        {"members": ["a@example.org"] * 2},
        {"members": [f"p{n}@example.org" for n in range(10)]},
        {"members": [f"p{n}@example.org" for n in range(600)]},
        {"members": ["\ud800@example.org"]},
        {"members": ["a\x00@example.org"]},
        {"members": {"0": "a@example.org"}},
    ],
)
def test_a_bad_body_is_400_in_the_error_shape(cinema: Cinema, body):
    answer = cinema.person().ask("POST", GROUP, body)

    assert answer.status == 400
    assert set(answer.json()["error"]) == {"code", "message", "fields", "request_id"}


@pytest.mark.parametrize("name", ["strategy", "limit", "genre", "year_from", "exclude", "mood", "what"])
def test_a_bad_value_is_400_and_named(cinema: Cinema, name):
    other = willing(cinema)

    answer = cinema.person().ask("POST", GROUP, {"members": emails(other), name: ["\x00", {}]})

    assert answer.status == 400
    assert [field.split(".")[0] for field in answer.json()["error"]["fields"]] == [name]


def test_no_question_about_a_group_singles_out_a_movie(cinema: Cinema):
    """What somebody else once asked 80 times to read all that a member had seen."""
    member, outsider = willing(cinema, "Crime"), cinema.person()
    year = cinema.movies["Crime"][0].year

    for probe in ({"year_from": year, "year_to": year}, {"exclude": "1,2"}, {"limit": 100}, {"genre": "crime"}):
        answer = outsider.ask("POST", GROUP, {"members": emails(member), **probe})
        assert answer.status == 400
        assert set(answer.json()["error"]["fields"]) == set(probe)
    assert outsider.served() == 0


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
    served = ServedRecommendation.objects.get(pk=answer["recommendation_id"])
    assert (
        served.explored
        == exploration["movies"]
        == [item["movie"]["id"] for item in answer["items"] if "explored" in item]
    )
    assert served.explored == [premiere.pk]
    assert movie_ids(answer)[9] == premiere.pk
    assert answer["items"][9]["reason"] == {"code": "new", "text": "New this week"}


def test_a_suitable_new_movie_ranks_at_the_top_by_itself(cinema: Cinema, premiere: Movie):
    answer = willing(cinema, "Crime").read(limit=20)

    assert premiere.pk in movie_ids(answer)
    assert not any("explored" in item for item in answer["items"])


def test_a_new_movie_hidden_by_the_person_is_not_explored_again(cinema: Cinema, premiere: Movie):
    person = willing(cinema, "Crime")
    person.tell(premiere.pk, "hide")

    assert premiere.pk not in person.ids(limit=100)
