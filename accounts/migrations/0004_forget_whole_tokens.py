"""Forgets every refresh token and every key of a session that stands whole in the database.

simplejwt's blacklist app kept every token whole, for anybody to copy who could read its table or its page in the admin.
Its tables go, and with them all that was given out before: who has seen one must not be able to use it. So everybody
signs in once more when their access token ends, and staff to the admin, whose sessions are found by a hash from now on.
"""

from django.db import migrations

BLACKLIST = "token_blacklist"


def forget_whole_tokens(apps, schema_editor):
    """Also what Django noted of the app: that it is migrated, its permissions, and lines of the admin's log about tokens,
    which name people by their address."""
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

    # What was forgotten cannot be given back; on the way back simplejwt's app makes its tables anew, empty.
    operations = [migrations.RunPython(forget_whole_tokens, migrations.RunPython.noop)]
