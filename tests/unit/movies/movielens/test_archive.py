import polars as pl
import pytest

from movies.movielens.archive import dataset_name, open_archive
from movies.movielens.catalogue_lines import LinkLine, MovieLine, TagLine
from movies.movielens.errors import ArchiveError, BadLineError, BadLines
from tests.archives import CSV, DAT_1M, DAT_10M, U, real_data, write_folder, write_zip


def read(path):
    """(movies, ratings as rows, tags, links) of an archive."""
    with open_archive(path) as archive:
        movies = archive.movies()
        ids = {movie.id for movie in movies}
        frames = list(archive.ratings(movie_ids=ids))
        return movies, pl.concat(frames).rows(), list(archive.tags(movie_ids=ids)), archive.links(movie_ids=ids)


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_csv_layout(tmp_path, write):
    movies, ratings, tags, links = read(write(tmp_path, "ml-latest-small", CSV))
    assert movies[1] == MovieLine(2571, "The Matrix", 1999, ("Action", "Sci-Fi", "Thriller"))
    assert movies[2].title == "The City of Lost Children (La Cité des enfants perdus)"
    assert movies[3] == MovieLine(171495, "Cosmos", None, ())
    assert ratings[0] == (1, 1, 4.0, 964982703)
    assert len(ratings) == 4
    assert tags == [TagLine(2, 29, "dream, stolen", 1445714994), TagLine(3, 1, "pixar", 1445714996)]
    assert links[1] == LinkLine(1, "tt0114709", 862)
    assert links[29] == LinkLine(29, "tt0112682", None)
    assert links[171495] == LinkLine(171495, "", 409926)


def test_dat_layout_in_latin_1(tmp_path):
    movies, ratings, tags, links = read(write_zip(tmp_path, "ml-1m", DAT_1M))
    assert movies[0] == MovieLine(1, "Toy Story", 1995, ("Animation", "Children", "Comedy"))
    assert movies[2].title == "Autumn Sonata (Höstsonaten)"
    assert ratings == [(1, 1, 5.0, 978300760), (1, 2571, 3.0, 978302109), (2, 2131, 4.0, 978301968)]
    assert (tags, links) == ([], {})


def test_dat_layout_in_utf_8_with_half_stars_and_tags(tmp_path):
    movies, ratings, tags, _ = read(write_zip(tmp_path, "ml-10m", DAT_10M, inside="ml-10M100K"))
    assert movies[2].title == "Autumn Sonata (Höstsonaten)"
    assert ratings[0] == (1, 1, 4.5, 838985046)
    assert tags == [TagLine(2, 2571, "so: good :: really", 1188263867)]


def test_u_layout(tmp_path):
    movies, ratings, _, _ = read(write_zip(tmp_path, "ml-100k", U))
    assert movies[0] == MovieLine(1, "Toy Story", 1995, ("Animation", "Children", "Comedy"))
    assert movies[1] == MovieLine(267, "unknown", None, ())
    assert movies[2].title == "Á köldum klaka (Cold Fever)"
    assert movies[3].year == 1995
    assert ratings[0] == (196, 1, 3.0, 881250949)
    with open_archive(tmp_path / "ml-100k.zip") as archive:
        assert not archive.canonical


@pytest.mark.parametrize(("inside", "expected"), [("ml-25m", "ml-25m"), ("", "download"), ("data/ml-32m", "ml-32m")])
def test_the_folder_names_the_data_set_and_else_the_file(tmp_path, inside, expected):
    with open_archive(write_zip(tmp_path, "download", CSV, inside=inside)) as archive:
        assert archive.name == expected


def test_a_folder_may_hold_the_data_sets_folder(tmp_path):
    write_folder(tmp_path / "unpacked", "ml-1m", DAT_1M)
    with open_archive(tmp_path / "unpacked") as archive:
        assert archive.name == "ml-1m"


