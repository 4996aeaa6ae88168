"""Who directed and acted: replaces lists of credits, many movies at a time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.db.models import F

from movies.fields import NameKey
from movies.models import Credit, Person
from movies.names import best_spelled, name_keys

# By database id of the movie, then by role, the names in billing order.
Wanted = Mapping[int, Mapping[str, Sequence[str]]]


def credits_replace(*, wanted: Wanted) -> set[int]:
    """Makes each list of credits the one wanted, where it is not; returns the movies that changed.

    An empty list leaves what is there. People are known by name alone, case ignored, so an unknown name becomes a new
    person.
    """
    have: dict[tuple[int, str], list[str]] = defaultdict(list)
    rows = Credit.objects.filter(movie_id__in=wanted).order_by("position", "pk")
    for movie_id, role, key in rows.values_list("movie_id", "role", NameKey("person__name")):
        have[movie_id, role].append(key)
    keys = name_keys({name for lists in wanted.values() for names in lists.values() for name in names})
    new: dict[tuple[int, str], list[str]] = {}
    for movie_id, lists in wanted.items():
        for role, names in lists.items():
            listed = list(dict.fromkeys(keys[name] for name in names))
            if listed and have[movie_id, role] != listed:
                new[movie_id, role] = listed
    if not new:
        return set()
    for role in Credit.Role:
        changed = [movie_id for movie_id, of_role in new if of_role == role]
        Credit.objects.filter(movie_id__in=changed, role=role).delete()
    people = _people({key for listed in new.values() for key in listed}, keys)
    Credit.objects.bulk_create(
        [
            Credit(movie_id=movie_id, role=role, person_id=people[key], position=position)
            for (movie_id, role), listed in new.items()
            for position, key in enumerate(listed)
        ],
        batch_size=5000,
    )
    return {movie_id for movie_id, _ in new}


def _people(wanted: set[str], keys: dict[str, str]) -> dict[str, int]:
    """Database ids by the name's key; of namesakes the one without ids, else without a TMDB id, else the first.

    ``keys``: the key of each name that is listed; a new person has the best spelled of those of one key.
    """
    found: dict[str, int] = {}
    rows = Person.objects.annotate(key=NameKey("name")).filter(key__in=wanted)
    # The best come last.
    rows = rows.order_by(F("tmdb_id").desc(nulls_last=True), "-imdb_id", "-pk")
    for key, pk in rows.values_list("key", "pk"):
        found[key] = pk
    names: dict[str, str] = {}
    for name in best_spelled(name for name, key in keys.items() if key in wanted and key not in found):
        names.setdefault(keys[name], name)
    made = Person.objects.bulk_create([Person(name=name) for name in names.values()], batch_size=5000)
    return found | dict(zip(names, (person.pk for person in made), strict=True))
