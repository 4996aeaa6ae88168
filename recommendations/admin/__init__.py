"""Staff's pages of recommending. Importing this package registers them."""

from recommendations.admin import curation, experiments, readiness_filter, trained, versions

__all__ = ["curation", "experiments", "readiness_filter", "trained", "versions"]
