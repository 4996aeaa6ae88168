"""Fixtures that several apps' tests share; rows are made by the functions of tests/factories.py."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.dispatch import receiver
from django.test.signals import setting_changed
from rest_framework.test import APIClient

from accounts.models import User
from recommendations.curation import active
from recommendations.experiments import running
from recommendations.retrieval import availability, database_state, movie_features
from recommendations.retrieval.config import serving_config
from recommendations.retrieval.event_weights import event_weights
from tests import emptying, log_secrets
from tests.factories import CAST_TABLES, PASSWORD, Cast, client_of, make_cast
from tests.snapshots import Snapshot

_cast = Snapshot(make_cast, CAST_TABLES)


def pytest_configure(config: pytest.Config) -> None:
    log_secrets.install()
    emptying.install()
    log_secrets.secrets.add(PASSWORD)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The run fails if a log line of any test holds a secret."""
    if log_secrets.found and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if log_secrets.found:
        terminalreporter.section("Secrets in the logs", red=True)
        for line in log_secrets.found[:20]:
            terminalreporter.line(line)


@receiver(setting_changed)
def _forget_serving_config(**kwargs: Any) -> None:
    """The fixture ``settings`` and override_settings send this; nothing changes settings outside the tests."""
    serving_config.cache_clear()
    event_weights.cache_clear()


@pytest.fixture(autouse=True)
def _fresh_cache(request: pytest.FixtureRequest) -> None:
    """Ids start again with each test database, so what an earlier test or run cached must be gone."""
    if {"db", "transactional_db"} & set(request.fixturenames):
        cache.delete_pattern("*")
        movie_features.clear_cache()
        running.clear_cache()
        active.clear_cache()
        availability.clear_cache()
        database_state.clear_cache()


@pytest.fixture(scope="module")
def module_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Lets a module's fixture make rows once for all tests of the module; they are rolled back after the last of them.

    For modules without tests that really commit: those see nothing of the open transaction.
    """
    with django_db_blocker.unblock():
        everything = transaction.atomic()
        # As of Django's own: the code under test may ask for the outermost transaction.
        everything._from_testcase = True
        with everything:
            yield
            transaction.set_rollback(True)


@pytest.fixture
def api_client() -> APIClient:
    """A client that has not signed in."""
    return client_of()


@pytest.fixture
def as_user() -> Callable[[User], APIClient]:
    """Makes a client with an access token of a person."""
    return client_of


@pytest.fixture
def cast(db: None) -> Cast:
    """The fixed small cast, under one live version; see tests.factories.Cast."""
    return _cast()


@pytest.fixture
def committed_cast(transactional_db: None) -> Cast:
    """The same for tests whose requests must really commit, so that what waits for the commit runs."""
    return _cast()