def test_windows_line_ends_a_bom_and_blank_lines_are_accepted(tmp_path):
    files = {name: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n") + b"\r\n" for name, data in CSV.items()}
    assert read(write_folder(tmp_path, "crlf", files)) == read(write_folder(tmp_path, "plain", CSV))


def test_a_last_line_without_an_end_counts(tmp_path):
    files = {name: data.rstrip(b"\n") for name, data in CSV.items()}
    assert read(write_folder(tmp_path, "open", files)) == read(write_folder(tmp_path, "plain", CSV))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({**CSV, "ratings.csv": b""}, "ratings.csv .* is empty"),
        ({**CSV, "movies.csv": b""}, "movies.csv .* is empty"),
        ({**CSV, "movies.csv": b"movieId,title,genres\n"}, "holds no movies"),
        ({**CSV, "ratings.csv": b"userId,movieId,rating,timestamp\n"}, "holds no ratings"),
        ({**CSV, "ratings.csv": b"user,item,stars\n1,1,4\n"}, "ratings.csv, line 1: the header is 'user,item,stars'"),
        ({**DAT_1M, "ratings.dat": b""}, "holds no ratings"),
        ({"movies.csv": CSV["movies.csv"]}, "ratings.csv is missing"),
        ({"ratings.dat": DAT_1M["ratings.dat"]}, "movies.dat is missing"),
        ({"notes.txt": b"hello"}, "is no MovieLens archive"),
        ({name: data for name, data in U.items() if name != "u.genre"}, "no u.genre"),
        ({**U, "u.genre": b"Action|one\n"}, "u.genre, line 1"),
    ],
)
@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_what_is_wrong_with_an_archive_is_said(tmp_path, write, files, message):
    path = write(tmp_path, "ml-x", files)
    with pytest.raises(ArchiveError, match=message):
        read(path)


def test_missing_damaged_and_foreign_files_are_named(tmp_path):
    with pytest.raises(ArchiveError, match="There is nothing at"):
        read(tmp_path / "absent.zip")
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(ArchiveError, match="not a zip archive"):
        read(tmp_path / "text.zip")
    whole = write_zip(tmp_path, "ml-1m", DAT_1M).read_bytes()
    (tmp_path / "short.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArchiveError, match="cut short"):
        read(tmp_path / "short.zip")


def test_damage_inside_a_zip_is_found_while_reading(tmp_path):
    files = {**DAT_1M, "ratings.dat": b"".join(b"%d::1::5::978300760\n" % user for user in range(1, 2000))}
    path = write_zip(tmp_path, "ml-1m", files)
    data = bytearray(path.read_bytes())
    start = data.index(b"ml-1m/ratings.dat") + 40
    data[start + 200 : start + 240] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match=r"ratings\.dat in .* cannot be read"):
        read(path)


@pytest.mark.parametrize("name", ["../evil.csv", "/etc/evil.csv", "a/../../evil.csv", "..\\evil.csv", "C:/evil.csv"])
def test_a_zip_with_paths_that_lead_out_of_it_is_refused(tmp_path, name):
    path = write_zip(tmp_path, "ml-x", {**CSV, name: b"x"}, inside="")
    with pytest.raises(ArchiveError, match="leads out of it"):
        read(path)


def test_two_data_sets_in_one_zip_are_refused(tmp_path):
    both = {f"{name}/{file}": data for name in ("ml-a", "ml-b") for file, data in DAT_1M.items()}
    with pytest.raises(ArchiveError, match="several data sets: ml-a, ml-b"):
        read(write_zip(tmp_path, "both", both, inside=""))


@pytest.mark.parametrize("name", ["", "a b", "x" * 33, "../x", "-x", "ml_é"])
def test_names_that_cannot_be_stored_are_refused(name):
    with pytest.raises(ArchiveError, match="cannot name a data set"):
        dataset_name(name)


