"""An event that was answered 2xx is on disk: its commit waits for PostgreSQL's log."""

from collections.abc import Iterator

import pytest
from django.db import connection

from events.models import Interaction
from events.served.log import served_write
from tests.factories import client_of, make_movie, make_user
from tests.served import a_list

pytestmark = pytest.mark.django_db(transaction=True)
# A deferred trigger runs in the commit, after all statements of the transaction.
WATCH = """
    CREATE TABLE seen_at_commit (kind text, setting text);
    CREATE FUNCTION note_commit() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO seen_at_commit VALUES (TG_TABLE_NAME, current_setting('synchronous_commit'));
            RETURN NULL;
        END
    $$;
    CREATE CONSTRAINT TRIGGER note_commit AFTER INSERT OR UPDATE ON events_interaction
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_commit();
    CREATE CONSTRAINT TRIGGER note_commit AFTER INSERT ON events_listimpression
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_commit();
"""
UNWATCH = """
    DROP TRIGGER note_commit ON events_interaction;
    DROP TRIGGER note_commit ON events_listimpression;
    DROP FUNCTION note_commit;
    DROP TABLE seen_at_commit;
"""


@pytest.fixture
def settings_at_commit() -> Iterator[None]:
    """Notes ``synchronous_commit`` at the commit of each event and each page of a list."""
    with connection.cursor() as cursor:
        cursor.execute(WATCH)
    yield
    with connection.cursor() as cursor:
        cursor.execute(UNWATCH)


def noted(table: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT setting FROM seen_at_commit WHERE kind LIKE %s", [f"{table}%"])
        return [setting for (setting,) in cursor.fetchall()]


def test_the_connection_waits_for_the_disk(db: None):
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)


def test_events_wait_for_the_disk_after_a_list_did_not(settings_at_commit: None):
    person, movies = make_user(), [make_movie(), make_movie()]
    served_write(a_list(person.pk, [movies[0].pk]))
    client = client_of(person)
    batch = [{"movie": movie.pk, "kind": "rating", "value": 4} for movie in movies]
    one = client.post("/api/events/", {"movie": movies[0].pk, "kind": "view"}, format="json")
    many = client.post("/api/events/", {"events": batch}, format="json")
    undo = client.delete(f"/api/events/{one.data['event_id']}/")
    assert (one.status_code, many.status_code, undo.status_code) == (201, 201, 204)
    assert Interaction.objects.count() == 3
    assert set(noted("events_listimpression")) == {"off"}
    assert noted("events_interaction") == ["on"] * 4
