"""Films and the movies they are: by ids, then by title and year; what is not certain is a question."""

from collections import defaultdict

import pytest

from events.taste.formats.films import films_of, title_key
from events.taste.formats.matching import Catalogue, CatalogueMovie, matches_of
from events.taste.formats.rows import TasteRow


def movie(pk: int, title: str, year: int | None, *ids: str | int) -> CatalogueMovie:
    """``ids``: of IMDb, TMDB and MovieLens."""
    return CatalogueMovie._make([pk, title, year, *ids, *["", None, None][len(ids) :]])


def catalogue(*movies: CatalogueMovie, also: dict[str, CatalogueMovie] | None = None) -> Catalogue:
    made = Catalogue()
    for one in movies:
        for index, value in ((made.imdb, one.imdb_id), (made.tmdb, one.tmdb_id), (made.movielens, one.movielens_id)):
            if value:
                index[value].append(one)
        made.titled[title_key(one.title)].append(one)
    made.also_titled = defaultdict(list, {title_key(title): [one] for title, one in (also or {}).items()})
    return made


def row(title: str = "", year: int | None = None, **fields) -> TasteRow:
    return TasteRow(file="f.csv", line=1, title=title, year=year, **({"watched": True} | fields))


def match(films: TasteRow | list[TasteRow], *movies: CatalogueMovie, **other) -> list[tuple]:
    rows = films if isinstance(films, list) else [films]
    found = matches_of(films_of(rows), catalogue(*movies, **other))
    return [(one.outcome, one.reason, one.candidates) for one in found]


HEAT = movie(1, "Heat", 1995, "tt0113277", 949, 6)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (row("Wrong", 1950, imdb_id="tt0113277", tmdb_id=1), "imdb_id"),
        (row("Wrong", 1950, imdb_id="tt0000001", tmdb_id=949, movielens_id=2), "tmdb_id"),
        (row(movielens_id=6), "movielens_id"),
        (row("Heat", 1995), "title_year"),
        (row("Heat", 1994), "title_near_year"),
        (row("Heat", 1996), "title_near_year"),
    ],
)
def test_ids_come_first_then_titles_and_years(given, reason):
    assert match(given, HEAT, movie(2, "Wrong", 1950)) == [("matched", reason, [1])]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("The Matrix", "Matrix, The"),
        ("The Matrix", "THE  MATRIX"),
        ("Amélie", "Amelie"),
        ("Amélie", "Ame\u0301lie"),
        ("La Cité des enfants perdus", "Cité des enfants perdus, La"),
        ("Fast & Furious", "Fast and Furious"),
        ("Schindler's List", "Schindler\u2019s List"),
        ("WALL·E", "WALL-E"),
        ("Ødipus", "Odipus"),
        ("Heat", "Heat (1995)"),
    ],
)
def test_titles_are_compared_without_their_spelling(ours, theirs):
    assert match(row(theirs, 1999), movie(3, ours, 1999)) == [("matched", "title_year", [3])]


def test_the_original_title_is_tried_too():
    lost = movie(4, "La Cité des enfants perdus", 1995)

    assert match(row("The City of Lost Children", 1995, original_title=lost.title), lost)[0][0] == "matched"


def test_another_title_of_the_movie_is_tried_last():
    seven, other = movie(5, "Seven (a.k.a. Se7en)", 1995), movie(6, "Se7en", 1995)

    assert match(row("Se7en", 1995), seven, also={"Se7en": seven}) == [("matched", "title_year", [5])]
    assert match(row("Se7en", 1995), seven, other, also={"Se7en": seven}) == [("matched", "title_year", [6])]


def test_of_several_the_exact_title_counts():
    assert match(row("The Kid", 1921), movie(7, "Kid", 1921), movie(8, "The Kid", 1921))[0] == (
        "matched",
        "title_year",
        [8],
    )


@pytest.mark.parametrize(
    ("given", "movies", "expected"),
    [
        (row("Heat", 1995), [HEAT, movie(2, "Heat", 1995)], ("ambiguous", "several_movies", [1, 2])),
        (row("Heat", 1987), [movie(1, "Heat", 1986), movie(2, "Heat", 1988)], ("ambiguous", "several_movies", [1, 2])),
        (row("Heat"), [HEAT], ("ambiguous", "no_year", [1])),
        (row("Heat", 1995, imdb_id="tt9999999"), [HEAT], ("ambiguous", "other_id", [1])),
        (row(tmdb_id=7), [movie(1, "B", 2, "", 7), movie(2, "C", 3, "", 7)], ("ambiguous", "several_movies", [1, 2])),
        (row("Heat", 1972), [HEAT], ("unmatched", "other_year", [])),
        (row("Heart", 1995), [HEAT], ("unmatched", "not_in_catalogue", [])),
        (row(movielens_id=9), [HEAT], ("unmatched", "not_in_catalogue", [])),
        (row(), [HEAT], ("unmatched", "no_title", [])),
        (row("Heat", 1995, problem="rating_not_valid"), [HEAT], ("unmatched", "rating_not_valid", [])),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_not_matched(given, movies, expected):
    assert match(given, *movies) == [expected]


def test_two_films_of_one_movie_become_one():
    found = matches_of(
        films_of(
            [
                row("Heat", 1995, rating=3.0, rated_at=None),
                row("The Heat", 1995, liked=True),
                row("HEAT!", 1995, rating=4.0, rated_at=None),
            ]
        ),
        catalogue(HEAT),
    )

    assert [(one.film.rows, one.film.replaced, one.film.row.rating, one.film.row.liked) for one in found] == [
        (3, 1, 4.0, True)
    ]


def test_a_near_year_gives_way_to_the_film_itself():
    rows = [row("Heat", 1996, rating=1.0), row("Heat", 1995, rating=5.0)]

    assert match(rows, HEAT) == [("ambiguous", "taken", [1]), ("matched", "title_year", [1])]
    assert match([row("Heat", 1994), row("Heat", 1996)], HEAT) == [("ambiguous", "taken", [1])] * 2