@pytest.mark.parametrize(
    ("file", "line", "reason"),
    [
        ("movies.csv", b"5,Only Two", "expected 3 fields"),
        ("movies.csv", b"x,Film (1990),Drama", "the movie id is not a number"),
        ("movies.csv", b"4294967296,Film (1990),Drama", "the movie id is out of range"),
        ("movies.csv", b"99999999999999999999,Film (1990),Drama", "the movie id is out of range"),
        ("movies.csv", b"-5,Film (1990),Drama", "the movie id is out of range"),
        ("movies.csv", "٣,Film (1990),Drama".encode(), "the movie id is not a number"),
        ("movies.csv", b"1,Again (1990),Drama", "a second movie with the same id"),
        ("movies.csv", b"5,  ,Drama", "the title is empty"),
        ("movies.csv", b"5," + b"x" * 301 + b",Drama", "the title is longer than 300 characters"),
        ("movies.csv", b"5,Film (1990)," + b"x" * 41, "a genre is longer than 40 characters"),
        ("movies.csv", b'5,"Film (1990),Drama', "the quotes do not match"),
        ("movies.csv", b"5,Fi\x00lm (1990),Drama", "it holds a zero byte"),
        ("movies.csv", b"5,Caf\xe9 (1990),Drama", "not valid UTF-8"),
        ("links.csv", b"77,0114709,862", "the movie is unknown"),
        ("links.csv", b"1,x0114709,862", "the imdbId is not a number"),
        ("links.csv", b"1,0114709,862.5", "the tmdbId is not a number"),
        ("links.csv", b"1,0114709,862", "a second link of the same movie"),
        ("tags.csv", b"1,77,dark,1445714994", "the movie is unknown"),
        ("tags.csv", b"1,1,dark,soon", "the timestamp is not a number"),
        ("tags.csv", b"1,1,dark,99999999999", "the timestamp is out of range"),
        ("tags.csv", b"1,1," + b"x" * 301 + b",1445714994", "the tag is longer than 300 characters"),
    ],
)
def test_a_malformed_line_is_named_by_file_line_and_reason(tmp_path, file, line, reason):
    files = {**CSV, file: CSV[file] + line + b"\n"}
    path = write_folder(tmp_path, "ml-x", files)
    if reason == "the imdbId is not a number" or (file == "links.csv" and b"862.5" in line):
        (path / file).write_bytes(b"movieId,imdbId,tmdbId\n" + line + b"\n")
    with pytest.raises(BadLineError) as caught:
        read(path)
    bad = caught.value.bad
    assert (bad.file, bad.reason) == (file, reason)
    assert bad.line == (path / file).read_bytes().count(b"\n")
    assert f"{file}, line {bad.line}: {reason}" in str(caught.value)


def test_blank_tags_which_the_data_sets_have_are_left_out(tmp_path):
    files = {**CSV, "tags.csv": b"userId,movieId,tag,timestamp\n2,29,  ,1445714994\n2,29,,1445714994\n"}
    assert read(write_folder(tmp_path, "ml-x", files))[2] == []


def test_skipped_lines_are_counted_by_reason_and_reported(tmp_path):
    files = {**CSV, "movies.csv": CSV["movies.csv"] + b"x,A (1990),Drama\ny,B (1990),Drama\n=1+1,C\n"}
    report = tmp_path / "bad.csv"
    with BadLines(skip=True, report=report) as bad, open_archive(write_folder(tmp_path, "ml-x", files)) as archive:
        assert len(archive.movies(bad)) == 4
    assert bad.counts == {"the movie id is not a number": 2, "expected 3 fields": 1}
    assert report.read_text().splitlines() == [
        "file,line,reason,text",
        'movies.csv,6,the movie id is not a number,"x,A (1990),Drama"',
        'movies.csv,7,the movie id is not a number,"y,B (1990),Drama"',
        # Escaped, so that a spreadsheet does not evaluate it.
        'movies.csv,8,expected 3 fields,"\'=1+1,C"',
    ]


@pytest.mark.parametrize(
    ("name", "ratings", "movies", "people"),
    [
        ("ml-100k.zip", 100_000, 1_682, 943),
        ("ml-1m.zip", 1_000_209, 3_883, 6_040),
        ("ml-latest-small.zip", 100_836, 9_742, 610),
    ],
)
def test_published_archives_are_read_whole(name, ratings, movies, people):
    with open_archive(real_data(name)) as archive:
        listed = archive.movies()
        frame = pl.concat(archive.ratings(movie_ids=[movie.id for movie in listed]))
    assert (frame.height, len(listed), frame["user"].n_unique()) == (ratings, movies, people)
    assert f"{archive.name}.zip" == name
