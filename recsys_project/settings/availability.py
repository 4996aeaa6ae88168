"""In which regions movies are available."""

from recsys_project.settings.environment import env

# The region of requests that name none, as its ISO 3166-1 alpha-2 code, such as SE. Empty: they get all movies.
DEFAULT_REGION = env.str("DEFAULT_REGION", default="")
# Where a movie is available of which nothing is said: everywhere, or nowhere. Lists without a region have it anyway.
AVAILABILITY_DEFAULT = env.str("AVAILABILITY_DEFAULT", default="everywhere")
