"""Gives each sign-in one row, its family of refresh tokens, and each user a version that their tokens hold.

Earlier tokens have neither claim and are refused, so their rows are deleted: everybody signs in again.
"""

import django.utils.timezone
from django.db import migrations, models


def delete_tokens(apps, schema_editor):
    apps.get_model("accounts", "RefreshToken").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_forget_whole_tokens"),
    ]

    operations = [
        migrations.RunPython(delete_tokens, delete_tokens),
        migrations.AddField(
            model_name="refreshtoken",
            name="family",
            field=models.UUIDField(
                default=None, editable=False, help_text="The id that all tokens of this sign-in hold.", unique=True
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="refreshtoken",
            name="previous_jti",
            field=models.UUIDField(blank=True, editable=False, help_text="The id of the token before.", null=True),
        ),
        migrations.AddField(
            model_name="refreshtoken",
            name="rotated_at",
            field=models.DateTimeField(
                default=django.utils.timezone.now, editable=False, help_text="When the token was issued."
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="token_version",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AlterField(
            model_name="refreshtoken",
            name="created_at",
            field=models.DateTimeField(
                default=django.utils.timezone.now, editable=False, help_text="When the person signed in."
            ),
        ),
        migrations.AlterField(
            model_name="refreshtoken",
            name="expires_at",
            field=models.DateTimeField(
                db_index=True, editable=False, help_text="The end of the family, however often it is refreshed."
            ),
        ),
        migrations.AlterField(
            model_name="refreshtoken",
            name="jti",
            field=models.UUIDField(editable=False, help_text="The id of the token; nobody can sign in with it."),
        ),
        migrations.AlterField(
            model_name="refreshtoken",
            name="revoked_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When the family ended early, by signing out or because a token was replayed.",
                null=True,
            ),
        ),
    ]
