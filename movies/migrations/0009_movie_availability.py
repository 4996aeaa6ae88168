"""Windows of availability, and triggers that record each change of them for cached lists.

Whatever changes the table, cached lists and each process' index of it follow within a second; see
recommendations.retrieval.database_state.
"""

import django.db.models.deletion
from django.db import migrations, models

import movies.availability.models

RECORD = """
    CREATE FUNCTION movies_availability_changed() RETURNS trigger LANGUAGE plpgsql AS
    $body$
    BEGIN
        IF EXISTS (SELECT FROM changed) THEN
            INSERT INTO movies_cacheinvalidation (name, token, created_at)
            SELECT name, ('x' || left(replace(gen_random_uuid()::text, '-', ''), 16))::bit(64)::bigint, now()
            FROM unnest(ARRAY['all', 'availability']) name;
        END IF;
        RETURN NULL;
    END
    $body$
"""
TRIGGER = """
    CREATE TRIGGER movies_availability_{event} AFTER {event} ON movies_movieavailability
    REFERENCING {table} TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION movies_availability_changed()
"""
EVENTS = {"insert": "NEW", "update": "NEW", "delete": "OLD"}


class Migration(migrations.Migration):

    dependencies = [
        ("movies", "0008_history_and_certificates"),
    ]

    operations = [
        migrations.CreateModel(
            name="MovieAvailability",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "region",
                    models.CharField(
                        help_text="Two capital letters of ISO 3166-1, such as SE.",
                        max_length=2,
                        validators=[movies.availability.models.region_validate],
                    ),
                ),
                (
                    "available_from",
                    models.DateField(blank=True, help_text="The first day, in UTC. Empty: since ever.", null=True),
                ),
                (
                    "available_to",
                    models.DateField(blank=True, help_text="The last day, in UTC. Empty: without an end.", null=True),
                ),
                (
                    "movie",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="availability", to="movies.movie"
                    ),
                ),
            ],
            options={
                "verbose_name": "availability",
                "verbose_name_plural": "availability",
                "ordering": ["region", "available_from", "id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=["movie", "region", "available_from"],
                        name="movie_availability_once",
                        nulls_distinct=False,
                        violation_error_message="There is a window of this region from this day already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("available_from", None),
                            ("available_to", None),
                            ("available_from__lte", models.F("available_to")),
                            _connector="OR",
                        ),
                        name="movie_availability_begins_before_it_ends",
                        violation_error_message="The first day must not be after the last one.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("region__regex", "^[A-Z]{2}$")), name="movie_availability_region"
                    ),
                ],
            },
        ),
        migrations.RunSQL(RECORD, "DROP FUNCTION movies_availability_changed()"),
        *(
            migrations.RunSQL(
                TRIGGER.format(event=event, table=table),
                f"DROP TRIGGER movies_availability_{event} ON movies_movieavailability",
            )
            for event, table in EVENTS.items()
        ),
    ]
