"""What a merge of movies does with the tables of this app."""

from movies.merging.references import MovieArray, MovieReference

_UNTIL_NIGHT = "Lists leave out movies that are not published; the next training writes new ones."

MOVIE_REFERENCES = (
    MovieReference(table="recommendations_curatedrowmovie", label="curated rows", unique=("row_id",)),
    MovieReference(table="recommendations_curationrulemovie", label="rules", unique=("rule_id",)),
    MovieReference(
        table="recommendations_popularmovie",
        label="places in popular lists",
        moves=False,
        why="Lists leave out movies that are not published; the hourly refresh counts the votes again.",
    ),
    MovieReference(
        table="recommendations_movieembedding",
        label="vectors",
        moves=False,
        why="They are of the duplicate's own text; searches leave out movies that are not published.",
    ),
    MovieReference(
        table="recommendations_moviereadiness",
        label="findings of the data-readiness page",
        moves=False,
        why="The next sweep finds again what movies lack.",
    ),
    MovieArray(table="batch_recommendations", column="movie_ids", why=_UNTIL_NIGHT),
    MovieArray(table="recommendations_storedgrouplist", column="movie_ids", why="As any list; it lasts a day."),
)
