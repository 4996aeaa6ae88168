from django.db import migrations, models


class Migration(migrations.Migration):
    """Names the columns of a search for hyperparameters as the rest of the code does."""

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
    ]
