"""Stores the searched texts without accents in generated columns, so that queries do not compute them."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
from django.db import migrations, models

import movies.fields
import movies.models

# The extension unaccent is not immutable, may be missing, and its rules may change under an index. Texts of ASCII
# alone, most of them, cost no more than two lengths. movies/text.py does the same to what is looked for.
CREATE_UNACCENTED = r"""
    CREATE FUNCTION movies_unaccented(words text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN octet_length(words) = char_length(words) THEN words ELSE
        normalize(
            translate(
                replace(replace(replace(replace(replace(replace(replace(replace(
                    regexp_replace(normalize(words, NFKD), '[\u0300-\u036f]', '', 'g'),
                    'æ', 'ae'), 'Æ', 'AE'), 'œ', 'oe'), 'Œ', 'OE'), 'ß', 'ss'), 'ẞ', 'SS'), 'þ', 'th'), 'Þ', 'TH'),
                U&'øØłŁđĐħĦŧŦƀıðÐ\2018\2019\02bc\201c\201d', 'oOlLdDhHtTbidD''''''""'
            ),
            NFC
        )
    END
"""
DROP_UNACCENTED = "DROP FUNCTION movies_unaccented(text)"
CREATE_SEARCH_KEY = """
    CREATE FUNCTION movies_search_key(words text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN upper(movies_unaccented(words))
"""
DROP_SEARCH_KEY = "DROP FUNCTION movies_search_key(text)"


def search_document() -> django.contrib.postgres.search.CombinedSearchVector:
    """Title, keywords and overview with the weights of the search."""
    vector, plain = django.contrib.postgres.search.SearchVector, movies.fields.Unaccented
    return (
        vector(plain("title"), weight="A", config="english")
        + vector(plain(movies.models.WordsOf("keywords")), weight="B", config="english")
        + vector(plain("overview"), weight="C", config="english")
    )


class Migration(migrations.Migration):

    dependencies = [
        ("movies", "0004_normalised_names"),
    ]

    operations = [
        migrations.RunSQL(CREATE_UNACCENTED, DROP_UNACCENTED),
        migrations.RunSQL(CREATE_SEARCH_KEY, DROP_SEARCH_KEY),
        migrations.RemoveIndex("movie", "movie_title_trigram"),
        migrations.RemoveIndex("movie", "movie_search_document"),
        migrations.RemoveIndex("person", "person_name_trigram"),
        migrations.RemoveIndex("person", "person_name_words"),
        migrations.RemoveField("movie", "search_document"),
        migrations.AddField(
            "movie",
            "search_title",
            models.GeneratedField(
                db_persist=True, expression=movies.fields.SearchKey("title"), output_field=models.TextField()
            ),
        ),
        migrations.AddField(
            "movie",
            "search_document",
            models.GeneratedField(
                db_persist=True,
                expression=search_document(),
                output_field=django.contrib.postgres.search.SearchVectorField(),
            ),
        ),
        migrations.AddField(
            "person",
            "search_name",
            models.GeneratedField(
                db_persist=True, expression=movies.fields.SearchKey("name"), output_field=models.TextField()
            ),
        ),
        migrations.AddIndex(
            "movie",
            django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass("search_title", name="gin_trgm_ops"),
                name="movie_search_trigram",
            ),
        ),
        migrations.AddIndex(
            "movie", django.contrib.postgres.indexes.GinIndex(fields=["search_document"], name="movie_search_document")
        ),
        migrations.AddIndex(
            "person",
            django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.indexes.OpClass("search_name", name="gin_trgm_ops"),
                name="person_search_trigram",
            ),
        ),
        migrations.AddIndex(
            "person",
            django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.search.SearchVector("search_name", config="simple"),
                name="person_search_words",
            ),
        ),
    ]
