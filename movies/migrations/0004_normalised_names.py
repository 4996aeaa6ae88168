"""Normalises names and texts, merges people and genres that differ in spelling only, and adds check constraints.

Runs plain SQL on whole tables; rows that are normalised already are not written. The tables are locked against writes
until the end, so that no row comes in between the clean-up and the checks. The reverse migration drops the checks and
keeps the names.
"""

import django.contrib.postgres.fields
from django.db import migrations, models

import movies.fields
import movies.models

# Folds compatibility forms and case; applied twice, so that both forms of the Greek sigma are equal.
CREATE_NAME_KEY = """
    CREATE FUNCTION movies_name_key(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN normalize(lower(upper(normalize(name, NFKC))), NFKC)
"""
DROP_NAME_KEY = "DROP FUNCTION movies_name_key(text)"

# A copy of the tables in movies/text.py at the time of this migration.
_INVISIBLE = (
    r"U&'\00ad\180e\200b\200e\200f\202a\202b\202c\202d\202e\2060\2066\2067\2068\2069\feff'"
)
_BLANKS = r"[\u0001-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"
_CONTROLS = r"[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u00a0]"

NORMALISE = [
    """
    LOCK TABLE movies_movie, movies_person, movies_genre, movies_credit, movies_movie_genres
        IN SHARE ROW EXCLUSIVE MODE
    """,
    # A text that would become empty is only converted to NFC, since titles must not be empty.
    f"""
    CREATE FUNCTION pg_temp.as_line(words text, most int) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN left(coalesce(
        nullif(btrim(regexp_replace(
            normalize(translate(words, {_INVISIBLE}, ''), NFC), '{_BLANKS}', ' ', 'g'
        )), ''),
        normalize(words, NFC)
    ), most)
    """,
    f"""
    CREATE FUNCTION pg_temp.as_prose(words text) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN btrim(
        regexp_replace(normalize(translate(words, {_INVISIBLE}, ''), NFC), '{_CONTROLS}', ' ', 'g'),
        E' \\t\\r\\n'
    )
    """,
    # Removes duplicate keywords and keeps their order.
    """
    CREATE FUNCTION pg_temp.as_lines(words varchar[]) RETURNS varchar[] LANGUAGE sql IMMUTABLE
    RETURN (
        SELECT coalesce(array_agg(line ORDER BY place), '{}')
        FROM (
            SELECT pg_temp.as_line(word, 80) AS line, min(place) AS place
            FROM unnest(words) WITH ORDINALITY AS given (word, place) GROUP BY 1
        ) lines
        WHERE line <> ''
    )
    """,
    """
    UPDATE movies_movie SET
        title = pg_temp.as_line(title, 300),
        overview = pg_temp.as_prose(overview),
        keywords = pg_temp.as_lines(keywords),
        content_changed_at = now()
    WHERE title <> pg_temp.as_line(title, 300)
        OR overview <> pg_temp.as_prose(overview)
        OR (keywords <> '{}' AND keywords <> pg_temp.as_lines(keywords))
    """,
]

# Of equal genres, the one with the most movies is kept, with its slug.
MERGE_GENRES = [
    """
    CREATE TEMPORARY TABLE merged_genre ON COMMIT DROP AS
    SELECT id, kept FROM (
        SELECT id, first_value(id) OVER (PARTITION BY key ORDER BY movies DESC, id) AS kept
        FROM (
            SELECT id, movies_name_key(pg_temp.as_line(name, 40)) AS key,
                (SELECT count(*) FROM movies_movie_genres WHERE genre_id = genre.id) AS movies
            FROM movies_genre genre
        ) counted
    ) grouped
    WHERE id <> kept
    """,
    """
    UPDATE movies_movie SET content_changed_at = now() WHERE id IN (
        SELECT movie_id FROM movies_movie_genres JOIN movies_genre genre ON genre.id = genre_id
        WHERE genre_id IN (SELECT id FROM merged_genre) OR genre.name <> pg_temp.as_line(genre.name, 40)
    )
    """,
    """
    INSERT INTO movies_movie_genres (movie_id, genre_id)
    SELECT DISTINCT movie_id, kept FROM movies_movie_genres JOIN merged_genre ON merged_genre.id = genre_id
    ON CONFLICT DO NOTHING
    """,
    "DELETE FROM movies_movie_genres WHERE genre_id IN (SELECT id FROM merged_genre)",
    # The popular lists belong to another app, so their table may not exist; of two entries, the higher score is kept.
    """
    DO $$
    BEGIN
        IF to_regclass('recommendations_popularmovie') IS NULL THEN
            RETURN;
        END IF;
        CREATE TEMPORARY TABLE merged_popular ON COMMIT DROP AS
        SELECT DISTINCT ON (kept, movie_id) kept, movie_id, score, computed_at
        FROM recommendations_popularmovie popular
        JOIN (SELECT id, kept FROM merged_genre UNION SELECT kept, kept FROM merged_genre) same
            ON same.id = popular.genre_id
        ORDER BY kept, movie_id, score DESC;
        DELETE FROM recommendations_popularmovie WHERE genre_id IN (
            SELECT id FROM merged_genre UNION SELECT kept FROM merged_genre
        );
        INSERT INTO recommendations_popularmovie (genre_id, movie_id, rank, score, computed_at)
        SELECT kept, movie_id, row_number() OVER (PARTITION BY kept ORDER BY score DESC, movie_id), score, computed_at
        FROM merged_popular;
    END
    $$
    """,
    "DELETE FROM movies_genre WHERE id IN (SELECT id FROM merged_genre)",
    "UPDATE movies_genre SET name = pg_temp.as_line(name, 40) WHERE name <> pg_temp.as_line(name, 40)",
]

