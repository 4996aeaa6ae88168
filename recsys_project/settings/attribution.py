"""What came of lists: how events are attributed, and how long the statistics are kept."""

from recsys_project.settings.environment import env

# An event without a recommendation_id belongs to the newest list that showed the movie to the person within this time.
# Three days reach from the evening on which a movie is noticed to the weekend on which it is watched.
ATTRIBUTION_WINDOW_HOURS = env.float("ATTRIBUTION_WINDOW_HOURS", default=72)
# Hourly statistics, and the outcomes they are counted from, are kept for this many days. An event that names a list
# counts if the list was shown at most a day less ago.
ATTRIBUTION_HOURLY_DAYS = env.int("ATTRIBUTION_HOURLY_DAYS", default=14)
# Daily statistics are kept for this many months.
ATTRIBUTION_DAILY_MONTHS = env.int("ATTRIBUTION_DAILY_MONTHS", default=25)
