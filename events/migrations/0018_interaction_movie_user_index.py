"""The index of a person's events with one movie takes the place of that of a movie's events: writes cost the same."""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # The table is large: it takes events while the index is built.
    atomic = False

    dependencies = [("events", "0017_undone_at_index"), ("movies", "0007_search_initials")]

    operations = [
        AddIndexConcurrently(
            model_name="interaction",
            index=models.Index(fields=["movie", "user"], name="interaction_movie_user"),
        ),
        migrations.AlterField(
            model_name="interaction",
            name="movie",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="interactions",
                to="movies.movie",
            ),
        ),
    ]
