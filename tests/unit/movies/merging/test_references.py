"""Every column that names a movie is registered, so that neither a merge nor a deletion forgets one."""

from django.apps import apps
from django.contrib.postgres.fields import ArrayField

from movies.merging.references import arrays, references
from movies.models import Movie

# Arrays of movie ids are known by their name.
ARRAY_NAMES = {"movie_ids", "movies", "candidates", "explored"}


def test_every_foreign_key_to_a_movie_is_registered():
    found = {
        (model._meta.db_table, field.column)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.concrete_fields
        if field.is_relation and field.related_model is Movie
    }

    assert {(one.table, one.column) for one in references()} == found


def test_every_array_of_movie_ids_is_registered():
    found = {
        (model._meta.db_table, field.column)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.concrete_fields
        if isinstance(field, ArrayField) and field.name in ARRAY_NAMES
    }

    assert {(one.table, one.column) for one in arrays()} == found


def test_what_is_unique_with_the_movie_is_registered():
    for model in apps.get_models(include_auto_created=True):
        for one in references():
            if one.table != model._meta.db_table or not one.moves or one.part:
                continue
            unique = {
                tuple(sorted(model._meta.get_field(name).column for name in constraint.fields if name != "movie"))
                for constraint in model._meta.constraints
                if "movie" in getattr(constraint, "fields", ()) and type(constraint).__name__ == "UniqueConstraint"
            }
            assert unique == ({tuple(sorted(one.unique))} if one.unique else set()), one.table


def test_what_a_merge_leaves_behind_has_its_reason():
    assert not [one.table for one in references() if not one.moves and not one.why]
    assert not [one.table for one in arrays() if not one.replaced and not one.why]
