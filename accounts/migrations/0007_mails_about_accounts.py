"""Mails about accounts, which a sweep sends."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_addresses_in_one_spelling"),
    ]

    operations = [
        migrations.CreateModel(
            name="AccountMail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("register", "Register"), ("reset", "Reset")], max_length=8)),
                ("email", models.EmailField(db_index=True, max_length=254)),
                (
                    "password",
                    models.CharField(
                        blank=True, help_text="Of a registration: the hash of its password.", max_length=128
                    ),
                ),
                ("display_name", models.CharField(blank=True, max_length=80)),
                (
                    "token_version",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Of a reset: the version of the user when the link was sent, which it changes.",
                        null=True,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("sent_at", models.DateTimeField(blank=True, help_text="When it was sent.", null=True)),
                ("used_at", models.DateTimeField(blank=True, help_text="When its link was used.", null=True)),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("sent_at", None)), fields=["id"], name="account_mail_waiting")
                ],
            },
        ),
    ]
