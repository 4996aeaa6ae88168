"""A taste import from the file to the events, against the real tables."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.deletion import user_delete
from accounts.models import User
from accounts.privacy.pausing import PersonalisationPausedError
from accounts.privacy.services import taste_reset
from events.models import Interaction, Rating
from events.services import interaction_record
from events.taste.models import TasteImport, TasteImportFilm
from events.taste.opinions import UNDATED
from events.taste.selectors import LIFETIME, taste_import_get, taste_import_unmatched_csv
from events.taste.services import (
    MAX_IMPORTS,
    taste_import_confirm,
    taste_import_create,
    taste_import_delete,
    taste_imports_flush,
)
from movies.models import Movie
from tests.factories import make_movie, make_user
from tests.unit.events.taste import files
from tests.unit.events.taste.files import plain, zipped

pytestmark = pytest.mark.django_db


@pytest.fixture
def movies() -> dict[str, Movie]:
    made = [
        make_movie("Heat", 1995, imdb_id="tt0113277", tmdb_id=949, movielens_id=6),
        make_movie("Casino", 1995, imdb_id="tt0112641", tmdb_id=524, movielens_id=16),
        make_movie("Amelie (Fabuleux destin d'Amélie Poulain, Le)", 2001, imdb_id="tt0211915"),
        make_movie("The City of Lost Children (La Cité des enfants perdus)", 1995),
        make_movie("Stalker", 1979, imdb_id="tt0079944"),
        make_movie("Nosferatu", 1922),
    ]
    return {movie.title.partition(" (")[0]: movie for movie in made}


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def bring(user: User, file, name: str = "export.zip", **choices) -> TasteImport:
    """Imports and confirms a file."""
    created = taste_import_create(user=user, file=file, name=name)
    return taste_import_confirm(user=user, import_id=created.pk, **choices)


def stored(user: User) -> tuple[list, list]:
    """Everything that the tables have of the person's taste."""
    return (
        list(Interaction.objects.filter(user=user).order_by("pk").values_list()),
        list(Rating.objects.filter(user=user).order_by("pk").values_list()),
    )


def kinds(user: User) -> dict[str, set[str]]:
    """The kinds of a person's events by the movie's title."""
    found: dict[str, set[str]] = {}
    for title, kind in Interaction.objects.filter(user=user).values_list("movie__title", "kind"):
        found.setdefault(title.partition(" (")[0], set()).add(kind)
    return found


def test_a_preview_records_nothing(movies):
    person = make_user()

    created = taste_import_create(user=person, file=zipped(files.LETTERBOXD), name="letterboxd.zip")

    assert stored(person) == ([], [])
    assert created.summary == {
        "rows": 14, "matched": 6, "ambiguous": 0, "unmatched": 1, "merged_rows": 7, "replaced_ratings": 4,
        "left_out": {"listed": 2, "nothing_said": 1},
    }  # fmt: skip
    assert set(created.films.filter(outcome="unmatched").values_list("title", "reason")) == {
        ("Orphan", "not_in_catalogue")
    }


def test_a_letterboxd_zip_is_recorded(movies):
    person = make_user()

    confirmed = bring(person, zipped(files.LETTERBOXD))

    expected = {
        "Heat": {"rating", "like"},
        "Amelie": {"rating"},
        "Casino": {"watch"},
        "The City of Lost Children": {"watch"},
        "Nosferatu": {"like"},
    }
    assert kinds(person) == expected | {"Stalker": {"watchlist"}}
    ratings = Rating.objects.filter(user=person).values_list("movie__title", "value", "rated_at")
    assert set(ratings) == {
        ("Heat", 4.5, day("2024-06-02")),
        (movies["Amelie"].title, 3.5, day("2020-01-05")),
    }
    assert confirmed.result["recorded"] == {"rating": 2, "watch": 2, "like": 2, "watchlist": 1}
    # What is recorded is not kept beside it.
    assert set(confirmed.films.values_list("title", flat=True)) == {"Orphan"}


def test_a_like_of_a_rated_film_is_older_than_its_rating(movies):
    person = make_user()
    bring(person, zipped(files.LETTERBOXD))
    events = Interaction.objects.filter(user=person, movie=movies["Heat"])

    assert events.get(kind="like").occurred_at < events.get(kind="rating").occurred_at


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (lambda: zipped(files.LETTERBOXD), "letterboxd.zip"),
        (lambda: plain(files.DIARY), "diary.csv"),
        (lambda: plain(files.RATINGS), "ratings.csv"),
        (lambda: zipped({"reviews.csv": files.REVIEWS, "likes/films.csv": files.LIKES}), "part.zip"),
    ],
)
def test_the_same_or_a_part_again_changes_nothing(movies, file, name):
    person = make_user()
    bring(person, zipped(files.LETTERBOXD))
    before = stored(person)

    again = bring(person, file(), name)

    assert stored(person) == before
    assert again.result["recorded"] == {}


