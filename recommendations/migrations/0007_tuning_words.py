from django.db import migrations, models


class Migration(migrations.Migration):
    """Names the columns of a search for hyperparameters as the rest of the code does, and labels in one form."""

    dependencies = [
        ("recommendations", "0006_attempts_and_refusal"),
    ]

    operations = [
        migrations.RenameField("tuningrun", "pays", "improves"),
        migrations.RenameField("tuningrun", "shipped_confirmed", "shipped_holdout_value"),
        migrations.RenameField("tuningrun", "best_confirmed", "best_holdout_value"),
        migrations.AlterField(
            "tuningrun",
            "shipped_holdout_value",
            models.FloatField(
                null=True,
                help_text="nDCG@10 of the shipped configuration on a second split, which the search does not read.",
            ),
        ),
        migrations.AlterField(
            "tuningrun",
            "best_holdout_value",
            models.FloatField(null=True, help_text="nDCG@10 of the best configuration on the second split."),
        ),
        migrations.AlterField(
            "tuningrun",
            "people",
            models.PositiveIntegerField(default=0, help_text="People whose held-out likes were measured."),
        ),
        migrations.AlterField(
            "tuningrun",
            "improves",
            models.BooleanField(
                default=False,
                help_text="Whether the best one is better than the shipped one on both splits; training then uses it.",
            ),
        ),
        # Labels alone: nothing changes in the database.
        migrations.AlterField(
            "modelversion",
            "status",
            models.CharField(
                choices=[
                    ("requested", "Requested"),
                    ("training", "Training"),
                    ("ready", "Ready (trained, not live)"),
                    ("live", "Live"),
                    ("retired", "Retired (was live)"),
                    ("refused", "Refused (trained, did not pass the gate)"),
                    ("failed", "Failed"),
                ],
                default="requested",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            "movieembedding",
            "factors_source",
            models.CharField(
                choices=[("trained", "Trained"), ("predicted", "Predicted from content")],
                default="trained",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            "tuningtrial",
            "state",
            models.CharField(
                choices=[("complete", "Complete"), ("failed", "Failed (could not be fitted)")],
                default="complete",
                max_length=10,
            ),
        ),
    ]
