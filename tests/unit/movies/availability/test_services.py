"""Windows of availability: written by services, checked, and announced whoever writes them."""

from datetime import date

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from movies.availability.models import MovieAvailability
from movies.availability.regions import REGIONS, check_regions
from movies.availability.services import Window, availability_set
from movies.caching.version_tokens import AVAILABILITY, CATALOGUE
from movies.models import CacheInvalidation, Movie
from tests.factories import client_of

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 31)


def lines(movie: Movie) -> list[tuple[str, date | None, date | None]]:
    return list(movie.availability.values_list("region", "available_from", "available_to"))


def test_windows_replace_those_of_before(cast):
    heat, babe = cast["Heat"], cast["Babe"]
    availability_set(movie_ids=[babe.pk], windows=[Window("DE")])
    availability_set(movie_ids=[heat.pk], windows=[Window("SE"), Window("NO", FIRST, LAST)])
    assert lines(heat) == [("NO", FIRST, LAST), ("SE", None, None)]

    changed = availability_set(movie_ids=[heat.pk], windows=[Window("NO")], keep_other_regions=True)
    assert (changed, lines(heat)) == (1, [("NO", None, None), ("SE", None, None)])
    availability_set(movie_ids=[heat.pk], windows=[])
    assert (lines(heat), lines(babe)) == ([], [("DE", None, None)])


@pytest.mark.parametrize(
    ("windows", "field"),
    [
        ([Window("XX")], "region"),
        ([Window("se")], "region"),
        ([Window("SE", LAST, FIRST)], "available_to"),
        ([Window("SE"), Window("SE", None, LAST)], "region"),
    ],
)
def test_a_wrong_window_changes_nothing(cast, windows, field):
    availability_set(movie_ids=[cast["Heat"].pk], windows=[Window("NO")])

    with pytest.raises(ValidationError) as error:
        availability_set(movie_ids=[cast["Heat"].pk], windows=windows)

    assert list(error.value.message_dict) == [field]
    assert lines(cast["Heat"]) == [("NO", None, None)]


def test_an_unknown_movie_changes_nothing(cast):
    with pytest.raises(ValidationError, match="999999"):
        availability_set(movie_ids=[cast["Heat"].pk, 999_999], windows=[Window("NO")])
    assert lines(cast["Heat"]) == []


@pytest.mark.parametrize("values", ["('se', NULL::date, NULL::date)", "('SE', date '2026-02-02', date '2026-02-01')"])
def test_the_table_refuses_what_no_window_is(cast, values):
    statement = "INSERT INTO movies_movieavailability (movie_id, region, available_from, available_to)"
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"{statement} SELECT %s, * FROM (VALUES {values}) v", [cast["Heat"].pk])
    assert not MovieAvailability.objects.exists()


WRITES = {
    "INSERT INTO movies_movieavailability (movie_id, region) VALUES (%s, 'DE')": 1,
    "UPDATE movies_movieavailability SET region = 'NO' WHERE movie_id = %s": 1,
    "DELETE FROM movies_movieavailability WHERE movie_id = %s": 1,
    "UPDATE movies_movieavailability SET region = 'NO' WHERE movie_id = -%s": 0,
}


@pytest.mark.parametrize("statement", WRITES)
def test_every_write_of_a_row_is_recorded(cast, statement):
    availability_set(movie_ids=[cast["Heat"].pk], windows=[Window("SE")])
    CacheInvalidation.objects.all().delete()

    with connection.cursor() as cursor:
        cursor.execute(statement, [cast["Heat"].pk])

    recorded = dict.fromkeys(CacheInvalidation.objects.values_list("name", flat=True), 1)
    assert recorded == (dict.fromkeys([CATALOGUE, AVAILABILITY], 1) if WRITES[statement] else {})


def test_regions_are_those_of_the_standard():
    assert len(REGIONS) == 249
    assert REGIONS["SE"] == "Sweden"


def test_misspelt_settings_are_found_at_startup(settings):
    assert check_regions(None) == []
    settings.DEFAULT_REGION, settings.AVAILABILITY_DEFAULT = "se", "everywere"

    assert [error.id for error in check_regions(None)] == ["movies.E001", "movies.E002"]


def test_a_movie_shows_its_windows(cast):
    availability_set(movie_ids=[cast["Heat"].pk], windows=[Window("SE", FIRST, LAST), Window("NO", None, LAST)])

    pages = [client_of().get(f"/api/movies/{cast[title].pk}/").json() for title in ("Heat", "Babe")]

    assert pages[0]["availability"] == [
        {"region": "NO", "available_from": None, "available_to": "2026-03-31"},
        {"region": "SE", "available_from": "2026-03-01", "available_to": "2026-03-31"},
    ]
    assert pages[1]["availability"] == []
