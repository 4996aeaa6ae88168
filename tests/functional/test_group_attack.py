"""A member of a group who tries to find out what another member has seen, over HTTP.

The statistic is the AUC: how probably a movie that the victim has seen gets a higher score by the attacker than one
that they have not; 0.5 is a coin. Only movies of the genre that the victim likes are compared, because a group's list
is meant to show that taste: among them, the attacker must do no better than somebody who guesses by popularity.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
import pytest

from recommendations.models import StoredGroupList
from tests.functional.cinema import Cinema, Client, movie_ids
from tests.functional.test_group_lists import ask, together

pytestmark = pytest.mark.django_db(transaction=True)
SEEN, ROUNDS = 12, 41
STRATEGIES = ("least_misery", "average")
# Three standard errors of the mean AUC of a coin: a chance of 1 in 370 for each way to score.
SIGMAS = 3.0


def auc(scores: Mapping[int, float], seen: set[int]) -> float:
    """The share of pairs (seen, unseen) that the scores order correctly; ties count half."""
    positive = np.array([score for movie, score in scores.items() if movie in seen])
    negative = np.array([score for movie, score in scores.items() if movie not in seen])
    difference = positive[:, None] - negative[None, :]
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())


def error_of_a_coin(sizes: list[tuple[int, int]]) -> float:
    """The standard error of the mean AUC of random scores, with these numbers of seen and unseen movies (no ties)."""
    return sqrt(sum((one + other + 1) / (12 * one * other) for one, other in sizes)) / len(sizes)


@dataclass
class Notes:
    """What an attacker wrote down: the best place at which each movie was shown, by strategy."""

    places: dict[str, dict[int, int]] = field(default_factory=lambda: {name: {} for name in STRATEGIES})
    requests: int = 0

    def add(self, strategy: str, shown: list[int], hidden: int) -> None:
        """``hidden``: how many movies above these the attacker has hidden."""
        self.requests += 1
        for place, movie in enumerate(shown):
            best = self.places[strategy]
            best[movie] = min(best.get(movie, 10**6), place + hidden)

    def guesses(self, movies: set[int]) -> dict[str, dict[int, float]]:
        """Ways to score movies as seen by the victim, by name."""
        ways = {}
        for strategy, places in self.places.items():
            ways[f"missing, {strategy}"] = {movie: float(movie not in places) for movie in movies}
            ways[f"late, {strategy}"] = {movie: float(places.get(movie, 10**6)) for movie in movies}
        first, second = (self.places[strategy] for strategy in STRATEGIES)
        ways["moved"] = {movie: abs(first.get(movie, 120.0) - second.get(movie, 120.0)) for movie in movies}
        return ways


def attack(attacker: Client, group: str, *, days: bool) -> Notes:
    """Asks twice a round, and changes own events in between: hides what was shown first, so that more is shown.

    days: each round is another day, so that the changed events make another list.
    """
    notes, hidden = Notes(), 0
    for round_number in range(ROUNDS):
        if days:
            StoredGroupList.objects.filter(group_id=group).delete()
        shown = {strategy: movie_ids(ask(attacker, group, strategy=strategy)) for strategy in STRATEGIES}
        for strategy, ids in shown.items():
            notes.add(strategy, ids, hidden)
        if not shown["average"]:
            break
        for movie in shown["average"][:2]:
            attacker.tell(movie, "hide" if round_number % 2 else "like")
            hidden += 1
    return notes


@pytest.mark.slow
@pytest.mark.parametrize(("days", "victims"), [(False, 6), (True, 3)], ids=["in a day", "in 41 days"])
def test_a_member_learns_no_more_of_seen_movies_than_a_guess(cinema: Cinema, days, victims):
    sample = random.Random(20)
    by_way: dict[str, list[float]] = {}
    guessed, old, sizes = [], [], []
    popular = cinema.guest.ids("/api/recommendations/popular/", limit=100)
    for number in range(victims):
        genre = list(cinema.movies)[number % len(cinema.movies)]
        movies = cinema.titled(genre)
        victim, attacker = cinema.person(), cinema.person()
        seen = set(sample.sample(sorted(movies), SEEN))
        for movie in sorted(seen):
            victim.tell(movie, sample.choice(["like", "like", "watch", "hide"]))

        notes = attack(attacker, together(attacker, victim), days=days)

        assert notes.requests >= 80
        for way, scores in notes.guesses(movies).items():
            by_way.setdefault(way, []).append(auc(scores, seen))
        guessed.append(
            auc({movie: -float(popular.index(movie) if movie in popular else 1000) for movie in movies}, seen)
        )
        # What the attacker would have read if lists left out what any member has seen, as they once did.
        shown = notes.places["average"].keys() - seen
        old.append(auc({movie: float(movie not in shown) for movie in movies}, seen))
        sizes.append((len(seen), len(movies - seen)))

    allowed = abs(np.mean(guessed) - 0.5) + SIGMAS * error_of_a_coin(sizes)
    found = {way: float(np.mean(values)) for way, values in by_way.items()}
    assert {way: value for way, value in found.items() if abs(value - 0.5) > allowed} == {}, (found, allowed)
    # The statistic would have found that out.
    assert np.mean(old) > 0.9
