"""What a movie lacks and takes from its duplicate. Nothing that it has is replaced."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

from movies.models import Credit, Movie

# What may be filled, with its empty value.
FIELDS: dict[str, Any] = {
    "year": None,
    "overview": "",
    "runtime_minutes": None,
    "language": "",
    "poster_url": "",
    "keywords": [],
    "imdb_id": "",
    "tmdb_id": None,
}


def filling_plan(duplicate: Movie, target: Movie) -> dict[str, Any]:
    """What ``filling_apply`` would fill: values by field, "genres" and "people" as numbers. Four queries at most."""
    plan: dict[str, Any] = {
        name: getattr(duplicate, name) for name in FIELDS if not getattr(target, name) and getattr(duplicate, name)
    }
    if target.movielens_id is None and duplicate.movielens_id is not None:
        plan["movielens_id"] = duplicate.movielens_id
    for name in ("genres", "credits"):
        if not getattr(target, name).exists() and (count := getattr(duplicate, name).count()):
            plan[name] = count
    return plan


def filling_apply(duplicate: Movie, target: Movie) -> dict[str, Any]:
    """Fills what the target lacks and saves both; returns what undoing needs."""
    plan = filling_plan(duplicate, target)
    filled: dict[str, Any] = {"fields": {name: plan[name] for name in FIELDS if name in plan}}
    for name, value in filled["fields"].items():
        setattr(target, name, value)
    if "movielens_id" in plan:
        # Unique, so it moves; the other ids stay with the duplicate, too.
        filled["movielens_id"] = plan["movielens_id"]
        duplicate.movielens_id = None
        duplicate.save(update_fields=["movielens_id"])
        target.movielens_id = plan["movielens_id"]
    target.save(update_fields=[*filled["fields"], "movielens_id"])
    if "genres" in plan:
        filled["genres"] = list(duplicate.genres.values_list("pk", flat=True))
        target.genres.set(filled["genres"])
    if "credits" in plan:
        copies = [
            Credit(movie=target, person_id=person_id, role=role, position=position)
            for person_id, role, position in duplicate.credits.values_list("person_id", "role", "position")
        ]
        filled["credits"] = [credit.pk for credit in Credit.objects.bulk_create(copies)]
    return filled


def filling_undo(duplicate: Movie, target: Movie, filled: dict[str, Any]) -> None:
    """Takes from the target what it was given and still has, and saves both.

    What staff changed since stays. Raises ValidationError if the duplicate's MovieLens id belongs to another movie now.
    """
    for name, value in filled.get("fields", {}).items():
        if getattr(target, name) == value:
            setattr(target, name, FIELDS[name])
    number = filled.get("movielens_id")
    if number is not None and target.movielens_id == number:
        target.movielens_id = None
    target.save(update_fields=[*filled.get("fields", {}), "movielens_id"])
    if number is not None and duplicate.movielens_id is None:
        owner = Movie.objects.filter(movielens_id=number).only("pk").first()
        if owner is not None:
            raise ValidationError(
                f"The duplicate's MovieLens id {number} belongs to movie {owner.pk} by now. Change that first."
            )
        duplicate.movielens_id = number
        duplicate.save(update_fields=["movielens_id"])
    if filled.get("genres") and set(target.genres.values_list("pk", flat=True)) == set(filled["genres"]):
        target.genres.clear()
    Credit.objects.filter(pk__in=filled.get("credits", ()), movie=target).delete()
