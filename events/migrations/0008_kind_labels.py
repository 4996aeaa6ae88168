from django.db import migrations, models


class Migration(migrations.Migration):
    """Labels of the kinds of events in one form. Changes nothing in the database."""

    dependencies = [
        ("events", "0007_interaction_received_at"),
    ]

    operations = [
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
                max_length=8,
            ),
        ),
    ]
