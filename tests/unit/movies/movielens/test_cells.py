"""What others write in a cell: lists in many spellings, words for nothing, numbers that became floats."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from movies.movielens.cells import cell_names, strip_missing, whole_number
from movies.movielens.genres import genre_names


@pytest.mark.parametrize(
    "cell",
    [
        "Drama|Crime",
        "Drama, Crime",
        "Drama; Crime",
        " Drama |Crime| |drama",
        '["Drama","Crime"]',
        "['Drama', 'Crime']",
        "('Drama', 'Crime',)",
        "{'Drama', 'Crime'}",
        "['Drama' 'Crime']",
        "[Drama, Crime]",
        "[u'Drama', u'Crime', None, nan]",
        "[{'id': 18, 'name': 'Drama'}, {'id': 80, 'name': 'Crime', 'of': {'name': 'x'}}]",
        '[{"id": 18, "name": "Drama"}, {"name": "Crime", "id": null, "tags": ["x"]}]',
        '[{"name": "Dr\\u0061ma"}, {"name": "Cri\\u200bme"}]',
    ],
)
def test_a_list_is_read_in_every_spelling(cell):
    assert cell_names(cell) == ("Drama", "Crime")
    assert genre_names(cell) == ("Drama", "Crime")


@pytest.mark.parametrize(
    "cell", ["", " ", "nan", "NaN", "None", "null", "[]", "{}", "N/A", "NA", "<NA>", "\\N", "[None]"]
)
def test_words_for_nothing_are_nothing(cell):
    assert cell_names(cell) == ()
    assert strip_missing(cell) in ("", "[None]")


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("Robert Downey, Jr.", ("Robert Downey, Jr.",)),
        ("Joel Coen, Ethan Coen", ("Joel Coen", "Ethan Coen")),
        ("Sammy Davis, Jr., Dean Martin", ("Sammy Davis, Jr.", "Dean Martin")),
        ("Lord, Jack|Robert Downey, Jr.", ("Lord, Jack", "Robert Downey, Jr.")),
        ('["Conan O\'Brien", \'Al "Bubba" Jo\']', ("Conan O'Brien", 'Al "Bubba" Jo')),
        (r"['Conan O\'Brien', 'Jos\xe9']", ("Conan O'Brien", "José")),
        (r'["\ud83c\udfac Film", "a\/b"]', ("\U0001f3ac Film", "a/b")),
        ("{'id': 10194, 'name': 'Toy Story Collection'}", ("Toy Story Collection",)),
        ("[Science Fiction, Drama]", ("Science Fiction", "Drama")),
        ("Nan Goldin, None Such", ("Nan Goldin", "None Such")),
        ("José|Jose\u0301|JOSÉ", ("José",)),
    ],
)
def test_names_keep_what_is_theirs(cell, names):
    assert cell_names(cell) == names


@pytest.mark.parametrize(
    "cell",
    [
        *("['O'Brien']", "[1, 2]", "['a']]", "[{'name': 'a'])]", "[(])", "['a\\N{x}']", "['a'] 'b' []", "[']"),
        *("[" * 30 + "]" * 30, "[{'id': 18, 'name': 'Dra", '["Drama", "Cri', "[{'id': 18, 'name': 'Drama'},"),
    ],
)
def test_a_list_that_cannot_be_read_is_an_error(cell):
    with pytest.raises(ValueError, match="a list"):
        cell_names(cell)


def test_genres_are_known_in_any_case_and_numbers_are_none():
    assert genre_names("SCIENCE FICTION|children's|UNKNOWN|Drama|DRAMA") == ("Sci-Fi", "Children", "Drama")
    with pytest.raises(ValueError, match="a number"):
        genre_names("18|80")


def test_a_number_loses_the_point_that_floats_have():
    assert [whole_number(word) for word in ("862.0", "862.", "862", "862.5", "1e3")] == [
        "862",
        "862",
        "862",
        "862.5",
        "1e3",
    ]


@settings(deadline=None)
@given(st.text(alphabet="[]{}(),:'\"\\ a1nameNone|;", max_size=60))
def test_no_cell_breaks_it(cell):
    try:
        names = cell_names(cell)
    except ValueError:
        return
    assert all(names)
    assert len({name.casefold() for name in names}) == len(names)


@pytest.mark.parametrize("piece", ["[", "'\\'", "{'name':", "['", "-", "(", "['a' ", '"\\'])
def test_a_huge_cell_is_read_in_one_pass(piece):
    # A second pass for each token would take hours.
    for cell in (piece * 200_000, "[" + piece * 200_000 + "]"):
        with suppress(ValueError):
            assert cell_names(cell)
