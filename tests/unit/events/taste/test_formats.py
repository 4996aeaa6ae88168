"""Every format that people bring: what its rows say, and what is left out."""

from datetime import UTC, datetime

import pytest

from events.taste.formats.detection import taste_file_read
from events.taste.formats.films import films_of
from events.taste.formats.rows import TasteFileError
from tests.unit.events.taste import files
from tests.unit.events.taste.files import plain, zipped


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def films(file, name: str) -> dict:
    return {film.row.title: film for film in films_of(taste_file_read(file, name).rows)}


def test_a_letterboxd_zip_is_read_whole():
    read = taste_file_read(zipped(files.LETTERBOXD), "letterboxd-ada.zip")
    found = {film.row.title: film for film in films_of(read.rows)}

    assert read.source == "letterboxd"
    named = {"Heat", "City of Lost Children, The", "Amélie", "Casino", "Stalker", "Nosferatu", "Orphan"}
    assert set(found) == named
    heat = found["Heat"]
    # Of the ratings of 1 May, 1 June and 2 June the newest counts; half a star stays one.
    assert (heat.row.rating, heat.row.rated_at) == (4.5, day("2024-06-02"))
    assert (heat.row.liked, heat.row.watched, heat.row.watchlisted) == (True, True, False)
    assert (heat.rows, heat.replaced) == (6, 3)
    assert (found["Casino"].row.rating, found["Casino"].row.watched) == (None, True)
    assert (found["Stalker"].row.watchlisted, found["Stalker"].row.watched) == (True, False)
    assert (found["Nosferatu"].row.liked, found["Nosferatu"].row.watched) == (True, False)
    assert read.left_out == {"listed": 2, "nothing_said": 1}


def test_a_zip_may_have_a_folder_around_its_files():
    inner = {f"letterboxd-ada-2024/{name}": text for name, text in files.LETTERBOXD.items()}

    assert taste_file_read(zipped(inner), "x.zip").left_out == {"listed": 2, "nothing_said": 1}
    assert "Deleted Film" not in films(zipped(inner), "x.zip")


def test_the_watched_date_comes_before_the_entrys():
    found = films(plain(files.DIARY), "diary.csv")

    assert found["Heat"].row.watched_at == day("2024-06-01")
    assert found["City of Lost Children, The"].row.watched_at == day("2024-06-03")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("watched.csv", "watched"),
        ("watchlist.csv", "watchlisted"),
        ("watchlist (1).csv", "watchlisted"),
        ("films.csv", "liked"),
    ],
)
def test_the_name_tells_files_of_one_header_apart(name, said):
    row = films(plain(files.WATCHED), name)["Casino"].row

    found = {what: getattr(row, what) for what in ("watched", "watchlisted", "liked")}
    assert found == {what: what == said for what in found}


def test_a_header_that_fits_several_needs_the_name():
    with pytest.raises(TasteFileError, match=r"watched\.csv and watchlist\.csv look the same"):
        taste_file_read(plain(files.WATCHED), "export.csv")


def test_reviews_have_markup_and_line_breaks():
    read = taste_file_read(plain(files.REVIEWS), "reviews.csv")

    assert [(row.title, row.rating, row.watched_at) for row in read.rows] == [("Heat", 4.0, day("2024-05-01"))]


def test_a_list_alone_says_nothing_about_taste():
    with pytest.raises(TasteFileError, match="2 films on lists"):
        taste_file_read(plain(files.LIST), "best.csv")


def test_the_form_that_letterboxd_imports_is_read():
    text = "WatchedDate,Title,Year,tmdbID,imdbID,Rating10,Rewatch\n2021-01-01,Heat,1995,949,tt0113277,9,false\n"
    row = films(plain(text), "films-1.csv")["Heat"].row

    assert (row.rating, row.tmdb_id, row.imdb_id, row.watched_at) == (4.5, 949, "tt0113277", day("2021-01-01"))


def test_imdb_ratings_are_halved_and_series_counted():
    read = taste_file_read(plain("\ufeff" + files.IMDB), "ratings.csv")

    assert {row.imdb_id: row.rating for row in read.rows} == {"tt0113277": 4.5, "tt0211915": 3.5, "tt0112641": 4.0}
    assert {row.title for row in read.rows} == {"Heat", "Amelie", "Casino, and more"}
    assert read.left_out == {"tv": 2}
    assert [row.rated_at for row in read.rows][::2] == [day("2021-03-04"), None]


def test_older_imdb_files_have_no_original_title():
    rows = taste_file_read(plain(files.IMDB_OLD), "ratings.csv").rows

    assert [(row.title, row.original_title, row.rating) for row in rows] == [("Heat", "", 4.5)]


