"""Stores the initials of titles, by which people search for them ("lotr")."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models

import movies.fields

# movies/titles_typed.py does the same.
CREATE_INITIALS = r"""
    CREATE FUNCTION movies_initials(title text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(
        SELECT DISTINCT initials FROM (
            SELECT (
                SELECT string_agg(
                    CASE WHEN word[1] ~ '^[0-9]+$' THEN word[1] ELSE left(word[1], 1) END, '' ORDER BY place
                )
                FROM regexp_matches(
                    regexp_replace(
                        replace(part, '''', ''), '^(A\.?K\.?A\.?:?\s+)?((THE|A|AN)\s+)?', ''
                    ),
                    '[[:alnum:]]+', 'g'
                ) WITH ORDINALITY AS words (word, place)
            ) AS initials
            FROM unnest(
                regexp_split_to_array(title, '\s*(:|\s-\s|[()])\s*|\s+AND\s+(?=THE\s)') || split_part(title, ' (', 1)
            ) AS part
        ) AS of_parts
        WHERE char_length(initials) BETWEEN 2 AND 8
    )
"""
DROP_INITIALS = "DROP FUNCTION movies_initials(text)"


class Migration(migrations.Migration):

    dependencies = [
        ("movies", "0006_cache_invalidation"),
    ]

    operations = [
        migrations.RunSQL(CREATE_INITIALS, DROP_INITIALS),
        migrations.AddField(
            "movie",
            "search_initials",
            models.GeneratedField(
                db_persist=True,
                expression=movies.fields.Initials(movies.fields.SearchKey("title")),
                output_field=django.contrib.postgres.fields.ArrayField(models.TextField()),
            ),
        ),
        migrations.AddIndex(
            "movie",
            django.contrib.postgres.indexes.GinIndex(fields=["search_initials"], name="movie_search_initials"),
        ),
    ]
