import django.utils.timezone
from django.db import migrations, models

# The columns that decide about access. A deleted sign-in matters only while its tokens live: the daily flush deletes
# expired ones by the thousand.
TRIGGERS = """
CREATE FUNCTION accounts_access_changed(subject text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO accounts_accesschange (subject, xact, created_at)
    VALUES (subject, pg_current_xact_id()::text::bigint, clock_timestamp())
$$;

CREATE FUNCTION accounts_user_access() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM accounts_access_changed('user:' || OLD.id);
    RETURN NULL;
END $$;
CREATE TRIGGER user_access_updated AFTER UPDATE ON accounts_user FOR EACH ROW WHEN (
    (OLD.token_version, OLD.is_active, OLD.personalisation, OLD.client_id, OLD.external_id)
    IS DISTINCT FROM (NEW.token_version, NEW.is_active, NEW.personalisation, NEW.client_id, NEW.external_id)
) EXECUTE FUNCTION accounts_user_access();
CREATE TRIGGER user_access_deleted AFTER DELETE ON accounts_user
    FOR EACH ROW EXECUTE FUNCTION accounts_user_access();

CREATE FUNCTION accounts_family_access() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM accounts_access_changed('family:' || replace(OLD.family::text, '-', ''));
    RETURN NULL;
END $$;
CREATE TRIGGER family_access_updated AFTER UPDATE ON accounts_refreshtoken FOR EACH ROW WHEN (
    (OLD.revoked_at, OLD.family, OLD.user_id) IS DISTINCT FROM (NEW.revoked_at, NEW.family, NEW.user_id)
) EXECUTE FUNCTION accounts_family_access();
CREATE TRIGGER family_access_deleted AFTER DELETE ON accounts_refreshtoken
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND OLD.expires_at > clock_timestamp())
    EXECUTE FUNCTION accounts_family_access();

CREATE FUNCTION accounts_key_access() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM accounts_access_changed('key:' || OLD.prefix);
    RETURN NULL;
END $$;
CREATE TRIGGER key_access_updated AFTER UPDATE ON accounts_clientkey FOR EACH ROW WHEN (
    (OLD.revoked_at, OLD.expires_at, OLD.hashed_secret, OLD.scopes, OLD.rate_limit, OLD.client_id, OLD.prefix)
    IS DISTINCT FROM
    (NEW.revoked_at, NEW.expires_at, NEW.hashed_secret, NEW.scopes, NEW.rate_limit, NEW.client_id, NEW.prefix)
) EXECUTE FUNCTION accounts_key_access();
CREATE TRIGGER key_access_deleted AFTER DELETE ON accounts_clientkey
    FOR EACH ROW EXECUTE FUNCTION accounts_key_access();

CREATE FUNCTION accounts_client_access() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM accounts_access_changed('key:' || prefix) FROM accounts_clientkey WHERE client_id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER client_access_updated AFTER UPDATE ON accounts_client FOR EACH ROW WHEN (
    OLD.is_active IS DISTINCT FROM NEW.is_active
) EXECUTE FUNCTION accounts_client_access();
"""
REMOVED = """
DROP TRIGGER user_access_updated ON accounts_user;
DROP TRIGGER user_access_deleted ON accounts_user;
DROP TRIGGER family_access_updated ON accounts_refreshtoken;
DROP TRIGGER family_access_deleted ON accounts_refreshtoken;
DROP TRIGGER key_access_updated ON accounts_clientkey;
DROP TRIGGER key_access_deleted ON accounts_clientkey;
DROP TRIGGER client_access_updated ON accounts_client;
DROP FUNCTION accounts_user_access;
DROP FUNCTION accounts_family_access;
DROP FUNCTION accounts_key_access;
DROP FUNCTION accounts_client_access;
DROP FUNCTION accounts_access_changed;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0011_taste_reset_at'),
    ]

    operations = [
        migrations.CreateModel(
            name='AccessChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject', models.CharField(help_text='user:ID, family:HEX or key:PREFIX.', max_length=60)),
                ('xact', models.BigIntegerField(db_index=True, help_text="The transaction's id.")),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.RunSQL(TRIGGERS, REMOVED),
    ]
