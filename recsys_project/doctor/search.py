"""Whether the vector indexes of the live version still find what an exact search finds."""

from collections.abc import Iterator

from recommendations.models import ModelVersion
from recommendations.vectors.recall import WANTED, measure_recall
from recsys_project.doctor.findings import Finding, Level

# The share of the true neighbours below which lists lose movies that they should have.
_LOWEST = 0.95


def recall_findings() -> Iterator[Finding]:
    """The recall of a search by factors, on a sample of the live version's movies."""
    version = ModelVersion.objects.live().only("pk").first()
    if version is None:
        yield Finding("search", Level.UNKNOWN, "Not checked: there is no live model.")
        return
    found = measure_recall(version_id=version.pk)
    if found is None:
        yield Finding("search", Level.UNKNOWN, f"Not checked: version {version.pk} has no factors of published movies.")
        return
    how = "its index" if found.indexed else "an exact scan"
    text = f"Search by factors ({how}) finds {found.recall:.1%} of the {WANTED} nearest of {found.sampled} movies."
    if found.recall < _LOWEST:
        advice = (
            f"After many updates, REINDEX INDEX CONCURRENTLY {found.index} helps. If it does not, an index suits these "
            "factors badly: set VECTOR_INDEX_MIN_MOVIES above the number of movies and train, so that searches scan "
            "all of them, in about twice the time at 10,000 movies."
        )
        yield Finding("search", Level.WARNING, text, advice)
    else:
        yield Finding("search", Level.OK, text)
