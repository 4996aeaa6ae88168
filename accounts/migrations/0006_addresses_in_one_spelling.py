"""Writes domains in IDNA's ASCII form, as addresses are looked up from now on.

An address whose other spelling is taken stays as it is: its account signs in again once staff have changed it.
"""

from django.db import migrations

from accounts.addresses import canonical


def respell(apps, schema_editor):
    user = apps.get_model("accounts", "User")
    # regex: an address with any character beyond ASCII; those are few.
    for row in user.objects.filter(email__regex=r"[^\x01-\x7f]").only("email").iterator():
        spelt = canonical(row.email)
        if spelt != row.email and not user.objects.filter(email=spelt).exists():
            user.objects.filter(pk=row.pk).update(email=spelt)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_refresh_families_and_token_version"),
    ]

    operations = [migrations.RunPython(respell, migrations.RunPython.noop)]
