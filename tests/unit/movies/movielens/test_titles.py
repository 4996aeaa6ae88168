import pytest
from hypothesis import given
from hypothesis import strategies as st

from movies.movielens.genres import genre_names
from movies.movielens.titles import Title, match_key, parse_title
from movies.text import normalise_line


@pytest.mark.parametrize(
    ("raw", "text", "year"),
    [
        ("Toy Story (1995)", "Toy Story", 1995),
        ("Matrix, The (1999)", "The Matrix", 1999),
        ("Shall We Dance? (1937)", "Shall We Dance?", 1937),
        ("Bug's Life, A (1998)", "A Bug's Life", 1998),
        ("Colonel Chabert, Le (1994)", "Le Colonel Chabert", 1994),
        ("Visitors, The (Visiteurs, Les) (1993)", "The Visitors (Les Visiteurs)", 1993),
        ("Avventura, L' (Adventure, The) (1960)", "L'Avventura (The Adventure)", 1960),
        ("Boot, Das (Boat, The) (1981)", "Das Boot (The Boat)", 1981),
        ("Quatrilho, O (1995)", "O Quatrilho", 1995),
        (
            "City of Lost Children, The (Cité des enfants perdus, La) (1995)",
            "The City of Lost Children (La Cité des enfants perdus)",
            1995,
        ),
        ("Seven (a.k.a. Se7en) (1995)", "Seven (a.k.a. Se7en)", 1995),
        ("Highlander III (a.k.a. Final Dimension, The) (1994)", "Highlander III (a.k.a. The Final Dimension)", 1994),
        (
            "Wonderful, Horrible Life of Leni Riefenstahl, The (1993)",
            "The Wonderful, Horrible Life of Leni Riefenstahl",
            1993,
        ),
        ("Ciao, Professore! (1992)", "Ciao, Professore!", 1992),
        ("(500) Days of Summer (2009)", "(500) Days of Summer", 2009),
        ("2001: A Space Odyssey (1968)", "2001: A Space Odyssey", 1968),
        ("1984 (1984)", "1984", 1984),
        ("Death Note: Desu nôto (2006\u20132007)", "Death Note: Desu nôto", 2006),
        ("Fawlty Towers (1975-1979)", "Fawlty Towers", 1975),
        ("Big Bang Theory, The (2007-)", "The Big Bang Theory", 2007),
        ("Two Friends (1986) ", "Two Friends", 1986),
        ("  Heidi   Fleiss (1995)\t", "Heidi Fleiss", 1995),
        ("Land Before Time III (1995) (V)", "Land Before Time III", 1995),
        ("Ready Player One", "Ready Player One", None),
        ("Babylon 5", "Babylon 5", None),
        ("Something (0042)", "Something (0042)", None),
        ("(1995)", "(1995)", None),
        ("unknown", "unknown", None),
        ("", "", None),
    ],
)
def test_titles_of_the_data_sets_are_read(raw, text, year):
    assert parse_title(raw) == Title(text, year)


@given(st.text(max_size=80))
def test_no_title_breaks_the_parser_or_comes_out_empty(raw):
    title = parse_title(raw)
    assert bool(title.text) == bool(normalise_line(raw))
    assert title.text == title.text.strip()
    assert title.year is None or 1870 <= title.year <= 2200
    match_key(title.text)


@given(st.from_regex(r"\A[A-Za-z ,.()']{1,30}, (The|A|L'|Les) \((19|20)[0-9]{2}\)\Z"))
def test_titles_shaped_like_the_data_sets_have_a_year(raw):
    title = parse_title(raw)
    assert title.text
    assert title.year == int(raw[-5:-1])


def test_data_sets_that_write_a_title_differently_share_its_key():
    names = ["Seven (a.k.a. Se7en)", "Seven (Se7en)", "SEVEN", "seven!"]
    assert {match_key(name) for name in names} == {"seven"}
    assert match_key("The Hudsucker Proxy") == match_key("Hudsucker Proxy")
    assert match_key("Amélie & Co") == match_key("Amelie and co")
    assert match_key("Alien") != match_key("Aliens")


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        ("Comedy|Drama", ("Comedy", "Drama")),
        ("(no genres listed)", ()),
        ("unknown", ()),
        ("", ()),
        ("Animation|Children's|Comedy", ("Animation", "Children", "Comedy")),
        ("Drama|Drama", ("Drama",)),
    ],
)
def test_genres_have_one_name_each(raw, names):
    assert genre_names(raw) == names


def test_many_parentheses_take_no_quadratic_time():
    """A regular expression takes minutes for this."""
    title = "()" * 200_000 + "x"

    assert parse_title(title).text == title
    assert match_key(title) == "x"
