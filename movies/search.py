"""Text search for movies: by words of their texts, by titles with typing errors, and by people.

Each of these matchers scores a movie from 0 to 1; ``movies_matching`` combines them. Search by meaning is part of
``recommendations``, which builds on this module.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from django.contrib.postgres.search import (
    SearchQuery,
    SearchRank,
    SearchVector,
    TrigramSimilarity,
    TrigramWordSimilarity,
)
from django.db.models import Case, ExpressionWrapper, F, FloatField, Q, QuerySet, Value, When
from django.db.models.functions import Least, Length, Sqrt

from movies.filters import MovieFilter
from movies.lexicon import genre_names, senses_in
from movies.models import Credit, Movie, Person
from movies.query_reading import origin_typed, role_typed
from movies.search_roles import movies_about, movies_of_origin, movies_of_role
from movies.text import normalise_query, search_key, unaccented
from movies.titles_typed import MAX_INITIALS, MIN_INITIALS, initials_of, number_typed, numbered_fits, spellings

MAX_QUERY_LENGTH = 200
# Matches kept per matcher: enough that a movie that is good in two of them is not missed.
MATCHER_LIMIT = 200
# The score of a perfect match of each matcher.
TITLE_WEIGHT = 2.0
WORDS_WEIGHT = 0.7
PEOPLE_WEIGHT = 0.8
ORIGIN_WEIGHT = 1.0
# The factor for a movie of the country and genres of a query, without its topic.
OTHER_TOPIC = 0.5
# A title typed by its initials counts less than one that is typed in full.
INITIALS_SCORE = 0.85
# The similarity of rows that are found by initials alone.
_OF_INITIALS = -1.0
# A title that contains a query word by word is at least this similar.
_CONTAINED = 0.5
# The words score of a movie with almost all of the words; multiplied by the squared share of words found.
SOME_WORDS_WEIGHT = 0.6
# A part of a name ("hanks") scores less than the whole name.
NAME_PART_SCORE = 0.7
# A query for the movies of a person wants no others.
ROLE_SCORE = 2.0
MAX_PEOPLE = 50
# Names less similar than this do not match; shorter words are not matched as names.
MIN_NAME_SIMILARITY = 0.5
MIN_NAME_LENGTH = 4
MAX_WORDS = 12
MAX_NAME_WORDS = 4
# In longer queries, only the first of the words that are no stop words are paired.
MAX_PAIRED_WORDS = 5
# PostgreSQL's order: D, C, B, A; the overview is C, keywords B and the title A.
_RANK_WEIGHTS = [0.1, 0.3, 0.7, 1.0]
_CONFIG = "english"
_WORD = re.compile(r"[^\W_]+(?:['\u2019.-][^\W_]+)*")
# Words that describe every result; matched in titles, they would count like any other word.
_GENERIC_WORDS = {"movie", "movies", "film", "films"}
# PostgreSQL's stop words: a pair with one of them would match its other word alone.
_STOP_WORD = re.compile(
    r"a|about|after|all|an?|and|any|are|as|at|be|before|between|but|by|do|during|for|from|he|her|his|how|i|in|into|is"
    r"|its?|me|my|no|not|off?|on|or|our|out|over|she|so|some|that|the|their|them|then|there|these|they|this|those|to"
    r"|too|under|up|very|was|we|were|what|when|where|which|while|who|whom|why|will|with|you|your",
    re.IGNORECASE,
)
# Phrases about how a plot ends. Hardly any text about a movie says so: there, the words have other meanings.
_PLOT_TWIST = re.compile(
    r"\bwith (?:an? )?(?:\w+ )?(?:twists?|surprise)(?: (?:ending|at the end))?\b"
    r"|\b(?:plot twists?|(?:twist|surprise) ending)\b",
    re.IGNORECASE,
)
# Operators of web search: quotes, or, and a minus before a word that must not occur.
_OPERATORS = re.compile(r"[\"]|(?:^|\s)-|\bor\b", re.IGNORECASE)
_EXCLUDED_WORD = re.compile(r"(?:^|\s)-\S+")


@dataclass
class TextMatch:
    """How well a movie matches a query: one score from 0 to 1 per matcher."""

    title: float = 0.0
    words: float = 0.0
    people: float = 0.0
    origin: float = 0.0

    @property
    def score(self) -> float:
        """The weighted sum of the matchers. The title score is squared: half a match is worth far less."""
        title, words, people = TITLE_WEIGHT * self.title**2, WORDS_WEIGHT * self.words, PEOPLE_WEIGHT * self.people
        return title + words + people + ORIGIN_WEIGHT * self.origin


@dataclass
class _Matches:
    by_movie: dict[int, TextMatch] = field(default_factory=dict)

    def of(self, movie_id: int) -> TextMatch:
        return self.by_movie.setdefault(movie_id, TextMatch())


def query_words(query: str) -> list[str]:
    """The words of a query, at most MAX_WORDS, without excluded words ("-word").

    Also without words that do not describe a movie ("movie", "with a twist"), unless no others are left.
    """
    words = _words(query)
    return [word for word in _words(_PLOT_TWIST.sub(" ", query)) if word.lower() not in _GENERIC_WORDS] or words


def _words(query: str) -> list[str]:
    return _WORD.findall(_EXCLUDED_WORD.sub(" ", query))[:MAX_WORDS]


def word_groups(words: list[str], longest: int = MAX_NAME_WORDS) -> list[str]:
    """All runs of 1 to ``longest`` adjacent words, each of which may name a person, a genre or a keyword."""
    return [
        " ".join(words[start : start + length])
        for length in range(1, longest + 1)
        for start in range(len(words) - length + 1)
    ]


def movies_matching(query: str, movie_filter: MovieFilter) -> dict[int, TextMatch]:
    """The movies that match a typed query, by id; empty for a query without words.

    Four queries at most; one more for initials ("lotr"), one for a country ("french comedy"), and four for movies of
    a person ("director of jaws"). Accents are ignored in the query and in the texts: "jose" finds José, and "José", in
    any Unicode form, finds both.
    """
    query = unaccented(normalise_query(query))
    words = query_words(query)
    if not words:
        return {}
    movies = movie_filter.movies()
    matches = _Matches()
    role = role_typed(query)
    if role is not None:
        for movie_id, fit in movies_of_role(role, movie_filter).items():
            matches.of(movie_id).people = ROLE_SCORE * fit
        if matches.by_movie:
            return matches.by_movie
    _match_titles(matches, movies, " ".join(words))
    _match_words(matches, movies, query, words)
    _match_people(matches, movie_filter, words)
    _match_origin(matches, movie_filter, words)
    return matches.by_movie


def _match_origin(matches: _Matches, movie_filter: MovieFilter, words: list[str]) -> None:
    """Matches movies of the country that a query names, of its genres, and best those about its other words."""
    origin = origin_typed(words)
    if origin is None:
        return
    senses, others = senses_in([word for word in origin[1] if not _STOP_WORD.fullmatch(word)])
    genres = [genre_names(sense) for sense in senses if sense.genres]
    topics = [*others, *(keyword for sense in senses if not sense.genres for keyword in sense.keywords)]
    fits = movies_of_origin(origin[0], genres, movie_filter)
    about = movies_about(topics, fits)
    for movie_id, fit in fits.items():
        matches.of(movie_id).origin = fit if movie_id in about or not topics else OTHER_TOPIC * fit


def _match_titles(matches: _Matches, movies: QuerySet[Movie], text: str) -> None:
    """Matches titles, whole or in part, by trigram similarity, and by the initials that a query begins with.

    One query, which uses the indexes of trigrams and of initials; a second one for initials with further words.
    """
    key = search_key(text)
    first, _, rest = key.partition(" ")
    abbreviated = _similar_titles(matches, movies, key, first if _may_be_initials(first) else "")
    if not abbreviated:
        return
    # Two letters are initials of many titles: those of a series are the likely ones.
    series, size = Counter(abbreviated.values()).most_common(1)[0]
    if rest:
        _similar_titles(matches, movies, f"{series} {rest}")
        return
    for movie_id, name in abbreviated.items():
        if len(first) > MIN_INITIALS or (name == series and size > 1):
            matches.of(movie_id).title = INITIALS_SCORE


def _may_be_initials(word: str) -> bool:
    return MIN_INITIALS <= len(word) <= MAX_INITIALS and word.isalnum() and not _STOP_WORD.fullmatch(word)


def _similar_titles(matches: _Matches, movies: QuerySet[Movie], key: str, initials: str = "") -> dict[int, str]:
    """Matches titles similar to ``key``. Returns the titles, or parts of them, that ``initials`` abbreviate, by id.

    None where a similar title has them as a word. One query.
    """
    numbered = number_typed(key)
    alike = Q(search_title__trigram_similar=key) | Q(search_title__trigram_word_similar=key)
    for other in spellings(*numbered) if numbered else ():
        alike |= Q(search_title__trigram_word_similar=other)
    columns = ("pk", "similar", "search_title", "year")
    # The mean of the similarity to a part and to the whole, so that the first movie of a series comes first.
    mean = (TrigramSimilarity("search_title", key) + TrigramWordSimilarity(key, "search_title")) * Value(0.5)
    similar = ExpressionWrapper(mean, output_field=FloatField())
    rows = movies.filter(alike).annotate(similar=similar).order_by("-similar", "pk").values_list(*columns)
    rows = rows[:MATCHER_LIMIT]
    if initials:
        named = movies.filter(search_initials__contains=[initials]).order_by("pk")
        marked = named.annotate(similar=Value(_OF_INITIALS, output_field=FloatField())).values_list(*columns)
        rows = rows.union(marked[:MATCHER_LIMIT], all=True)
    typed = _plain(key)
    titles: dict[int, tuple[str, int | None]] = {}
    abbreviated: dict[int, str] = {}
    for movie_id, score, title, year in rows:
        if score == _OF_INITIALS:
            abbreviated[movie_id] = initials_of(title).get(initials, "")
            continue
        match = matches.of(movie_id)
        match.title = max(match.title, score, _whole_title(typed, title) if score >= _CONTAINED else 0.0)
        titles[movie_id] = title, year
    if numbered:
        for movie_id, fit in numbered_fits(*numbered, titles).items():
            matches.of(movie_id).title = max(matches.of(movie_id).title, fit)
    if abbreviated and any(initials in _WORD.findall(title) for title, _ in titles.values()):
        return {}
    return abbreviated


def _plain(title: str) -> str:
    """The words of a title, without its punctuation."""
    return " ".join(_WORD.findall(title))


def _whole_title(typed: str, title: str) -> float:
    """1 where a query is a title without its other titles in parentheses, .9 where it is one of those, else 0."""
    main, *others = (_plain(part) for part in title.split("("))
    return 1.0 if typed == main else 0.9 * (typed in others)


def _match_words(matches: _Matches, movies: QuerySet[Movie], query: str, words: list[str]) -> None:
    """Matches movies whose texts contain all words; if there are few, also those with some of the words."""
    # A query with operators is searched as it was typed.
    plain_query = query if _OPERATORS.search(query) else " ".join(words)
    everything = SearchQuery(plain_query, config=_CONFIG, search_type="websearch")
    rank = SearchRank(F("search_document"), everything, weights=_RANK_WEIGHTS, normalization=Value(1 | 32))
    rows = movies.filter(search_document=everything).annotate(fit=rank).order_by("-fit", "pk")
    found = list(rows.values_list("pk", "fit")[:MATCHER_LIMIT])
    best = max((fit for _, fit in found), default=0.0) or 1.0
    for movie_id, fit in found:
        # Half the score for containing the words, half for their position and frequency.
        matches.of(movie_id).words = 0.5 + 0.5 * fit / best
    if len(found) < MATCHER_LIMIT // 4 and len(words) > 1 and not _OPERATORS.search(query):
        _match_some_words(matches, movies, words)


def _match_some_words(matches: _Matches, movies: QuerySet[Movie], words: list[str]) -> None:
    """Matches movies with two words of three or more, by how many; of two, with one in the title or keywords."""
    words_to_pair = [word.replace("'", "") for word in words if not _STOP_WORD.fullmatch(word)][:MAX_PAIRED_WORDS]
    if len(words_to_pair) < 2:
        return
    # A single word of many occurs in too many texts to be a useful match.
    each = [f"'{word}'" for word in words_to_pair]
    alternatives = (
        [f"{word}:AB" for word in each] if len(each) == 2 else [f"({a} & {b})" for a, b in combinations(each, 2)]
    )
    some = SearchQuery(" | ".join(alternatives), config=_CONFIG, search_type="raw")
    rank = SearchRank(F("search_document"), some, weights=_RANK_WEIGHTS, normalization=Value(1 | 32))
    found = [
        Case(When(search_document=SearchQuery(word, config=_CONFIG, search_type="raw"), then=1.0), default=0.0)
        for word in each
    ]
    share: Any = sum(found, start=Value(0.0)) / Value(float(len(each)))
    rows = movies.filter(search_document=some).annotate(share=share, fit=rank).order_by("-share", "-fit", "pk")
    for movie_id, part, fit in rows.values_list("pk", "share", "fit")[:MATCHER_LIMIT]:
        match = matches.of(movie_id)
        match.words = max(match.words, SOME_WORDS_WEIGHT * part**2 * (0.7 + 0.3 * min(fit, 1.0)))


def _match_people(matches: _Matches, movie_filter: MovieFilter, words: list[str]) -> None:
    """Matches movies of people whom the query names, in whole, in part or with a typing error; leads score higher."""
    key = search_key(" ".join(words))
    groups = [search_key(group) for group in word_groups(words) if len(group) >= MIN_NAME_LENGTH]
    named = Q(search_name__in=groups)
    similar = Q(search_name__trigram_similar=key)
    partly = Q(spoken=SearchQuery(key, config="simple"))
    people = dict(
        Person.objects.annotate(spoken=SearchVector("search_name", config="simple"))
        .filter(named | similar | partly)
        # A name that is a small part of the query scores low: "the lord" is no query for a person called Lord.
        .annotate(share=Least(Sqrt(Length("search_name") / Value(float(len(key)))), Value(1.0)))
        .annotate(
            fit=Case(
                When(named, then=F("share")),
                When(partly, then=Value(NAME_PART_SCORE)),
                default=TrigramSimilarity("search_name", key),
                output_field=FloatField(),
            )
        )
        .filter(fit__gte=MIN_NAME_SIMILARITY)
        .order_by("-fit", "pk")
        .values_list("pk", "fit")[:MAX_PEOPLE]
    )
    if not people:
        return
    credits = (
        Credit.objects.filter(movie_filter.condition("movie__"), person_id__in=people)
        .order_by("movie_id", "position", "pk")
        .values_list("movie_id", "person_id", "position")
    )
    for movie_id, person_id, position in credits:
        match = matches.of(movie_id)
        match.people = max(match.people, people[person_id] * (1 - 0.02 * min(position, 15)))
