"""An import that changes something ends every cached list at once; one that changes nothing ends none."""

import pytest
from django_redis import get_redis_connection

from events.imports.services import movielens_import
from movies.caching.version_tokens import CATALOGUE, token_key
from movies.imports.metadata import metadata_import
from tests.archives import CSV, write_folder

pytestmark = pytest.mark.django_db


def catalogue_token() -> bytes | None:
    return get_redis_connection("default").get(token_key(CATALOGUE))


def test_an_import_of_ratings_ends_cached_lists_once(tmp_path, django_capture_on_commit_callbacks):
    folder = write_folder(tmp_path, "ml-tiny", CSV)
    before = catalogue_token()
    with django_capture_on_commit_callbacks(execute=True):
        movielens_import(path=folder)
    after = catalogue_token()
    assert after not in (None, before)

    with django_capture_on_commit_callbacks(execute=True):
        movielens_import(path=folder)
    assert catalogue_token() == after


def test_an_import_of_metadata_ends_cached_lists_once(tmp_path, django_capture_on_commit_callbacks):
    movielens_import(path=write_folder(tmp_path, "ml-tiny", CSV))
    before = catalogue_token()
    file = tmp_path / "metadata.csv"
    file.write_text("movielens_id,overview\n1,A toy learns that he is one.\n")
    with django_capture_on_commit_callbacks(execute=True):
        metadata_import(path=file)
    after = catalogue_token()
    assert after not in (None, before)

    with django_capture_on_commit_callbacks(execute=True):
        metadata_import(path=file)
    assert catalogue_token() == after
