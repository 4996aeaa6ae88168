"""Who directed and acted: replaces lists of credits, many movies at a time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from movies.models import Credit, Person

# By database id of the movie, then by role, the names in billing order.
Wanted = Mapping[int, Mapping[str, Sequence[str]]]


def credits_replace(*, wanted: Wanted) -> set[int]:
    """Makes each list of credits the one wanted, where it is not; returns the movies that changed.

    An empty list leaves what is there. People are known by name alone, so an unknown name becomes a new person.
    """
    have: dict[tuple[int, str], list[str]] = defaultdict(list)
    rows = Credit.objects.filter(movie_id__in=wanted).order_by("position", "pk")
    for movie_id, role, name in rows.values_list("movie_id", "role", "person__name"):
        have[movie_id, role].append(name)
    new = {
        (movie_id, role): list(names)
        for movie_id, lists in wanted.items()
        for role, names in lists.items()
        if names and have[movie_id, role] != list(names)
    }
    if not new:
        return set()
    for role in Credit.Role:
        changed = [movie_id for movie_id, of_role in new if of_role == role]
        Credit.objects.filter(movie_id__in=changed, role=role).delete()
    people = _people({name for names in new.values() for name in names})
    Credit.objects.bulk_create(
        [
            Credit(movie_id=movie_id, role=role, person_id=people[name], position=position)
            for (movie_id, role), names in new.items()
            for position, name in enumerate(names)
        ],
        batch_size=5000,
    )
    return {movie_id for movie_id, _ in new}


def _people(names: set[str]) -> dict[str, int]:
    """Database ids by name; of namesakes the one without a TMDB id, else the one that came first."""
    found: dict[str, int] = {}
    rows = Person.objects.filter(name__in=names).order_by("tmdb_id", "pk").values_list("name", "pk", "tmdb_id")
    for name, pk, tmdb_id in rows:
        if tmdb_id is None or name not in found:
            found[name] = pk
    made = Person.objects.bulk_create([Person(name=name) for name in sorted(names - found.keys())], batch_size=5000)
    return found | {person.name: person.pk for person in made}