def test_confirming_twice_changes_nothing(movies):
    person = make_user()
    created = taste_import_create(user=person, file=zipped(files.TRAKT), name="trakt.zip")
    first = taste_import_confirm(user=person, import_id=created.pk)
    before = stored(person)

    assert taste_import_confirm(user=person, import_id=created.pk).result == first.result
    assert stored(person) == before


def test_a_newer_rating_is_never_overwritten(movies):
    person = make_user()
    interaction_record(user=person, movie_id=movies["Heat"].pk, kind="rating", value=1.0, occurred_at=day("2024-06-03"))
    interaction_record(user=person, movie_id=movies["Amelie"].pk, kind="rating", value=1.0)

    confirmed = bring(person, zipped(files.LETTERBOXD))

    assert set(Rating.objects.filter(user=person).values_list("value", flat=True)) == {1.0}
    assert confirmed.result["unchanged"]["rating"] == 2


def test_an_older_rating_is_overwritten(movies):
    person = make_user()
    interaction_record(user=person, movie_id=movies["Heat"].pk, kind="rating", value=1.0, occurred_at=day("2020-01-01"))

    bring(person, plain(files.RATINGS), "ratings.csv")

    assert Rating.objects.get(user=person, movie=movies["Heat"]).value == 4.5


def test_what_has_no_date_is_older_than_all_else(movies):
    person = make_user()
    old = day("1997-01-01")
    interaction_record(user=person, movie_id=movies["Casino"].pk, kind="rating", value=2.0, occurred_at=old)

    bring(person, plain(files.MOVIELENS_SITE), "movielens-ratings.csv")
    bring(person, plain("title,year,tmdbId,imdbId,userRating\nCasino,1995,524,,10\n"), "ratings.csv")

    assert Rating.objects.get(user=person, movie=movies["Casino"]).value == 2.0
    assert Rating.objects.get(user=person, movie=movies["Heat"]).rated_at == UNDATED


def test_a_date_ahead_of_the_clock_is_now(movies):
    person = make_user()
    tomorrow = (timezone.now() + timedelta(days=400)).date().isoformat()

    bring(person, plain(f"Date,Name,Year,Letterboxd URI,Rating\n{tomorrow},Heat,1995,u,4\n"), "ratings.csv")
    bring(person, plain(f"Date,Name,Year,Letterboxd URI,Rating\n{tomorrow},Heat,1995,u,4\n"), "ratings.csv")

    event = Interaction.objects.get(user=person)
    assert event.occurred_at <= event.received_at


def test_viewings_from_before_records_begin_are_kept(movies):
    person = make_user()

    bring(person, plain(f"{files.DIARY.splitlines()[0]}\n1975-01-02,Stalker,1979,u,4,,,1975-01-01\n"), "diary.csv")

    assert Interaction.objects.get(user=person).occurred_at == UNDATED


def test_an_ambiguous_film_is_recorded_by_choice(movies):
    person, other = make_user(), make_movie("Heat", 1995)
    created = taste_import_create(user=person, file=plain(files.RATINGS), name="ratings.csv")
    film = created.films.get(outcome="ambiguous")
    assert sorted(film.candidates) == sorted([movies["Heat"].pk, other.pk])

    for wrong in ({film.position: movies["Casino"].pk}, {film.position + 1: other.pk}, {999: other.pk}):
        with pytest.raises(ValidationError, match=r"candidate|ambiguous"):
            taste_import_confirm(user=person, import_id=created.pk, choices=wrong)
    assert stored(person) == ([], [])
    taste_import_confirm(user=person, import_id=created.pk, choices={film.position: other.pk})

    assert Rating.objects.get(user=person, movie=other).value == 4.5
    assert not Rating.objects.filter(user=person, movie=movies["Heat"]).exists()


def test_an_ambiguous_film_can_be_chosen_afterwards(movies):
    person, other = make_user("ada@example.org"), make_movie("Heat", 1995)
    file = plain("Date,Name,Year,Letterboxd URI,Rating\n2020-01-05,Heat,1995,x,4\n2020-01-05,Casino,1995,y,3\n")
    created = bring(person, file, "ratings.csv")
    assert created.result["recorded"] == {"rating": 1}

    with pytest.raises(ValidationError, match="is no candidate"):
        taste_import_confirm(user=person, import_id=created.pk, choices={1: movies["Casino"].pk})
    for _ in range(2):
        again = taste_import_confirm(user=person, import_id=created.pk, choices={1: other.pk})
        assert again.result == {"recorded": {"rating": 2}, "unchanged": {}, "unpublished": 0}

    assert Rating.objects.get(user=person, movie=other).value == 4
    assert not Rating.objects.filter(user=person, movie=movies["Heat"]).exists()
    assert not created.films.exists()


