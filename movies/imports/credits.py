"""Replaces the directors and casts of many movies at a time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.db.models import F

from movies.fields import NameKey
from movies.models import Credit, Person
from movies.names import best_spelled, name_keys

# Names in billing order, by the movie's database id, then by role.
CreditLists = Mapping[int, Mapping[str, Sequence[str]]]


def credits_replace(*, credit_lists: CreditLists) -> set[int]:
    """Replaces each list of credits that differs from ``credit_lists``; returns the database ids of the changed movies.

    An empty list keeps the stored credits. People are identified by name, ignoring case; an unknown name creates a
    person.
    """
    stored: dict[tuple[int, str], list[str]] = defaultdict(list)
    rows = Credit.objects.filter(movie_id__in=credit_lists).order_by("position", "pk")
    for movie_id, role, key in rows.values_list("movie_id", "role", NameKey("person__name")):
        stored[movie_id, role].append(key)
    keys = name_keys({name for lists in credit_lists.values() for names in lists.values() for name in names})
    new: dict[tuple[int, str], list[str]] = {}
    for movie_id, lists in credit_lists.items():
        for role, names in lists.items():
            listed = list(dict.fromkeys(keys[name] for name in names))
            if listed and stored[movie_id, role] != listed:
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


def _people(needed: set[str], keys: dict[str, str]) -> dict[str, int]:
    """Database ids of people by name key; creates the missing ones.

    Of several people with one key, prefers the one without ids, then without a TMDB id, then the first. ``keys`` maps
    each listed name to its key; a new person gets the best spelling of its key.
    """
    found: dict[str, int] = {}
    rows = Person.objects.annotate(key=NameKey("name")).filter(key__in=needed)
    # Later rows overwrite earlier ones, so the preferred person comes last.
    rows = rows.order_by(F("tmdb_id").desc(nulls_last=True), "-imdb_id", "-pk")
    for key, pk in rows.values_list("key", "pk"):
        found[key] = pk
    names: dict[str, str] = {}
    for name in best_spelled(name for name, key in keys.items() if key in needed and key not in found):
        names.setdefault(keys[name], name)
    made = Person.objects.bulk_create([Person(name=name) for name in names.values()], batch_size=5000)
    return found | dict(zip(names, (person.pk for person in made), strict=True))
