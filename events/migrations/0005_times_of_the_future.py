"""Takes times out of the future, where a clock ahead or an archive's mistake put them, and keeps them out.

An event becomes no newer than its receipt. A rating that such an event gave is given again by the newest of the
person's rating events, which may be one that had lost to it. Any other rating becomes no newer than now.
"""

from django.db import migrations, models

_CORRECT = """
WITH ahead AS (
    SELECT DISTINCT rating.id
    FROM events_interaction event
    JOIN events_rating rating
        ON rating.user_id = event.user_id AND rating.movie_id = event.movie_id AND rating.rated_at = event.occurred_at
    WHERE event.kind = 'rating' AND event.occurred_at > event.received_at
), newest AS (
    SELECT DISTINCT ON (rating.id) rating.id, event.value, least(event.occurred_at, event.received_at) AS at
    FROM ahead JOIN events_rating rating USING (id)
    JOIN events_interaction event ON event.user_id = rating.user_id AND event.movie_id = rating.movie_id
    WHERE event.kind = 'rating'
    ORDER BY rating.id, least(event.occurred_at, event.received_at) DESC, event.received_at DESC, event.id DESC
)
UPDATE events_rating SET value = newest.value, rated_at = newest.at FROM newest WHERE newest.id = events_rating.id;

UPDATE events_interaction SET occurred_at = received_at WHERE occurred_at > received_at;
UPDATE events_rating SET rated_at = now() WHERE rated_at > now();
UPDATE events_tag SET tagged_at = now() WHERE tagged_at > now();
-- Foreign keys are checked at the end, and while checks wait the table cannot be changed.
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0004_served_explored")]

    operations = [
        migrations.RunSQL(_CORRECT, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="interaction",
            constraint=models.CheckConstraint(
                condition=models.Q(("occurred_at__lte", models.F("received_at"))),
                name="interaction_occurred_by_receipt",
            ),
        ),
    ]
