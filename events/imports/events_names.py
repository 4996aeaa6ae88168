"""Finds the people and movies that lines of a file of events name, a block at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
from django.db import connection
from django.db.models.functions import Coalesce

from accounts.addresses import canonical
from accounts.clients.users import external_id_problem
from accounts.models import Client
from movies.models import Movie

_INT = pl.Int64
# People kept by name, about 100 bytes each.
_MAX_FOUND = 200_000


class MovieFinder:
    """Maps ids of movies to database ids: 100 bytes a movie. MovieLens' id wins over IMDb's, over TMDB's, over ours."""

    def __init__(self) -> None:
        # A merged movie's ids lead to the movie it was merged into.
        found = Coalesce("merged_into_id", "pk")
        rows = Movie.objects.order_by("pk").values_list("pk", found, "movielens_id", "imdb_id", "tmdb_id")
        schema = {"movie_id": _INT, "found": _INT, "movielens_id": _INT, "imdb_id": pl.String, "tmdb_id": _INT}
        movies = pl.DataFrame(list(rows.iterator(chunk_size=20_000)), schema, orient="row")
        self._ids = movies.select("movie_id", "found")
        self._tables = {name: self._of(movies, name) for name in ("movielens_id", "imdb_id", "tmdb_id")}

    @staticmethod
    def _of(movies: pl.DataFrame, name: str) -> pl.DataFrame:
        """(id, its movie, whether several movies have it)."""
        named = movies.filter(pl.col(name).is_not_null() & (pl.col(name).cast(pl.String) != ""))
        return named.group_by(name).agg(
            pl.col("found").first().alias(f"by_{name}"), (pl.col("found").n_unique() > 1).alias(f"several_{name}")
        )

    def find(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Adds ``movie`` (null if none is found) and, for those, ``reason``."""
        found = frame.join(self._ids.rename({"found": "by_movie_id"}), on="movie_id", how="left", maintain_order="left")
        for name, table in self._tables.items():
            found = found.join(table, on=name, how="left", maintain_order="left")
        usable = [
            pl.when(~pl.col(f"several_{name}")).then(pl.col(f"by_{name}"))
            for name in ("movielens_id", "imdb_id", "tmdb_id")
        ]
        named = pl.any_horizontal(pl.col(f"by_{name}").is_not_null() for name in self._tables)
        elsewhere = pl.any_horizontal(pl.col(name).is_not_null() for name in self._tables)
        # Our own id counts where no other is given, or where those given are those of several movies: in another
        # database it is another movie's.
        own = pl.when(~elsewhere | named).then(pl.col("by_movie_id"))
        reason = pl.when(named).then(pl.lit("several movies have this id")).otherwise(pl.lit("an unknown movie"))
        return frame.with_columns(found.select(pl.coalesce(*usable, own).alias("movie"), reason.alias("movie_reason")))


class PersonFinder:
    """Finds people by e-mail, by client and its own id, by data set and number, or by our id, in this order.

    create: whether unknown users of a known client are created, as the API does.
    """

    def __init__(self, *, create: bool) -> None:
        self._create = create
        self._clients = pl.DataFrame(
            list(Client.objects.values_list("name", "pk")), {"client": pl.String, "client_id": _INT}, orient="row"
        )
        # The people found, by the columns that name them. Who is deleted meanwhile is missed when the block locks them.
        self._found: dict[tuple[str, ...], pl.DataFrame] = {}
        self.created = 0

    def find(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Adds ``user`` (null if none is found) and ``user_reason``. One query for each way of naming that occurs."""
        frame = frame.join(self._clients, on="client", how="left", maintain_order="left")
        email, of_client = pl.col("email").is_not_null(), pl.col("client").is_not_null()
        of_dataset = pl.col("dataset").is_not_null()
        ways: list[tuple[pl.Expr, list[str], Callable[[pl.DataFrame], pl.DataFrame]]] = [
            (email, ["email"], self._by_email),
            (~email & of_client, ["client_id", "external_id"], self._by_client),
            (~email & ~of_client & of_dataset, ["dataset", "dataset_user_id"], self._by_dataset),
            (
                ~email & ~of_client & ~of_dataset,
                ["user_id"],
                lambda names: names.with_columns(pl.col("user_id").alias("user")),
            ),
        ]
        parts: list[pl.DataFrame] = []
        for condition, keys, find in ways:
            rows = frame.filter(condition)
            if rows.is_empty():
                continue
            found = self._lookup(rows.select(keys).drop_nulls().unique(maintain_order=True), find)
            parts.append(
                rows.join(found.select(*keys, "user", "user_reason"), on=keys, how="left", maintain_order="left")
            )
        if not parts:
            return frame.with_columns(pl.lit(None, _INT).alias("user"), pl.lit(None, pl.String).alias("user_reason"))
        no_client = of_client & pl.col("client_id").is_null()
        return (
            pl.concat(parts)
            .sort("row")
            .with_columns(
                pl.when(no_client & pl.col("user").is_null())
                .then(pl.lit("an unknown client application"))
                .otherwise(pl.coalesce("user_reason", pl.lit("an unknown person")))
                .alias("user_reason")
            )
        )

    def forget(self) -> None:
        """Forgets whom it found: a transaction that created some of them was rolled back."""
        self._found = {}

    def _lookup(self, names: pl.DataFrame, find: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
        """Adds ``user`` and ``user_reason`` to names; asks the database for those that no block before had."""
        keys = tuple(names.columns)
        known = self._found.get(keys)
        if known is None:
            known = pl.DataFrame(schema={**names.schema, "user": _INT})
        found = find(names.join(known, on=keys, how="anti"))
        missing = [name for name in ("user", "user_reason") if name not in found.columns]
        found = found.with_columns(pl.lit(None, _INT if name == "user" else pl.String).alias(name) for name in missing)
        fresh = found.filter(pl.col("user") > 0).select(*keys, "user")
        self._found[keys] = pl.concat([known, fresh]) if known.height < _MAX_FOUND else fresh
        again = names.join(known, on=keys, how="inner").with_columns(pl.lit(None, pl.String).alias("user_reason"))
        return pl.concat([again, found.select(*keys, "user", "user_reason")])

    def _by_email(self, names: pl.DataFrame) -> pl.DataFrame:
        names = names.with_columns(pl.Series("spelt", [canonical(email) for email in names["email"]], pl.String))
        rows = _rows("SELECT email, id FROM accounts_user WHERE email = ANY(%s)", [names["spelt"].to_list()])
        found = pl.DataFrame(rows, {"spelt": pl.String, "user": _INT}, orient="row")
        return names.join(found, on="spelt", how="left", maintain_order="left")

    def _by_client(self, names: pl.DataFrame) -> pl.DataFrame:
        problems = [external_id_problem(external_id) for external_id in names["external_id"]]
        names = names.with_columns(
            pl.Series("user_reason", [problem and "the external_id is not allowed" for problem in problems], pl.String)
        )
        valid = names.filter(pl.col("user_reason").is_null())
        keys = [valid["client_id"].to_list(), valid["external_id"].to_list()]
        query = """
            SELECT client_id, external_id, id FROM accounts_user
            JOIN unnest(%s::bigint[], %s::text[]) AS named (client_id, external_id) USING (client_id, external_id)
            WHERE client_id IS NOT NULL
        """
        rows = _rows(query, keys)
        if self._create and len(rows) < valid.height:
            # As for imported people: no password fits.
            with connection.cursor() as cursor:
                cursor.execute(
                    """
                    INSERT INTO accounts_user (password, is_superuser, display_name, is_active, is_staff, date_joined,
                                               dataset, client_id, external_id)
                    SELECT '!', false, '', true, false, now(), '', client_id, external_id
                    FROM unnest(%s::bigint[], %s::text[]) AS named (client_id, external_id)
                    ON CONFLICT (client_id, external_id) WHERE client_id IS NOT NULL DO NOTHING
                    """,
                    keys,
                )
                self.created += cursor.rowcount
            rows = _rows(query, keys)
        found = pl.DataFrame(rows, {"client_id": _INT, "external_id": pl.String, "user": _INT}, orient="row")
        found = names.join(found, on=["client_id", "external_id"], how="left", maintain_order="left")
        if self._create:
            return found
        # A dry run: the import would create them.
        new = pl.col("user").is_null() & pl.col("user_reason").is_null()
        return found.with_columns(pl.when(new).then(-1).otherwise("user").alias("user"))

    def _by_dataset(self, names: pl.DataFrame) -> pl.DataFrame:
        keys = [names["dataset"].to_list(), names["dataset_user_id"].to_list()]
        rows = _rows(
            """
            SELECT dataset, dataset_user_id, id FROM accounts_user
            JOIN unnest(%s::text[], %s::bigint[]) AS named (dataset, dataset_user_id) USING (dataset, dataset_user_id)
            """,
            keys,
        )
        found = pl.DataFrame(rows, {"dataset": pl.String, "dataset_user_id": _INT, "user": _INT}, orient="row")
        return names.join(found, on=["dataset", "dataset_user_id"], how="left", maintain_order="left")


def lock_people(ids: list[int]) -> pl.DataFrame:
    """Locks these people until the transaction ends, so that nobody is deleted or pauses. (user, paused) of all there.

    See ``accounts.privacy.pausing``. In the order of ids, so that two imports cannot wait for each other. One query.
    """
    rows = _rows(
        "SELECT id, NOT personalisation FROM accounts_user WHERE id = ANY(%s::bigint[]) ORDER BY id FOR SHARE", [ids]
    )
    return pl.DataFrame(rows, {"user": _INT, "paused": pl.Boolean}, orient="row")


def lock_movies(ids: list[int]) -> pl.DataFrame:
    """Keeps these movies from being deleted until the transaction ends; the ids of those that are there. One query."""
    rows = _rows("SELECT id FROM movies_movie WHERE id = ANY(%s::bigint[]) ORDER BY id FOR KEY SHARE", [ids])
    return pl.DataFrame(rows, {"movie": _INT}, orient="row")


def _rows(query: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()
