"""The log of served lists."""

from recsys_project.settings.environment import env

# Whether lists that are shown are logged. Without the log there is no attribution, and no list rests.
SERVED_LOG = env.bool("SERVED_LOG", default=True)
# Entries that wait in Redis to be written, at most; above it the oldest are lost. A list of 100 movies takes 1.6 KB.
SERVED_STREAM_MAX = env.int("SERVED_STREAM_MAX", default=200_000)
# Whole months before the current one that are retained.
SERVED_LOG_MONTHS = env.int("SERVED_LOG_MONTHS", default=13)
