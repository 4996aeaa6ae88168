from django.db import migrations

# vector_search.py tells what these are for. A function, because the settings of a search by index then hold for that
# search alone: SET LOCAL would need a transaction, and the settings of a session would reach other people's queries.
# The statements are dynamic, so that each is planned for its version: the indexes are of one version.
SEARCH = """
    CREATE FUNCTION recommendations_nearest_by_{what}(
        of_version bigint, query vector, excluded bigint[], wanted integer, passing bigint[], few integer
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
            ' array_agg({likeness} ORDER BY n.distance, n.movie_id) FROM n';
    BEGIN
        IF (passing IS NULL OR cardinality(passing) > few)
            AND to_regclass('embedding_{what}_' || of_version) IS NOT NULL
        THEN
            -- No more is looked at than for twice as many as are wanted; the iterative scan goes on where that falls
            -- short, as it does with filters.
            PERFORM set_config('hnsw.ef_search', least(greatest(2 * wanted, 100), 400)::text, true);
            EXECUTE 'WITH n AS MATERIALIZED (SELECT e.movie_id, e.{column} {operator} $2 AS distance'
                ' FROM recommendations_movieembedding e WHERE e.version_id = $1 AND ' || published
                || CASE WHEN passing IS NULL THEN '' ELSE ' AND e.movie_id = ANY ($5)' END
                || ' ORDER BY e.{column}::halfvec({dimensions}) {operator} $2::halfvec({dimensions}) LIMIT $4) '
                || gathered
            INTO ids, likenesses USING of_version, query, excluded, wanted, passing;
        END IF;
        -- An index may lose rows; where any are missing, everything is looked at.
        IF coalesce(cardinality(ids), 0) < wanted THEN
            EXECUTE 'WITH n AS MATERIALIZED (SELECT e.movie_id, e.{column} {operator} $2 AS distance FROM '
                || CASE WHEN passing IS NULL THEN 'recommendations_movieembedding e WHERE e.version_id = $1'
                    ELSE 'unnest($5) w (id) JOIN recommendations_movieembedding e'
                        ' ON e.movie_id = w.id AND e.version_id = $1 WHERE true' END
                || ' AND e.{column} IS NOT NULL AND ' || published || ' ORDER BY 2, 1 LIMIT $4) ' || gathered
            INTO ids, likenesses USING of_version, query, excluded, wanted, passing;
        END IF;
        RETURN QUERY SELECT * FROM unnest(ids, likenesses);
    END
    $body$
"""
FACTORS = {"what": "factors", "column": "item_factors", "operator": "<#>", "dimensions": 128}
CONTENT = {"what": "content", "column": "content", "operator": "<=>", "dimensions": 384}


def drop(what: str) -> str:
    arguments = "bigint, vector, bigint[], integer, bigint[], integer"
    return f"DROP FUNCTION recommendations_nearest_by_{what}({arguments})"


class Migration(migrations.Migration):

    dependencies = [
        ("recommendations", "0004_tuning"),
    ]

    operations = [
        # The settings of pgvector are known to PostgreSQL only once its library is loaded.
        migrations.RunSQL("SELECT '[1]'::vector", migrations.RunSQL.noop),
        migrations.RunSQL(SEARCH.format(likeness="-n.distance", **FACTORS), drop("factors")),
        migrations.RunSQL(SEARCH.format(likeness="1 - n.distance", **CONTENT), drop("content")),
    ]
