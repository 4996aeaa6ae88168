from importlib import import_module

import pgvector.django.halfvec
from django.db import migrations

# Before: query and item factors of the few-shot model, single precision, 128 each. After, in half precision: those of
# the next-item model beside them, and the next-item model's bias at the end of the item factors.
TABLE = "recommendations_movieembedding"
WIDTHS = {"query_factors": 256, "item_factors": 257}
FEW_SHOT = 128
# Half precision ends at 65504.
LIMIT = 60000

# Migration 0005 tells what the function is for. Here the index covers the column itself, so the exact scan must sort by
# another expression: its "+ 0" keeps PostgreSQL from using the index there as well.
SEARCH = """
    CREATE FUNCTION recommendations_nearest_by_factors(
        of_version bigint, query halfvec, excluded bigint[], wanted integer, passing bigint[], few integer
    ) RETURNS TABLE (movie_id bigint, likeness double precision)
    LANGUAGE plpgsql STABLE
    SET hnsw.ef_search = 100
    SET hnsw.iterative_scan = relaxed_order
    SET hnsw.max_scan_tuples = 2147483647
    SET hnsw.scan_mem_multiplier = 32
    SET enable_sort = off SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
    SET jit = off SET max_parallel_workers_per_gather = 0
    AS $body$
    DECLARE
        ids bigint[];
        likenesses double precision[];
        -- In this form PostgreSQL looks each movie up or hashes the unpublished ones, whichever are fewer.
        published constant text := 'CASE WHEN EXISTS (SELECT 1 FROM movies_movie m WHERE m.id = e.movie_id'
            ' AND m.status <> ''published'') THEN false ELSE true END AND e.movie_id <> ALL ($3)';
        gathered constant text := 'SELECT array_agg(n.movie_id ORDER BY n.distance, n.movie_id),'
            ' array_agg(-n.distance ORDER BY n.distance, n.movie_id) FROM n';
    BEGIN
        IF (passing IS NULL OR cardinality(passing) > few)
            AND to_regclass('embedding_factors_' || of_version) IS NOT NULL
        THEN
            -- No more is looked at than for twice as many as are wanted; the iterative scan goes on where that falls
            -- short, as it does with filters.
            PERFORM set_config('hnsw.ef_search', least(greatest(2 * wanted, 100), 400)::text, true);
            EXECUTE 'WITH n AS MATERIALIZED (SELECT e.movie_id, e.item_factors <#> $2 AS distance'
                ' FROM recommendations_movieembedding e WHERE e.version_id = $1 AND ' || published
                || CASE WHEN passing IS NULL THEN '' ELSE ' AND e.movie_id = ANY ($5)' END
                || ' ORDER BY e.item_factors <#> $2 LIMIT $4) ' || gathered
            INTO ids, likenesses USING of_version, query, excluded, wanted, passing;
        END IF;
        -- An index may lose rows; where any are missing, everything is looked at.
        IF coalesce(cardinality(ids), 0) < wanted THEN
            EXECUTE 'WITH n AS MATERIALIZED (SELECT e.movie_id, (e.item_factors <#> $2) + 0 AS distance FROM '
                || CASE WHEN passing IS NULL THEN 'recommendations_movieembedding e WHERE e.version_id = $1'
                    ELSE 'unnest($5) w (id) JOIN recommendations_movieembedding e'
                        ' ON e.movie_id = w.id AND e.version_id = $1 WHERE true' END
                || ' AND e.item_factors IS NOT NULL AND ' || published || ' ORDER BY 2, 1 LIMIT $4) ' || gathered
            INTO ids, likenesses USING of_version, query, excluded, wanted, passing;
        END IF;
        RETURN QUERY SELECT * FROM unnest(ids, likenesses);
    END
    $body$
"""
# ALTER TABLE takes no subquery, so a function pads and clips; it exists only during the migration.
PAD = f"""
    CREATE FUNCTION recommendations_padded(vector, width integer) RETURNS halfvec LANGUAGE sql IMMUTABLE STRICT AS
    $body$
        SELECT (
            array_agg(least(greatest(value, -{LIMIT}), {LIMIT}) ORDER BY place)
            || array_fill(0::real, ARRAY[width - {FEW_SHOT}])
        )::halfvec
        FROM unnest($1::real[]) WITH ORDINALITY AS of (value, place)
    $body$
"""


def widen(apps, schema_editor):
    versions = versions_with_index(schema_editor)
    run(
        schema_editor,
        # The settings of pgvector are known to PostgreSQL only once its library is loaded.
        "SELECT '[1]'::vector",
        *(f"DROP INDEX embedding_factors_{version}" for version in versions),
        "DROP FUNCTION recommendations_nearest_by_factors(bigint, vector, bigint[], integer, bigint[], integer)",
        PAD,
        alter("halfvec({width}) USING recommendations_padded({column}, {width})"),
        "DROP FUNCTION recommendations_padded(vector, integer)",
        SEARCH,
    )
    build(schema_editor, versions, "item_factors halfvec_ip_ops")


def narrow(apps, schema_editor):
    before = import_module("recommendations.migrations.0005_vector_search")
    versions = versions_with_index(schema_editor)
    run(
        schema_editor,
        "SELECT '[1]'::vector",
        *(f"DROP INDEX embedding_factors_{version}" for version in versions),
        "DROP FUNCTION recommendations_nearest_by_factors(bigint, halfvec, bigint[], integer, bigint[], integer)",
        alter(f"vector({FEW_SHOT}) USING subvector({{column}}, 1, {FEW_SHOT})::vector({FEW_SHOT})"),
        before.SEARCH.format(likeness="-n.distance", **before.FACTORS),
    )
    build(schema_editor, versions, f"(item_factors::halfvec({FEW_SHOT})) halfvec_ip_ops")


def versions_with_index(schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT substring(indexname FROM '\\d+$')::bigint FROM pg_indexes"
            " WHERE schemaname = current_schema() AND tablename = %s AND indexname ~ '^embedding_factors_\\d+$'",
            [TABLE],
        )
        return [row[0] for row in cursor.fetchall()]


def alter(change):
    columns = (
        f"ALTER COLUMN {column} TYPE {change.format(column=column, width=width)}" for column, width in WIDTHS.items()
    )
    return f"ALTER TABLE {TABLE} {', '.join(columns)}"


def build(schema_editor, versions, columns):
    """Memory and workers as in vectors/indexes.py."""
    for version in versions:
        run(
            schema_editor,
            "SET LOCAL maintenance_work_mem = '256MB'",
            "SET LOCAL max_parallel_maintenance_workers = 0",
            f"CREATE INDEX embedding_factors_{version} ON {TABLE} USING hnsw ({columns}) WHERE version_id = {version}",
        )


def run(schema_editor, *statements):
    for statement in statements:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):

    dependencies = [
        ("recommendations", "0008_rating_factors"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(widen, narrow)],
            state_operations=[
                migrations.AlterField(
                    model_name="movieembedding",
                    name=name,
                    field=pgvector.django.halfvec.HalfVectorField(dimensions=width, null=True),
                )
                for name, width in WIDTHS.items()
            ],
        ),
    ]
