"""The database engine: statements kept planned, and a pool that asks only connections that have something to say."""

import psycopg
import pytest
import structlog
from django.db import OperationalError, connection
from psycopg_pool import ConnectionPool

from recsys_project.postgresql.base import _check

pytestmark = pytest.mark.django_db
STATEMENT = "SELECT %s::bigint AS hot"


def planned() -> list[str]:
    """The statements that PostgreSQL keeps planned for the test's connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [row[0] for row in cursor.fetchall()]


def ask(number: int) -> tuple[int]:
    with connection.prepared_cursor() as cursor:
        cursor.execute(STATEMENT, [number])
        return cursor.fetchone()


def test_a_hot_statement_is_planned_once_for_all_parameters(django_assert_num_queries):
    with django_assert_num_queries(5):
        assert [ask(number) for number in range(5)] == [(number,) for number in range(5)]

    assert [statement for statement in planned() if "AS hot" in statement] == ["SELECT $1::bigint AS hot"]


def test_behind_a_pooler_nothing_is_kept_planned(monkeypatch):
    monkeypatch.setattr(connection.connection, "prepare_threshold", None)

    assert [ask(number) for number in range(5)] == [(number,) for number in range(5)]
    assert not [statement for statement in planned() if "AS hot" in statement]


def test_an_error_of_a_hot_statement_is_djangos():
    with connection.prepared_cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 1")
        with pytest.raises(OperationalError, match="statement timeout"):
            cursor.execute("SELECT pg_sleep(%s::bigint)", [5])


@pytest.fixture
def pool():
    given = connection.get_connection_params()
    keywords = {name: given[name] for name in ("dbname", "user", "password", "host", "port") if name in given}
    with ConnectionPool(kwargs=keywords, min_size=2, max_size=2, check=_check, timeout=5) as made:
        made.wait()
        yield made


def test_a_live_connection_is_handed_out_without_a_question(pool, monkeypatch):
    asked = []
    monkeypatch.setattr(ConnectionPool, "check_connection", asked.append)

    with pool.connection() as one:
        assert one.execute("SELECT 1").fetchone() == (1,)

    assert asked == []


def test_a_connection_that_postgresql_ended_is_not_handed_out(pool):
    with pool.connection() as one, pool.connection() as two:
        ended = [one.info.backend_pid, two.info.backend_pid]
    with psycopg.connect(**pool.kwargs, autocommit=True) as other:
        assert all(other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]).fetchone()[0] for pid in ended)

    with pool.connection() as one, pool.connection() as two:
        assert not {one.info.backend_pid, two.info.backend_pid} & set(ended)
        assert one.execute("SELECT 1").fetchone() == (1,)


def running_text() -> str:
    """The text of a statement with a parameter, as PostgreSQL got it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_query(), %s", [1])
        return str(cursor.fetchone()[0])


def test_statements_carry_the_id_of_their_request(settings):
    with structlog.contextvars.bound_contextvars(request_id="a-b.c_1"):
        assert "request_id" not in running_text()
        settings.SQL_REQUEST_ID = True
        assert running_text().endswith("/* request_id=a-b.c_1 */")
    assert "request_id" not in running_text()


@pytest.mark.parametrize("given", ["*/ DROP TABLE x; /*", "%s", "a\nb", "", "x" * 129])
def test_no_other_text_gets_into_a_statement(settings, given):
    settings.SQL_REQUEST_ID = True

    with structlog.contextvars.bound_contextvars(request_id=given):
        assert "/*" not in running_text()


def test_prepared_statements_survive_request_ids(settings):
    settings.SQL_REQUEST_ID = True
    for number in range(3):
        with structlog.contextvars.bound_contextvars(request_id=f"request-{number}"):
            assert ask(number) == (number,)

    assert [statement for statement in planned() if "AS hot" in statement] == ["SELECT $1::bigint AS hot"]
