"""The steps of writing and publishing a trained version, at which fail_points can end a training."""

_LISTS = "recommendations.training.list_writing"
_PUBLISHING = "recommendations.training.publishing"
_SERVICES = "recommendations.training.services"
# What is called while a trained version is written and published, in this order.
FUNCTIONS = [
    f"{_LISTS}:lists_write",
    f"{_LISTS}:embeddings_write",
    f"{_LISTS}:artefacts_save",
    f"{_SERVICES}:_finish",
    f"{_PUBLISHING}:vector_indexes_build",
    f"{_PUBLISHING}:invalidate_catalogue_on_commit",
    "movies.caching.version_tokens:invalidate_catalogue",
    f"{_PUBLISHING}:versions_prune",
    f"{_PUBLISHING}:vector_indexes_drop",
    f"{_PUBLISHING}:artefacts_delete",
    f"{_SERVICES}:_refresh_popular",
]
PUBLISHING_STEPS = [f"{when} {name}" for name in FUNCTIONS for when in ("before", "after")]
