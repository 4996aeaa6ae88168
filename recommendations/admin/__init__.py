"""Staff's pages of recommending. Importing this package registers them."""

from recommendations.admin import readiness_filter, trained, versions
from recommendations.curation import admin as curation
from recommendations.experiments import admin as experiments

__all__ = ["curation", "experiments", "readiness_filter", "trained", "versions"]
