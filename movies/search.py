"""Movies by what somebody typed: words of their texts, titles with typing errors, and people.

Each of these arms says how well a movie fits, from 0 to 1; ``movies_matching`` brings them together. What a query
means beyond its words is known to the recommendations, which build on this.
"""

import re
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
from movies.models import Credit, Movie, Person
from movies.text import normalise_query, search_key, unaccented

MAX_QUERY = 200
# Fits of each arm that are looked at: enough that what is good in two of them is not missed.
ARM_SIZE = 200
# How much a perfect fit of each arm counts.
TITLE_WEIGHT = 2.0
WORDS_WEIGHT = 0.7
PEOPLE_WEIGHT = 0.8
# What a movie is worth with nearly all of the words; with fewer the square of their share of it.
SOME_WORDS = 0.6
# A name's part ("hanks") says less than the name.
PART_OF_NAME = 0.7
MAX_PEOPLE = 50
# Names less alike than this are other names; shorter words are hardly meant as names.
LEAST_NAME = 0.5
SHORTEST_NAME = 4
MAX_WORDS = 12
MAX_NAME_WORDS = 4
# Of longer queries the first telling words are looked for two by two.
MAX_PAIRED = 5
# PostgreSQL's order: D, C, B, A; the overview is C, keywords B and the title A.
_RANK_WEIGHTS = [0.1, 0.3, 0.7, 1.0]
_CONFIG = "english"
_WORD = re.compile(r"[^\W_]+(?:['\u2019.-][^\W_]+)*")
# What everything found is: in a title such a word would weigh like any other.
_SAYS_NOTHING = {"movie", "movies", "film", "films"}
# PostgreSQL leaves these out of every text, so a pair with one of them would be one word.
_SMALL = re.compile(
    r"a|about|after|all|an?|and|any|are|as|at|be|before|between|but|by|do|during|for|from|he|her|his|how|i|in|into|is"
    r"|its?|me|my|no|not|off?|on|or|our|out|over|she|so|some|that|the|their|them|then|there|these|they|this|those|to"
    r"|too|under|up|very|was|we|were|what|when|where|which|while|who|whom|why|will|with|you|your",
    re.IGNORECASE,
)
# How a plot goes on, which next to no text about a movie says: these words stand there for other reasons.
_TWIST = re.compile(
    r"\bwith (?:an? )?(?:\w+ )?(?:twists?|surprise)(?: (?:ending|at the end))?\b"
    r"|\b(?:plot twists?|(?:twist|surprise) ending)\b",
    re.IGNORECASE,
)
# As in a web search: a word after a minus must not occur.
_SIGNS = re.compile(r"[\"]|(?:^|\s)-|\bor\b", re.IGNORECASE)
_REFUSED = re.compile(r"(?:^|\s)-\S+")


@dataclass
class TextMatch:
    """How well one movie fits a query, each from 0 to 1."""

    title: float = 0.0
    words: float = 0.0
    people: float = 0.0

    @property
    def score(self) -> float:
        """All arms together. A title counts squared: half right is far less than right."""
        return TITLE_WEIGHT * self.title**2 + WORDS_WEIGHT * self.words + PEOPLE_WEIGHT * self.people


@dataclass
class _Matches:
    by_movie: dict[int, TextMatch] = field(default_factory=dict)

    def of(self, movie_id: int) -> TextMatch:
        return self.by_movie.setdefault(movie_id, TextMatch())


def query_words(query: str) -> list[str]:
    """The words of a query, MAX_WORDS at most, without those it refuses and, unless nothing is left, those that say
    nothing of what a movie is about: "movie", "with a twist"."""
    words = _words(query)
    return [word for word in _words(_TWIST.sub(" ", query)) if word.lower() not in _SAYS_NOTHING] or words


def _words(query: str) -> list[str]:
    return _WORD.findall(_REFUSED.sub(" ", query))[:MAX_WORDS]


def word_groups(words: list[str], longest: int = MAX_NAME_WORDS) -> list[str]:
    """Every run of 1 to ``longest`` neighbouring words, which may name a person, a genre or a keyword."""
    return [
        " ".join(words[start : start + length])
        for length in range(1, longest + 1)
        for start in range(len(words) - length + 1)
    ]


