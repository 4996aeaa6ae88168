"""Movies that rest after they were shown, the watchlist, and what never comes back."""

import pytest
from django.utils import timezone

from events.list_invalidation import invalidate_user
from events.memory import watchlist_movie_ids
from events.models import Interaction
from movies.models import Movie
from tests.factories import Cast, client_of, make_movie
from tests.unit.events.attribution.rows import act, ago, show

URL = "/api/recommendations/"


@pytest.fixture
def many(cast) -> Cast:
    """Enough movies to fill a list without those that rest."""
    Movie.objects.bulk_create(Movie(title=f"Other {n}", year=1950) for n in range(100))
    return cast


def listed(cast, **query) -> dict:
    response = client_of(cast.bob).get(URL, {"limit": 100, "explain": True, **query})
    assert response.status_code == 200, response.content
    return response.json()


def titles(answer: dict) -> list[str]:
    return [item["movie"]["title"] for item in answer["items"]]


def shown_titles(cast, *names: str, **ago_fields) -> None:
    show(cast.bob, [cast[name] for name in names], ago(**(ago_fields or {"hours": 2})))


def test_movies_shown_lately_rest_and_the_list_refills(many):
    shown_titles(many, "Heat", "Babe")
    answer = listed(many, repeat_after=24)

    assert not {"Heat", "Babe"} & set(titles(answer))
    assert len(answer["items"]) == 100
    assert answer["explanation"]["left_out"]["resting"] == 2
    assert answer["notices"] == []


@pytest.mark.parametrize("query", [{}, {"repeat_after": 0}, {"repeat_after": 1}])
def test_movies_return_after_the_hours_asked(many, query):
    shown_titles(many, "Heat")

    assert "Heat" in titles(listed(many, **query))


def test_what_was_acted_on_does_not_rest_until_undone(many):
    shown_titles(many, "Heat", "Babe")
    view = act(many.bob, many["Heat"], "view", ago(hours=1))
    act(many.bob, many["Babe"], "view", ago(hours=9))
    assert "Heat" in titles(listed(many, repeat_after=24))
    assert "Babe" not in titles(listed(many, repeat_after=24))

    Interaction.objects.filter(pk=view.pk).update(undone_at=timezone.now())

    assert "Heat" not in titles(listed(many, repeat_after=24))


def test_only_the_pages_that_were_shown_rest(many):
    show(many.bob, [many["Heat"], many["Babe"], many["Alien"]], ago(hours=1), start=1, count=1)
    answer = titles(listed(many, repeat_after=24))

    assert "Babe" not in answer
    assert {"Heat", "Alien"} <= set(answer)


def test_lists_of_others_make_nothing_rest(many):
    show(many.carol, [many["Heat"]], ago(hours=1))
    show(None, [many["Heat"]], ago(hours=1))

    assert "Heat" in titles(listed(many, repeat_after=24))


def test_too_few_others_bring_the_oldest_back_at_the_end(cast):
    shown_titles(cast, "Toy Story", hours=5)
    shown_titles(cast, "Alien", "Heat", hours=3)
    answer = listed(cast, repeat_after=24)

    assert titles(answer)[-3:] in (["Toy Story", "Alien", "Heat"], ["Toy Story", "Heat", "Alien"])
    assert len(answer["items"]) == 9
    assert [notice["code"] for notice in answer["notices"]] == ["shown_lately"]
    left_out = answer["explanation"]["left_out"]
    assert (left_out["resting"], left_out["returned"]) == (0, 3)


def test_returning_movies_pass_the_filters(cast):
    shown_titles(cast, "Toy Story", "Heat", "Casino")
    answer = listed(cast, repeat_after=24, genre="crime", exclude=cast["Casino"].pk)

    assert titles(answer) == ["Goodfellas", "Heat"]


def test_a_seen_or_hidden_movie_never_returns(cast):
    shown_titles(cast, "Toy Story", "Heat", "Alien")
    act(cast.bob, cast["Heat"], "hide", ago(hours=1))
    act(cast.bob, cast["Alien"], "watch", ago(hours=5))
    Movie.objects.filter(pk=cast["Toy Story"].pk).update(status="hidden")
    answer = titles(listed(cast, repeat_after=24))

    assert len(answer) == 6
    assert not {"Toy Story", "Heat", "Alien"} & set(answer)


def test_a_seen_or_hidden_movie_is_replaced(many):
    for name, kind in (("Heat", "hide"), ("Alien", "watch"), ("Babe", "dislike")):
        act(many.bob, many[name], kind, ago(hours=1))
    answer = titles(listed(many))

    assert len(answer) == 100
    assert not {"Heat", "Alien", "Babe"} & set(answer)


def test_a_watchlist_entry_counts_until_undone(cast):
    entry = act(cast.bob, cast["Heat"], "watchlist", ago(hours=1))
    act(cast.bob, cast["Alien"], "like", ago(hours=1))
    act(cast.carol, cast["Babe"], "watchlist", ago(hours=1))
    assert watchlist_movie_ids(cast.bob.pk) == {cast["Heat"].pk}

    Interaction.objects.filter(pk=entry.pk).update(undone_at=timezone.now())

    assert watchlist_movie_ids(cast.bob.pk) == set()


def test_the_watchlist_is_left_out_only_if_asked(many):
    entry = act(many.bob, many["Heat"], "watchlist", ago(hours=1))
    act(many.carol, many["Babe"], "watchlist", ago(hours=1))
    answer = listed(many, exclude_watchlist=True)
    assert "Heat" not in titles(answer)
    assert "Babe" in titles(answer)
    assert len(answer["items"]) == 100
    assert answer["explanation"]["left_out"]["watchlist"] == 1

    Interaction.objects.filter(pk=entry.pk).update(undone_at=timezone.now())

    assert "Heat" in titles(listed(many, exclude_watchlist=True))


def test_a_resting_movie_on_the_watchlist_does_not_return(cast):
    shown_titles(cast, "Heat")
    act(cast.bob, cast["Heat"], "watchlist", ago(hours=9))

    assert "Heat" not in titles(listed(cast, repeat_after=24, exclude_watchlist=True))


def test_the_setting_rests_movies_when_a_list_is_computed(many, settings):
    settings.REPEAT_AFTER_HOURS = 24
    assert "Heat" in titles(listed(many))
    shown_titles(many, "Heat")
    assert "Heat" in titles(listed(many))

    invalidate_user(many.bob.pk)

    assert "Heat" not in titles(listed(many))
    assert "Heat" in titles(listed(many, repeat_after=0))


def test_the_next_page_needs_the_same_hours(many):
    first = listed(many, repeat_after=24, limit=5)
    same = client_of(many.bob).get(URL, {"repeat_after": 24, "cursor": first["next_cursor"]})
    other = client_of(many.bob).get(URL, {"repeat_after": 12, "cursor": first["next_cursor"]})

    assert same.status_code == 200
    assert (other.status_code, list(other.json()["error"]["fields"])) == (400, ["cursor"])


def test_new_movies_rest_too(many, settings):
    settings.EXPLORATION_PLACES = 2
    movie = make_movie("Brand new")
    show(many.bob, [movie], ago(hours=1))

    assert "Brand new" not in titles(listed(many, repeat_after=24))
