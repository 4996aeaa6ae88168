"""Deletes all refresh tokens and session keys that are stored in plain text.

simplejwt's blacklist app stored whole tokens, which anyone with access to its table or its admin page could copy. This
drops its tables, so that no copied token works. All users sign in again when their access token expires, and staff sign
in to the admin again, whose sessions are stored by a hash from now on.
"""

from django.db import migrations

BLACKLIST = "token_blacklist"


def forget_whole_tokens(apps, schema_editor):
    """Also deletes Django's records of the app: its migrations, its permissions, and lines of the admin's log about
    tokens, which contain e-mail addresses."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS token_blacklist_blacklistedtoken, token_blacklist_outstandingtoken")
        cursor.execute("DELETE FROM django_migrations WHERE app = %s", [BLACKLIST])
    apps.get_model("admin", "LogEntry").objects.filter(content_type__app_label=BLACKLIST).delete()
    apps.get_model("sessions", "Session").objects.all().delete()
    apps.get_model("contenttypes", "ContentType").objects.filter(app_label=BLACKLIST).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_refresh_tokens_by_id"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("sessions", "0001_initial"),
    ]

    # The tokens cannot be restored; in reverse, simplejwt's app creates empty tables again.
    operations = [migrations.RunPython(forget_whole_tokens, migrations.RunPython.noop)]
