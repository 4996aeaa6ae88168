from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from events.models import Rating
from tests.archives import DAT_1M, write_folder

pytestmark = pytest.mark.django_db


def run(*arguments):
    out = StringIO()
    call_command("import_movielens", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_it_says_what_it_did(tmp_path):
    said = run(write_folder(tmp_path, "ml-1m", DAT_1M))
    assert "ml-1m: imported in" in said
    assert "3 new" in said
    assert Rating.objects.count() == 3


def test_the_data_set_can_be_named(tmp_path):
    run(write_folder(tmp_path, "my films", DAT_1M), "--dataset", "ml-1m")
    assert Rating.objects.filter(user__dataset="ml-1m").count() == 3
    with pytest.raises(CommandError, match="'my films' cannot name a data set"):
        run(tmp_path / "my films")


def test_errors_name_the_line_and_say_that_nothing_changed(tmp_path):
    path = write_folder(tmp_path, "ml-1m", {**DAT_1M, "ratings.dat": b"1::1::5::978300760\n1::2571::seven::1\n"})
    with pytest.raises(CommandError, match=r"ratings\.dat, line 2: the rating is not a number.*\nNothing was changed"):
        run(path)
    with pytest.raises(CommandError, match="There is nothing at"):
        run(tmp_path / "absent")
    assert not Rating.objects.exists()


def test_skipped_lines_are_listed_with_the_reports_path(tmp_path, settings):
    settings.VAR_DIR = tmp_path / "var"
    path = write_folder(tmp_path, "ml-1m", {**DAT_1M, "ratings.dat": b"1::1::5::978300760\n1::2571::seven::1\n"})
    said = run(path, "--skip-bad")
    report = tmp_path / "var" / "imports" / "ml-1m-bad-lines.csv"
    assert f"1 malformed lines, listed in {report}" in said
    assert "1 the rating is not a number" in said
    assert "1::2571::seven::1" in report.read_text()
    assert Rating.objects.count() == 1


def test_a_report_needs_a_folder_and_skip_bad(tmp_path):
    path = write_folder(tmp_path, "ml-1m", DAT_1M)
    with pytest.raises(CommandError, match="--report needs --skip-bad"):
        run(path, "--report", tmp_path / "bad.csv")
    with pytest.raises(CommandError, match="does not exist"):
        run(path, "--skip-bad", "--report", tmp_path / "absent" / "bad.csv")
    assert not Rating.objects.exists()
