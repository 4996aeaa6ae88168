import math
import zipfile
from pathlib import Path

import pytest

from movies.movielens.errors import ArchiveError, BadLineError
from recommendations.algorithms.feedback import FeedbackConfig
from recommendations.standalone.data import read_standalone_data
from tests.archives import CSV, write_folder, write_zip


def tsv(folder: Path, text: str | bytes, name: str = "train.tsv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def pairs(data) -> list[tuple[str, str]]:
    return [(str(data.user_ids[u]), str(data.item_ids[i])) for u, i in zip(data.users, data.items, strict=True)]


def test_without_ratings_every_line_is_a_like(tmp_path):
    data = read_standalone_data(tsv(tmp_path, "10\t7\n2\t7\n2\t30\n"))

    assert data.name == "train"
    assert data.user_ids.tolist() == ["2", "10"]
    assert data.item_ids.tolist() == ["7", "30"]
    assert pairs(data) == [("10", "7"), ("2", "7"), ("2", "30")]
    assert data.interactions().weights.tolist() == [1, 1, 1]


def test_ratings_weigh_as_in_the_nightly_training(tmp_path):
    data = read_standalone_data(tsv(tmp_path, "1\t1\t5\t100\n1\t2\t3\t100\n1\t3\t1\t100\n"))

    interactions = data.interactions()
    assert interactions.weights.tolist() == pytest.approx([1.0, 0.7, -1.0])
    assert interactions.excludes.all()
    faded = data.interactions(FeedbackConfig(fair_rating=0.5))
    assert faded.weights.tolist() == pytest.approx([1.0, 0.5, -1.0])


def test_ratings_of_four_and_up_are_likes_and_nothing_else(tmp_path):
    rated = read_standalone_data(tsv(tmp_path, "1\t1\t5\n1\t2\t4\n2\t1\t4.5\n", "a.tsv")).interactions()
    bare = read_standalone_data(tsv(tmp_path, "1\t1\n1\t2\n2\t1\n", "b.tsv")).interactions()

    assert (rated.likes() != bare.likes()).nnz == 0
    assert rated.dislikes().nnz == 0


def test_of_a_repeated_pair_the_newest_rating_counts(tmp_path):
    data = read_standalone_data(tsv(tmp_path, "1\t1\t5\t200\n1\t1\t1\t100\n"))

    assert data.interactions().ratings.tolist() == [5]


def test_ids_may_be_any_text_and_stay_what_they_are(tmp_path):
    data = read_standalone_data(tsv(tmp_path, "Zoë\t007\r\nann lee\t7\r\nZoë\t7"))

    assert data.user_ids.tolist() == ["Zoë", "ann lee"]
    assert pairs(data) == [("Zoë", "007"), ("ann lee", "7"), ("Zoë", "7")]


@pytest.mark.parametrize("header", ["user\titem\trating", "user_id:token\titem_id:token\trating:float"])
def test_a_header_and_blank_lines_are_passed_over(tmp_path, header):
    data = read_standalone_data(tsv(tmp_path, f"\n{header}\n1\t2\t4\n\n3\t4\t2.5\n"))

    assert pairs(data) == [("1", "2"), ("3", "4")]
    assert data.ratings.tolist() == [4, 2.5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("who\twhat\tvalue\n1\t2\t3\n", "train.tsv, line 1: the rating is not a number"),
        ("1\t2\t3\n1\t3\n", "train.tsv, line 2: expected 3 fields separated by tabs"),
        ("1\t2\n\n1\t2\t3\n", "train.tsv, line 3: expected 2 fields"),
        ("1\t2\n1\t\n", "train.tsv, line 2: the item is empty"),
        ("1\t2\n \t3\n", "train.tsv, line 2: the user is empty"),
        ("1\t2\t4\n1\t3\tnan\n", "train.tsv, line 2: the rating is not a number"),
        ("1\t2\t4\n1\t3\t-4\n", "train.tsv, line 2: the rating is not a number"),
        ("1\t2\t4\n1\t3\t10\n", "train.tsv, line 2: the rating is not within 0.5 to 5.0"),
        ("1\t2\t4\t5\n1\t3\t4\t99999999999\n", "train.tsv, line 2: the timestamp is not within"),
        ("1\t2\t4\t5\n1\t3\t4\tx\n", "train.tsv, line 2: the timestamp is not a number"),
        (b"1\t2\n\xff\xfe\t3\n", "train.tsv, line 2: the line is not UTF-8"),
        (b"1\t2\n1\0\t3\n", "train.tsv, line 2: the user is empty or no text"),
        ("1,2,3\n", "train.tsv, line 1: expected user, item"),
        ("1\t2\t3\t4\t5\n", "train.tsv, line 1: expected user, item"),
        (f"1\t2\n{'x' * 201}\t2\n", "train.tsv, line 2: the user is longer than"),
    ],
)
def test_a_malformed_line_is_named_with_its_reason(tmp_path, text, message):
    with pytest.raises(BadLineError) as caught:
        read_standalone_data(tsv(tmp_path, text))

    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n\n", "user\titem\n"])
def test_a_file_without_lines_is_an_error(tmp_path, text):
    with pytest.raises(ArchiveError, match=r"train\.tsv holds no lines"):
        read_standalone_data(tsv(tmp_path, text))


def test_a_path_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ArchiveError, match="nothing at"):
        read_standalone_data(tmp_path / "gone.tsv")


def test_a_zip_of_one_file_is_read_and_of_several_is_ambiguous(tmp_path):
    one, two = tmp_path / "one.zip", tmp_path / "two.zip"
    for path, names in ((one, ["f/train.tsv"]), (two, ["f/train.tsv", "f/test.tsv"])):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, "1\t2\n")

    assert pairs(read_standalone_data(one)) == [("1", "2")]
    with pytest.raises(ArchiveError, match=r"several files of feedback: f/test\.tsv, f/train\.tsv"):
        read_standalone_data(two)


@pytest.mark.parametrize("write", [write_folder, write_zip])
def test_an_archive_gives_its_ids_texts_and_unrated_movies(tmp_path, write):
    data = read_standalone_data(write(tmp_path, "ml-test", CSV))

    assert data.name == "ml-test"
    assert data.item_ids.tolist() == ["1", "29", "2571", "171495"]
    titles = {str(data.item_ids[content.movie_id]): content.title for content in data.contents}
    assert (titles["1"], titles["2571"]) == ("Toy Story", "The Matrix")
    assert data.has_texts
    assert pairs(data) == [("1", "1"), ("1", "2571"), ("2", "29"), ("2", "171495")]
    assert not math.isnan(data.ratings.sum())
