"""One cinema and one server for all tests of lists: making a model for each would take minutes."""

from collections.abc import Iterator
from unittest import mock

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import transaction
from django.test import TransactionTestCase, override_settings

from recommendations.training.services import training_run
from tests.functional.cinema import Cinema, make_fans, make_movies
from tests.functional.web_server import web_server


@pytest.fixture(scope="package")
def cinema(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: pytest.FixtureRequest
) -> Iterator[Cinema]:
    """Its rows are committed and stay until the last of its tests, each of which makes people of its own."""
    folder = tmp_path_factory.mktemp("cinema")
    environment = {
        "MODEL_DIR": str(folder / "models"),
        "RATELIMIT_ENABLE": "false",
        "SECRET_KEY": settings.SECRET_KEY,
        "JWT_SIGNING_KEY": settings.JWT_SIGNING_KEY,
        "MAX_BODY_BYTES": "100000",
    }
    # Django would empty every table after each test whose requests really commit.
    keeping = mock.patch.object(TransactionTestCase, "_fixture_teardown")
    trained = override_settings(MODEL_DIR=folder / "models", TRAINING_EVALUATED_PEOPLE=0, TRAINING_THREADS=1)
    with django_db_blocker.unblock(), keeping, trained:
        cache.delete_pattern("*")
        try:
            with transaction.atomic():
                movies, special = make_movies()
                fans = make_fans(movies)
            training_run()
            with web_server(folder, **environment) as server:
                yield Cinema(server, movies, fans, special)
        finally:
            call_command("flush", interactive=False, verbosity=0)
            cache.delete_pattern("*")
