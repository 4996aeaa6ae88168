"""Where an event came from, how much of a movie was watched, and events that were taken back."""

from django.db import migrations, models

import events.fields


class Migration(migrations.Migration):
    dependencies = [("events", "0008_kind_labels")]

    operations = [
        migrations.AddField(
            model_name="interaction",
            name="progress",
            field=events.fields.RealField(
                blank=True, help_text="The share of the movie that was watched, 0 to 1.", null=True
            ),
        ),
        migrations.AddField(
            model_name="interaction",
            name="source",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Where it came from: a source of the list, a row of the client, or an import.",
                max_length=40,
            ),
        ),
        migrations.AddField(
            model_name="interaction",
            name="undo",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Takes back the person's earlier events of this kind and movie.",
            ),
        ),
        migrations.AddField(
            model_name="interaction",
            name="undone_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="interaction",
            name="kind",
            field=models.CharField(
                choices=[
                    ("rating", "Rating"),
                    ("like", "Like"),
                    ("dislike", "Dislike"),
                    ("view", "View (opened the movie's page)"),
                    ("watch", "Watch"),
                    ("hide", "Hide (asked not to see it again)"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddConstraint(
            model_name="interaction",
            constraint=models.CheckConstraint(
                condition=models.Q(progress__isnull=True) | models.Q(progress__range=(0, 1)),
                name="interaction_progress_share",
            ),
        ),
    ]