# Of equal people, one with an IMDb id is kept, else the one with the most credits. People with different IMDb ids and
# people with a TMDB id are never merged.
MERGE_PEOPLE = [
    """
    CREATE TEMPORARY TABLE merged_person ON COMMIT DROP AS
    SELECT id, kept FROM (
        SELECT id, first_value(id) OVER (
            PARTITION BY key, CASE WHEN one_id THEN '' ELSE imdb_id END ORDER BY imdb_id = '', credits DESC, id
        ) AS kept
        FROM (
            SELECT person.id, key, imdb_id, coalesce(credits, 0) AS credits,
                min(nullif(imdb_id, '')) OVER same IS NOT DISTINCT FROM max(nullif(imdb_id, '')) OVER same AS one_id
            FROM (
                SELECT id, imdb_id, movies_name_key(pg_temp.as_line(name, 200)) AS key
                FROM movies_person WHERE tmdb_id IS NULL
            ) person
            LEFT JOIN (SELECT person_id, count(*) AS credits FROM movies_credit GROUP BY 1) counted
                ON counted.person_id = person.id
            WINDOW same AS (PARTITION BY key)
        ) known
    ) grouped
    WHERE id <> kept
    """,
    "CREATE UNIQUE INDEX ON merged_person (id)",
    "ANALYZE merged_person",
    """
    UPDATE movies_movie SET content_changed_at = now() WHERE id IN (
        SELECT movie_id FROM movies_credit JOIN movies_person person ON person.id = person_id
        WHERE person_id IN (SELECT id FROM merged_person) OR person.name <> pg_temp.as_line(person.name, 200)
    )
    """,
    # If a movie has both, the one billed first is kept.
    """
    CREATE TEMPORARY TABLE merged_credit ON COMMIT DROP AS
    SELECT credit.id, same.kept, row_number() OVER (
        PARTITION BY credit.movie_id, credit.role, same.kept ORDER BY credit.position, credit.id
    ) AS place
    FROM movies_credit credit
    JOIN (SELECT id, kept FROM merged_person UNION SELECT kept, kept FROM merged_person) same
        ON same.id = credit.person_id
    """,
    "DELETE FROM movies_credit WHERE id IN (SELECT id FROM merged_credit WHERE place > 1)",
    """
    UPDATE movies_credit credit SET person_id = merged.kept
    FROM merged_credit merged
    WHERE merged.id = credit.id AND merged.place = 1 AND credit.person_id <> merged.kept
    """,
    "DELETE FROM movies_person WHERE id IN (SELECT id FROM merged_person)",
    "UPDATE movies_person SET name = pg_temp.as_line(name, 200) WHERE name <> pg_temp.as_line(name, 200)",
]

TIDY = [
    "DROP FUNCTION pg_temp.as_lines(varchar[]), pg_temp.as_prose(text), pg_temp.as_line(text, int)",
    # Pending deferred checks of foreign keys would block the ALTER TABLE statements below.
    "SET CONSTRAINTS ALL IMMEDIATE",
]


class Migration(migrations.Migration):

    dependencies = [
        ("movies", "0003_search"),
    ]

    operations = [
        migrations.RunSQL(CREATE_NAME_KEY, DROP_NAME_KEY),
        # Equal names are allowed until the people are merged.
        migrations.RemoveConstraint(model_name="person", name="person_name_without_tmdb"),
        migrations.RunSQL([*NORMALISE, *MERGE_GENRES, *MERGE_PEOPLE, *TIDY], migrations.RunSQL.noop),
        migrations.AlterField("genre", "name", movies.fields.LineField(max_length=40, unique=True)),
        migrations.AlterField("person", "name", movies.fields.LineField(max_length=200)),
        migrations.AlterField("movie", "title", movies.fields.LineField(max_length=300)),
        migrations.AlterField("movie", "overview", movies.fields.ProseField(blank=True)),
        migrations.AlterField(
            "movie",
            "keywords",
            django.contrib.postgres.fields.ArrayField(
                base_field=movies.fields.LineField(max_length=80), blank=True, default=list, size=None
            ),
        ),
        migrations.AddConstraint(
            "genre",
            models.UniqueConstraint(
                movies.fields.NameKey("name"),
                name="genre_name_key",
                violation_error_message="There is a genre of that name already.",
            ),
        ),
        migrations.AddConstraint(
            "genre",
            models.CheckConstraint(condition=movies.fields.NFCNormalised("name"), name="genre_name_nfc"),
        ),
        migrations.AddConstraint(
            "person",
            models.UniqueConstraint(
                movies.fields.NameKey("name"),
                condition=models.Q(("imdb_id", ""), ("tmdb_id", None)),
                name="person_name_without_ids",
                violation_error_message="There is a person of that name already; an id tells namesakes apart.",
            ),
        ),
        migrations.AddConstraint(
            "person",
            models.CheckConstraint(condition=movies.fields.NFCNormalised("name"), name="person_name_nfc"),
        ),
        migrations.AddIndex("person", models.Index(movies.fields.NameKey("name"), name="person_name_key")),
        migrations.AddConstraint(
            "movie",
            models.CheckConstraint(
                condition=models.Q(
                    movies.fields.NFCNormalised("title"),
                    movies.fields.NFCNormalised("overview"),
                    movies.fields.NFCNormalised(movies.models.WordsOf("keywords")),
                ),
                name="movie_texts_nfc",
            ),
        ),
    ]
