"""Initials, numerals, roles, countries and moods in typed queries."""

import pytest
from django.db import connection

from movies.lexicon import senses_in
from movies.query_reading import ORIGINS, Role, directors_in, origin_fits, role_typed
from movies.titles_typed import initials_of, number_typed, numbered_fits

TITLES = [
    "THE LORD OF THE RINGS: THE RETURN OF THE KING",
    "HARRY POTTER AND THE SORCERER'S STONE (A.K.A. HARRY POTTER AND THE PHILOSOPHER'S STONE)",
    "STAR WARS: EPISODE V - THE EMPIRE STRIKES BACK",
    "TERMINATOR 2: JUDGMENT DAY",
    "AMELIE (LE FABULEUX DESTIN D'AMELIE POULAIN)",
    "2001",
    "!!!",
]


def test_initials_are_those_of_parts_and_of_the_whole():
    assert initials_of(TITLES[0]).keys() == {"LOTR", "ROTK"}
    assert initials_of(TITLES[0])["LOTR"] == "LORD OF THE RINGS"
    assert "HP" in initials_of(TITLES[1])
    assert "ESB" in initials_of(TITLES[2])
    assert "T2" in initials_of(TITLES[3])


@pytest.mark.parametrize("title", TITLES)
def test_the_database_makes_the_same_initials(db, title):
    with connection.cursor() as cursor:
        cursor.execute("SELECT movies_initials(%s)", [title])
        assert set(cursor.fetchone()[0]) == initials_of(title).keys()


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("GODFATHER 2", ("GODFATHER", 2)),
        ("GODFATHER PART II", ("GODFATHER", 2)),
        ("ROCKY FOUR", ("ROCKY", 4)),
        ("SE7EN", None),
        ("2", None),
    ],
)
def test_numerals_of_any_kind_are_numbers(query, named):
    assert number_typed(query) == named


def test_a_part_of_a_series_is_found_by_number_or_else_by_year():
    godfather = {1: ("THE GODFATHER", 1972), 2: ("THE GODFATHER: PART II", 1974), 3: ("THE GODFATHER: PART III", 1990)}
    matrix = {4: ("THE MATRIX", 1999), 5: ("THE MATRIX RELOADED", 2003)}

    assert numbered_fits("GODFATHER", 2, godfather) == {2: 1.0}
    assert numbered_fits("GODFATHER", 1, godfather).keys() == {1}
    assert numbered_fits("MATRIX", 2, matrix).keys() == {5}
    assert numbered_fits("MATRIX", 3, matrix) == {}


@pytest.mark.parametrize(
    ("query", "role"),
    [
        ("director of pulp fiction", Role("director", movie="pulp fiction")),
        ("movies by christopher nolan", Role("director", name="christopher nolan")),
        ("directed by kubrick", Role("director", name="kubrick")),
        ("movies with meryl streep", Role("cast", name="meryl streep")),
        ("stand by me", None),
        ("gone with the wind", None),
    ],
)
def test_a_query_names_a_person_in_a_role(query, role):
    assert role_typed(query) == role


def test_a_text_names_the_director():
    assert directors_in("It is a 1994 film written and directed by Quentin Tarantino, who") == ["Quentin Tarantino"]


def test_a_country_is_read_from_language_text_or_title():
    french = next(origin for origin in ORIGINS if origin.word == "French")

    assert origin_fits(french, "fr", "HEAT", "") == 1
    assert origin_fits(french, "en", "LE DINER", "") == 0
    assert origin_fits(french, "", "LUCY", "Lucy is a 2014 French action film") == 1
    assert origin_fits(french, "", "AMELIE (LE FABULEUX DESTIN D'AMELIE POULAIN)", "") > 0
    assert origin_fits(french, "", "THE FRENCH CONNECTION", "It is a 1971 American film about Frenchmen.") == 0


def test_the_lexicon_reads_words_and_phrases_and_leaves_others():
    senses, rest = senses_in(["funny", "black", "and", "white", "robots"])

    assert [sense.genres for sense in senses] == [("comedy",), ("noir",)]
    assert rest == ["robots"]
