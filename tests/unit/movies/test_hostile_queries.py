"""Reading a query or a title takes linear time and never fails, whatever was typed."""

import pytest

from movies.lexicon import senses_in
from movies.query_reading import ORIGINS, directors_in, origin_fits, origin_typed, role_typed
from movies.search import query_words
from movies.titles_typed import initials_of, number_typed, numbered_fits, spellings
from tests.factories import make_movie

# A pattern that backtracks would take years for these, not microseconds.
PARTS = ["A", "AIN", "NA", "SSHAI", "KK", "THE ", "LE ", "(", ")", "A (", ": ", " - ", " AND THE ", "A.K.A. ", "I "]
PARTS += ["director of ", "the director ", "directed, ", "directed and ", "by ", "with ", "De la ", "Aa ", "A.", "A'"]
PARTS += ["movies ", "with a twist ", "-", "- ", '"', "or ", "2 ", "\u00b2", "part ", "\U0001f600", "\x00", "\u0130 "]
HOSTILE = [(part * 200)[:199] + end for part in PARTS for end in ("!", "X", ")")]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_query_is_read(text):
    words = query_words(text)

    role_typed(text)
    origin_typed(words)
    senses_in(words)
    numbered = number_typed(text.upper())
    if numbered is not None:
        assert len(spellings(*numbered)) in (2, 4)
    assert len(words) <= 12


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_title_is_read(text):
    title = f"{text.upper()} ({text.upper()})"

    directors_in(text * 5)
    assert all(2 <= len(initials) <= 8 for initials in initials_of(title))
    assert numbered_fits("ROCKY", 2, {1: (title, 1999)}) == {}
    for origin in ORIGINS:
        assert 0 <= origin_fits(origin, "", title, f"It is a {text}") <= 1


@pytest.mark.parametrize("digit", ["0", "00", "\u0966", "\u1369", "\U00010a40", "\u2460", "\u00b9", "9" * 190, "21"])
def test_a_number_that_no_part_has_names_none(digit):
    """Some digits are no decimal digits, which ``int`` refuses."""
    assert number_typed(f"ROCKY {digit}") is None


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["1.0", "zzz 0", "rocky \u0966", "rocky \u1369", "rocky \U00010a40"])
def test_a_search_for_a_strange_number_has_an_answer(client, query):
    make_movie("Rocky", year=1976)

    assert client.get("/api/movies/search/", {"q": query}).status_code == 200