def test_only_its_name_makes_an_imdb_list_the_watchlist():
    of_list = taste_file_read(plain(files.IMDB_LIST), "best of.csv")
    of_watchlist = taste_file_read(plain(files.IMDB_LIST), "WATCHLIST.csv")

    assert [(row.title, row.rating, row.watchlisted) for row in of_list.rows] == [("Heat", 4.5, False)]
    assert of_list.left_out == {"listed": 1}
    assert [(row.title, row.watchlisted) for row in of_watchlist.rows] == [("Heat", True), ("Stalker", True)]


def test_trakt_pages_are_read_by_number():
    read = taste_file_read(zipped(files.TRAKT), "trakt-export.zip")
    found = {film.row.title: film.row for film in films_of(read.rows)}

    assert read.source == "trakt"
    # Page 10 after page 9.
    assert [row.title for row in read.rows if row.watched] == ["Heat", "Casino"]
    assert (found["Heat"].rating, found["Heat"].watched_at) == (3.5, datetime(2020, 1, 1, 20, tzinfo=UTC))
    assert found["Stalker"].watchlisted
    assert read.left_out == {"tv": 2, "listed": 1}


def test_a_file_of_the_trakt_zip_is_read_alone():
    rows = taste_file_read(plain(files.TRAKT["ratings-movies.json"]), "ratings-movies.json").rows

    assert [(row.title, row.rating, row.tmdb_id) for row in rows] == [("Heat", 3.5, 949)]


def test_repeated_plays_of_movary_are_one_film():
    found = films(plain(files.MOVARY_HISTORY), "history.csv")

    assert (found["Heat"].rows, found["Heat"].row.watched_at) == (2, day("2023-01-01"))
    assert (found["Casino"].row.watched, found["Casino"].row.watched_at) == (True, None)
    assert films(plain(files.MOVARY_RATINGS), "ratings.csv")["Heat"].row.rating == 4.5


def test_both_files_of_movielens_are_read():
    data_set = taste_file_read(plain(files.MOVIELENS), "ratings.csv").rows
    (site,) = taste_file_read(plain(files.MOVIELENS_SITE), "movielens-ratings.csv").rows

    assert [(row.movielens_id, row.rating) for row in data_set] == [(6, 4.5), (16, 0.5)]
    assert data_set[0].rated_at == datetime(2005, 4, 2, 23, 53, 47, tzinfo=UTC)
    assert (site.movielens_id, site.imdb_id, site.tmdb_id) == (6, "tt0113277", 949)
    assert (site.title, site.year, site.rated_at) == ("Heat", 1995, None)


def test_a_data_set_of_several_people_is_refused():
    with pytest.raises(TasteFileError, match="several people"):
        taste_file_read(plain(files.MOVIELENS + "8,6,3.0,1112486027\n"), "ratings.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_every_usual_encoding_is_read(encoding):
    assert films(plain(files.RATINGS, encoding), "ratings.csv")["Amélie"].row.rating == 3.5


@pytest.mark.parametrize("change", [lambda text: text.replace("\n", "\r"), lambda text: text.replace(",", ";")])
def test_files_that_a_spreadsheet_saved_are_read(change):
    assert films(plain(change(files.RATINGS)), "ratings.csv")["Amélie"].row.rating == 3.5


@pytest.mark.parametrize("rating", ["NaN", "inf", "-1", "5.5", "4.25", "9" * 400, "1e1", "five", "\u0665"])
def test_a_rating_off_the_scale_is_its_rows_problem(rating):
    rows = taste_file_read(plain(files.RATINGS + f"2024-01-01,Alien,1979,u,{rating}\n"), "ratings.csv").rows

    assert [(row.rating, row.problem) for row in rows if row.title == "Alien"] == [(None, "rating_not_valid")]
    assert [row.rating for row in rows if row.title == "Heat"] == [4.5]


@pytest.mark.parametrize("date", ["", "NaN", "0000-00-00", "99999-01-01", "9999-12-31T23:59:59-23:59", "1" * 400])
def test_a_date_that_is_none_leaves_the_rating(date):
    rows = taste_file_read(plain(files.RATINGS + f"{date},Alien,1979,u,4\n"), "ratings.csv").rows

    assert [(row.rating, row.rated_at) for row in rows if row.title == "Alien"] == [(4.0, None)]


def test_namesakes_of_other_years_stay_two_films():
    text = files.RATINGS + "2024-01-01,Heat,1986,u,2\n"
    found = films_of(taste_file_read(plain(text), "ratings.csv").rows)

    assert [(film.row.year, film.row.rating) for film in found if film.row.title == "Heat"] == [(1995, 4.5), (1986, 2)]
