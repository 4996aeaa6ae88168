"""Files as other sites write them, made by hand after their columns and quirks."""

import io
import json
import zipfile
from collections.abc import Mapping

DIARY = """\
Date,Name,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date
2024-05-02,Heat,1995,https://boxd.it/aaa1,4,,,2024-05-01
2024-06-02,Heat,1995,https://boxd.it/aaa2,4.5,Yes,,2024-06-01
2024-06-03,"City of Lost Children, The",1995,https://boxd.it/aaa3,,,"dream, sea",
"""
RATINGS = """\
Date,Name,Year,Letterboxd URI,Rating
2024-06-02,Heat,1995,https://boxd.it/f1,4.5
2020-01-05,Amélie,2001,https://boxd.it/f2,3.5
2020-01-06,Casino,1995,https://boxd.it/f3,0
"""
WATCHED = """\
Date,Name,Year,Letterboxd URI
2020-01-01,Casino,1995,https://boxd.it/f3
2020-01-01,Heat,1995,https://boxd.it/f1
"""
WATCHLIST = """\
Date,Name,Year,Letterboxd URI
2024-07-01,Stalker,1979,https://boxd.it/f4
"""
LIKES = """\
Date,Name,Year,Letterboxd URI
2024-07-02,Heat,1995,https://boxd.it/f1
2024-07-02,Nosferatu,1922,https://boxd.it/f5
"""
REVIEWS = (
    "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Review,Tags,Watched Date\r\n"
    '2024-05-02,Heat,1995,https://boxd.it/r1,4,,"<b>Cold.</b>\n\nAnd ""blue"", all of it.",,2024-05-01\r\n'
)
LIST = """\
Date,Name,Tags,URL,Description
2024-01-01,Best of the year,,https://boxd.it/l1,Mine

Position,Name,Year,URL,Description
1,Heat,1995,https://boxd.it/f1,
2,Casino,1995,https://boxd.it/f3,
"""
_IMDB_END = "IMDb Rating,Runtime (mins),Year,Genres,Num Votes,Release Date,Directors"
IMDB = f"""\
Const,Your Rating,Date Rated,Title,Original Title,URL,Title Type,{_IMDB_END}
tt0113277,9,2021-03-04,Heat,Heat,https://example.org/1,Movie,8.3,170,1995,"Action, Crime",7,1995-12-15,Michael Mann
tt0211915,7,2021-03-05,Amelie,"Fabuleux destin d'Amélie Poulain, Le",,movie,8.3,122,2001,Comedy,8,2001-04-25,J
tt0903747,10,2021-03-06,Breaking Bad,Breaking Bad,https://example.org/3,tvSeries,9.5,,2008,Drama,2,2008-01-20,
tt0959621,9,2021-03-06,Pilot,Pilot,https://example.org/4,TV Episode,9.0,,2008,Drama,4,2008-01-20,
tt0112641,8,,"Casino, and more",Casino,https://example.org/5,TV Movie,8.2,178,1995,Crime,5,1995-11-14,Martin Scorsese
"""
IMDB_OLD = f"""\
Const,Your Rating,Date Rated,Title,URL,Title Type,{_IMDB_END}
tt0113277,9,2014-03-04,Heat,https://example.org/1,movie,8.3,170,1995,Crime,7,1995-12-15,Michael Mann
"""
IMDB_LIST = """\
Position,Const,Created,Modified,Description,Title,Original Title,URL,Title Type,Year,Your Rating,Date Rated
1,tt0113277,2022-01-01,2022-01-01,,Heat,Heat,https://example.org/1,Movie,1995,9,2021-03-04
2,tt0079944,2022-01-02,2022-01-02,,Stalker,Stalker,https://example.org/2,Movie,1979,,
"""
MOVARY_HISTORY = """\
title,year,tmdbId,imdbId,watchedAt,comment,location
Heat,1995,949,tt0113277,2021-01-01,,
Heat,1995,949,tt0113277,2023-01-01,again,Home
Casino,1995,524,,,,
"""
MOVARY_RATINGS = """\
title,year,tmdbId,imdbId,userRating
Heat,1995,949,tt0113277,9
"""
MOVIELENS = """\
userId,movieId,rating,timestamp
7,6,4.5,1112486027
7,16,0.5,1112484676
"""
MOVIELENS_SITE = """\
movie_id,imdb_id,tmdb_id,rating,average_rating,title
6,0113277,949,4.5,3.95,Heat (1995)
"""


def trakt_movie(title: str, year: int, imdb: str | None = None, tmdb: int | None = None) -> dict:
    return {"title": title, "year": year, "ids": {"trakt": 1, "slug": title.lower(), "imdb": imdb, "tmdb": tmdb}}


def trakt_play(number: int, at: str, **what) -> dict:
    return {"id": number, "watched_at": f"{at}T20:00:00.000Z", "action": "watch", **what}


HEAT = trakt_movie("Heat", 1995, "tt0113277", 949)
CASINO = trakt_movie("Casino", 1995, "tt0112641", 524)
STALKER = trakt_movie("Stalker", 1979, "tt0079944")
_RATED, _LISTED = "2020-01-03T20:00:00.000Z", "2020-02-01T20:00:00.000Z"
TRAKT = {
    "watched-history-10.json": json.dumps([trakt_play(3, "2019-01-01", type="movie", movie=CASINO)]),
    "watched-history-9.json": json.dumps(
        [
            trakt_play(1, "2020-01-01", type="movie", movie=HEAT),
            trakt_play(2, "2020-01-02", type="episode", episode={}, show={}),
        ]
    ),
    "ratings-movies.json": json.dumps([{"rated_at": _RATED, "rating": 7, "type": "movie", "movie": HEAT}]),
    "ratings-shows.json": json.dumps([{"rated_at": _RATED, "rating": 9, "type": "show", "show": {}}]),
    "lists-watchlist.json": json.dumps([{"listed_at": _LISTED, "type": "movie", "movie": STALKER}]),
    "lists-list-17-noir.json": json.dumps([{"listed_at": _LISTED, "type": "movie", "movie": CASINO}]),
    "user-profile.json": json.dumps({"username": "ada"}),
}
LETTERBOXD = {
    "diary.csv": DIARY,
    "ratings.csv": RATINGS,
    "watched.csv": WATCHED,
    "watchlist.csv": WATCHLIST,
    "reviews.csv": REVIEWS,
    "comments.csv": "Date,Content,Comment\n2024-01-01,Hello,Nice\n",
    "profile.csv": "Date Joined,Username\n2019-01-01,ada\n",
    "likes/films.csv": LIKES,
    "likes/lists.csv": "Date,Name,Letterboxd URI\n",
    "lists/best.csv": LIST,
    "deleted/diary.csv": DIARY.replace("Heat", "Deleted Film"),
    "orphaned/diary.csv": DIARY.replace("Heat", "Orphan").replace("City of Lost Children, The", "Orphan"),
}


def zipped(files: Mapping[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    """A zip of these members."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    made.seek(0)
    return made


def plain(text: str | bytes, encoding: str = "utf-8") -> io.BytesIO:
    """A file of this text."""
    return io.BytesIO(text if isinstance(text, bytes) else text.encode(encoding))