def test_without_a_choice_nothing_is_invented(movies):
    person = make_user()
    make_movie("Heat", 1995)

    confirmed = bring(person, plain(files.RATINGS), "ratings.csv")

    assert kinds(person) == {"Amelie": {"rating"}}
    assert list(confirmed.films.values_list("title", "outcome")) == [("Heat", "ambiguous")]


def test_only_published_movies_are_matched(movies):
    person = make_user()
    movies["Heat"].status = Movie.Status.HIDDEN
    movies["Heat"].save()
    created = taste_import_create(user=person, file=plain(files.IMDB), name="ratings.csv")
    Movie.objects.filter(pk=movies["Casino"].pk).update(status=Movie.Status.DRAFT)

    confirmed = taste_import_confirm(user=person, import_id=created.pk)

    assert kinds(person) == {"Amelie": {"rating"}}
    assert confirmed.result["unpublished"] == 1


def test_a_hostile_file_stores_nothing():
    person = make_user()

    with pytest.raises(ValidationError) as refused:
        taste_import_create(user=person, file=plain(b"\x00\x01\x02"), name="ratings.csv")

    assert list(refused.value.message_dict) == ["file"]
    assert not TasteImport.objects.filter(user=person).exists()


def test_unmatched_films_are_a_table_without_formulas(movies):
    person = make_user()
    rows = '2024-01-01,"=1+1, ""x""",1990,u,3\n2024-01-01,Heat,1995,u,77\n'

    confirmed = bring(person, plain(files.RATINGS.splitlines()[0] + "\n" + rows), "ratings.csv")

    lines = list(taste_import_unmatched_csv(taste_import=confirmed))
    assert lines[0] == "file,line,title,year,imdb_id,tmdb_id,movielens_id,rating,outcome,reason\r\n"
    assert lines[1:] == [
        'ratings.csv,2,"\'=1+1, ""x""",1990,,,,3.0,unmatched,no movie of the catalogue fits\r\n',
        "ratings.csv,3,Heat,1995,,,,,unmatched,the rating is not on the site's scale\r\n",
    ]


def test_a_paused_person_imports_nothing(movies):
    person = make_user()
    created = taste_import_create(user=person, file=plain(files.RATINGS), name="ratings.csv")
    User.objects.filter(pk=person.pk).update(personalisation=False)

    with pytest.raises(PersonalisationPausedError):
        taste_import_create(user=person, file=plain(files.RATINGS), name="ratings.csv")
    with pytest.raises(PersonalisationPausedError):
        taste_import_confirm(user=person, import_id=created.pk)

    assert stored(person) == ([], [])
    assert TasteImport.objects.filter(user=person).count() == 1


def test_an_import_is_its_owners_alone(movies):
    person, other = make_user(), make_user()
    created = taste_import_create(user=person, file=plain(files.RATINGS), name="ratings.csv")

    for use in (taste_import_get, taste_import_confirm, taste_import_delete):
        with pytest.raises(TasteImport.DoesNotExist):
            use(user=other, import_id=created.pk)

    assert stored(other) == ([], [])
    assert TasteImport.objects.filter(pk=created.pk).exists()


def test_an_import_expires_after_a_day(movies):
    person = make_user()
    old = taste_import_create(user=person, file=plain(files.RATINGS), name="ratings.csv")
    new = taste_import_create(user=person, file=plain(files.RATINGS), name="ratings.csv")
    TasteImport.objects.filter(pk=old.pk).update(created_at=timezone.now() - LIFETIME - timedelta(seconds=1))

    with pytest.raises(TasteImport.DoesNotExist):
        taste_import_confirm(user=person, import_id=old.pk)

    assert taste_imports_flush() == 1
    assert list(TasteImport.objects.filter(user=person)) == [new]
    assert set(TasteImportFilm.objects.filter(user=person).values_list("taste_import", flat=True)) == {new.pk}


def test_a_further_import_replaces_the_oldest(movies):
    person = make_user()
    made = [
        taste_import_create(user=person, file=plain(files.RATINGS), name="ratings.csv").pk
        for _ in range(MAX_IMPORTS + 2)
    ]

    kept = TasteImport.objects.filter(user=person).order_by("created_at")
    assert list(kept.values_list("pk", flat=True)) == made[2:]


@pytest.mark.parametrize("erase", [lambda user: user_delete(user_id=user.pk), lambda user: taste_reset(user=user)])
def test_imports_go_with_the_person_and_their_taste(movies, erase):
    person = make_user()
    created = taste_import_create(user=person, file=plain(files.RATINGS), name="ratings.csv")

    erase(person)

    assert not TasteImport.objects.filter(pk=created.pk).exists()
    assert not TasteImportFilm.objects.filter(taste_import_id=created.pk).exists()
