"""The preview of a taste import as tables for a terminal."""

from collections.abc import Mapping, Sequence
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from events.taste.formats.detection import SOURCES
from events.taste.formats.matching import OUTCOMES, REASONS
from events.taste.formats.rows import LEFT_OUT
from events.taste.models import TasteImport, TasteImportFilm
from events.taste.selectors import taste_import_films
from movies.models import Movie

# Of each outcome; the number of the others is said.
MAX_SHOWN = 20


def movie_names(films: Sequence[TasteImportFilm]) -> dict[int, str]:
    """Title and year of each movie that a film may be, by id. One query."""
    ids = {movie_id for film in films for movie_id in film.candidates}
    return {movie.pk: str(movie) for movie in Movie.objects.filter(pk__in=ids).only("title", "year")}


def film_name(film: TasteImportFilm) -> str:
    """The film as the file names it."""
    title = film.title or film.imdb_id or (f"TMDB {film.tmdb_id}" if film.tmdb_id else f"MovieLens {film.movielens_id}")
    return f"{title} ({film.year})" if film.year else title


def said_of(film: TasteImportFilm) -> str:
    """What the person said of a film, in a few words."""
    words = [f"{film.rating:g} stars"] if film.rating is not None else ["watched"] if film.watched else []
    words += ["liked"] if film.liked else []
    words += ["on the watchlist"] if film.watchlisted else []
    return ", ".join(words)


def preview_write(stream: IO[str], taste_import: TasteImport) -> None:
    """Writes what was matched, what is ambiguous and what was not matched, with reasons."""
    console = Console(file=stream, width=None if stream.isatty() else 140)
    summary = taste_import.summary
    console.print(
        f"{SOURCES[taste_import.source]}: {summary['rows']:,} rows; {summary['matched']:,} films matched, "
        f"{summary['ambiguous']:,} ambiguous, {summary['unmatched']:,} not matched. {summary['merged_rows']:,} rows "
        f"were about the same films again, {summary['replaced_ratings']:,} ratings older than another.",
        markup=False,
        highlight=False,
    )
    for reason, count in summary["left_out"].items():
        console.print(f"Left out: {count:,} {LEFT_OUT[reason]}.", markup=False, highlight=False)
    for outcome in OUTCOMES:
        films = list(taste_import_films(taste_import=taste_import).filter(outcome=outcome)[:MAX_SHOWN])
        if films:
            console.print(_table(outcome, summary[outcome], films, movie_names(films)))


def _table(outcome: str, count: int, films: Sequence[TasteImportFilm], names: Mapping[int, str]) -> Table:
    more = f"; {count - len(films):,} more are not shown" if count > len(films) else ""
    table = Table(title=f"{outcome.capitalize()}: {count:,}{more}", title_justify="left")
    for column in ("film", "", "movies", "why"):
        table.add_column(column)
    for film in films:
        movies = "; ".join(f"{names.get(pk, '')} [{pk}]" for pk in film.candidates)
        # As texts: a title in brackets is no markup.
        table.add_row(*map(Text, (film_name(film), said_of(film), movies, REASONS[film.reason])))
    return table