def movies_matching(query: str, wanted: MovieFilter) -> dict[int, TextMatch]:
    """Movies that fit what was typed, by id; none for a query without words. Four queries at most.

    Accents count for nothing, on either side: "jose" finds José, and "José" in whatever form it comes finds both.
    """
    query = unaccented(normalise_query(query))
    words = query_words(query)
    if not words:
        return {}
    movies = wanted.movies()
    matches = _Matches()
    _match_titles(matches, movies, " ".join(words))
    _match_words(matches, movies, query, words)
    _match_people(matches, wanted, words)
    return matches.by_movie


def _match_titles(matches: _Matches, movies: QuerySet[Movie], text: str) -> None:
    """Titles alike by their groups of three letters, whole or in part: the trigram index finds them."""
    key = search_key(text)
    rows = (
        movies.filter(Q(search_title__trigram_similar=key) | Q(search_title__trigram_word_similar=key))
        .annotate(
            # Half as a part of the title, half as the whole, so that of a series the first comes first.
            alike=ExpressionWrapper(
                (TrigramSimilarity("search_title", key) + TrigramWordSimilarity(key, "search_title")) * Value(0.5),
                output_field=FloatField(),
            )
        )
        .order_by("-alike", "pk")
    )
    for movie_id, alike in rows.values_list("pk", "alike")[:ARM_SIZE]:
        matches.of(movie_id).title = alike


def _match_words(matches: _Matches, movies: QuerySet[Movie], query: str, words: list[str]) -> None:
    """Movies in whose texts all words stand, best first; where they are few, also those with some of the words."""
    # With signs of its own (quotes, minus, or) the query stands as it was typed.
    plain_query = query if _SIGNS.search(query) else " ".join(words)
    everything = SearchQuery(plain_query, config=_CONFIG, search_type="websearch")
    rank = SearchRank(F("search_document"), everything, weights=_RANK_WEIGHTS, normalization=Value(1 | 32))
    rows = movies.filter(search_document=everything).annotate(fit=rank).order_by("-fit", "pk")
    found = list(rows.values_list("pk", "fit")[:ARM_SIZE])
    best = max((fit for _, fit in found), default=0.0) or 1.0
    for movie_id, fit in found:
        # Half for the words being there, half for where and how often.
        matches.of(movie_id).words = 0.5 + 0.5 * fit / best
    if len(found) < ARM_SIZE // 4 and len(words) > 1 and not _SIGNS.search(query):
        _match_some_words(matches, movies, words)


def _match_some_words(matches: _Matches, movies: QuerySet[Movie], words: list[str]) -> None:
    """Movies with two of three words or more, by how many; of two words, those with one in title or keywords."""
    telling = [word.replace("'", "") for word in words if not _SMALL.fullmatch(word)][:MAX_PAIRED]
    if len(telling) < 2:
        return
    # One word of many is found in half of all texts, and says little.
    each = [f"'{word}'" for word in telling]
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
    for movie_id, part, fit in rows.values_list("pk", "share", "fit")[:ARM_SIZE]:
        match = matches.of(movie_id)
        match.words = max(match.words, SOME_WORDS * part**2 * (0.7 + 0.3 * min(fit, 1.0)))


def _match_people(matches: _Matches, wanted: MovieFilter, words: list[str]) -> None:
    """Movies of people who are named in the query, in whole, in part, or with a typing error; leads before others."""
    key = search_key(" ".join(words))
    groups = [search_key(group) for group in word_groups(words) if len(group) >= SHORTEST_NAME]
    named = Q(search_name__in=groups)
    alike = Q(search_name__trigram_similar=key)
    parts = Q(spoken=SearchQuery(key, config="simple"))
    people = dict(
        Person.objects.annotate(spoken=SearchVector("search_name", config="simple"))
        .filter(named | alike | parts)
        # A name that is little of the query counts for little: "the lord" is no query for somebody called Lord.
        .annotate(share=Least(Sqrt(Length("search_name") / Value(float(len(key)))), Value(1.0)))
        .annotate(
            fit=Case(
                When(named, then=F("share")),
                When(parts, then=Value(PART_OF_NAME)),
                default=TrigramSimilarity("search_name", key),
                output_field=FloatField(),
            )
        )
        .filter(fit__gte=LEAST_NAME)
        .order_by("-fit", "pk")
        .values_list("pk", "fit")[:MAX_PEOPLE]
    )
    if not people:
        return
    credits = (
        Credit.objects.filter(wanted.condition("movie__"), person_id__in=people)
        .order_by("movie_id", "position", "pk")
        .values_list("movie_id", "person_id", "position")
    )
    for movie_id, person_id, position in credits:
        match = matches.of(movie_id)
        match.people = max(match.people, people[person_id] * (1 - 0.02 * min(position, 15)))
