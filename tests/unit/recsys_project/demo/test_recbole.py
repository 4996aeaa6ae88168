"""ML-100k out of the wheel, in the layout of GroupLens' own archive."""

import zipfile

import pytest

from recsys_project.demo.recbole import fetch_ml_100k
from recsys_project.demo.steps import DemoError

FILES = {
    "inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n196\t242\t3\t881250949\n",
    "item": (
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "1\tToy Story\t1995\tAnimation Children's Comedy\n"
        "267\tunkonwn\tunkonwn\tunknown\n"
        "543\tMisérables, Les\t1995\tDrama Musical\n"
        "1412\tLand Before Time III: The Time of the Great Giving (1995)\tV\tAnimation Children's\n"
    ),
    "user": "user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n1\t24\tM\ttechnician\t85711\n",
}


def wheel_with(downloads, files):
    """A wheel as pip would have left it, so that nothing is fetched."""
    downloads.mkdir()
    with zipfile.ZipFile(downloads / "recbole-1.2.1-py3-none-any.whl", "w") as archive:
        for name, text in files.items():
            archive.writestr(f"recbole/dataset_example/ml-100k/ml-100k.{name}", text)


def test_the_files_are_those_of_the_official_archive(tmp_path):
    wheel_with(tmp_path / "downloads", FILES)
    target = tmp_path / "data" / "ml-100k"

    fetch_ml_100k(tmp_path / "downloads", target)

    assert (target / "u.data").read_text() == "196\t242\t3\t881250949\n"
    assert (target / "u.user").read_text() == "1|24|M|technician|85711\n"
    movies = (target / "u.item").read_text(encoding="latin-1").splitlines()
    assert movies[0] == "1|Toy Story (1995)|01-Jan-1995|||0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0"
    assert movies[1] == "267|unknown||||1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0"
    assert movies[2].startswith("543|Misérables, Les (1995)|")
    assert movies[3].startswith("1412|Land Before Time III: The Time of the Great Giving (1995)||||")
    assert {line.count("|") for line in movies} == {23}
    assert (target / "u.genre").read_text().splitlines()[18] == "Western|18"


def test_a_wheel_without_the_data_is_named_and_leaves_no_file(tmp_path):
    wheel_with(tmp_path / "downloads", {"inter": FILES["inter"]})

    with pytest.raises(DemoError, match=r"recbole-1\.2\.1.*Remove it"):
        fetch_ml_100k(tmp_path / "downloads", tmp_path / "ml-100k")
    assert not (tmp_path / "ml-100k").exists()
