"""Lists and trainings."""

from pathlib import Path
from typing import Any

from recsys_project.settings.environment import VAR_DIR, env

# How much of a list's score comes from the nightly batch and how much from the newest interactions, for somebody who
# did nothing since the model was trained. The batch's weight falls as 1 / (1 + decay x newer interactions), down to a
# floor; a decay of 0 keeps it as it is.
BLEND_WEIGHTS = {
    "batch": env.float("BLEND_WEIGHT_BATCH", default=0.7),
    "realtime": env.float("BLEND_WEIGHT_REALTIME", default=0.3),
    "newer_decay": env.float("BLEND_NEWER_DECAY", default=2.0),
    "batch_floor": env.float("BLEND_BATCH_FLOOR", default=0.15),
    # What is popular weighs this against the newest signals of a person without a batch row, over 1 + positive signals.
    "popularity_prior": env.float("BLEND_POPULARITY_PRIOR", default=4.0),
}
# How much of a score a mood (free text) gives, 0 to 1.
MOOD_WEIGHT = env.float("MOOD_WEIGHT", default=0.5)
# Variety at the top of a list: 0 none, 1 nothing else; at most so many of one franchise or director among the first 10.
RERANKING: dict[str, Any] = {
    "diversity": env.float("DIVERSITY", default=0.0),
    "group_cap": env.int("GROUP_CAP", default=3),
}
# How many of the first twenty of a list may be new movies, that is such as were added within so many days and nobody
# has rated. One is the tenth, where it costs least of what ten show and is still seen. 0 keeps lists without.
EXPLORATION_PLACES = env.int("EXPLORATION_PLACES", default=1)
EXPLORATION_DAYS = env.float("EXPLORATION_DAYS", default=30)
RECOMMENDATIONS_CACHE_SECONDS = env.int("RECOMMENDATIONS_CACHE_SECONDS", default=3600)
BATCH_LIST_SIZE = 100
# Trained encoders and models, one folder a model version.
MODEL_DIR = Path(env.str("MODEL_DIR", default="") or VAR_DIR / "models")
# What makes movies' content vectors: lsa, or minilm (requirements-optional.txt); the next training uses it.
EMBEDDING_ENCODER = env.str("EMBEDDING_ENCODER", default="lsa")
# The item-item model is a dense square of this side: 20,000 movies need 3.2 GB while it is fitted.
TRAINING_MAX_ITEMS = env.int("TRAINING_MAX_ITEMS", default=20_000)
# People whose likes are partly held out to measure each new model; 0 measures nothing.
TRAINING_EVALUATED_PEOPLE = env.int("TRAINING_EVALUATED_PEOPLE", default=1000)
# Whether each movie of a nightly list says what the person would give it: a minute of training for a million ratings.
TRAINING_RATING_PREDICTION = env.bool("TRAINING_RATING_PREDICTION", default=True)
# Above so many ratings a plain factorisation predicts them: 20 seconds for each ten million, and less accurate.
TRAINING_MAX_RATINGS = env.int("TRAINING_MAX_RATINGS", default=5_000_000)
# Versions of this many movies get indexes that find the nearest vectors; below, looking at all takes no longer.
VECTOR_INDEX_MIN_MOVIES = env.int("VECTOR_INDEX_MIN_MOVIES", default=3000)
# Threads of linear algebra; 0 is one for each core.
TRAINING_THREADS = env.int("TRAINING_THREADS", default=0)
# A nightly training that was made so many hours before the schedule's time, because it was late, counts for it.
TRAINING_NIGHTLY_HOURS = env.int("TRAINING_NIGHTLY_HOURS", default=12)
# How often a training (or weekly search) is begun whose process, database or disk fails: again at once, then after so
# many minutes, twice as many, and so on.
TRAINING_MAX_ATTEMPTS = env.int("TRAINING_MAX_ATTEMPTS", default=3)
TRAINING_RETRY_MINUTES = env.float("TRAINING_RETRY_MINUTES", default=5)
# A new version is refused if more than this share of the live one's interactions, people or movies is gone (1: never),
GATE_MAX_SHRINK = env.float("GATE_MAX_SHRINK", default=0.5)
# or if it ranks worse than popularity, where at least so many people were measured.
GATE_MIN_PEOPLE = env.int("GATE_MIN_PEOPLE", default=20)
# The weekly search for hyperparameters ends after so many trials or minutes.
TUNING_TRIALS = env.int("TUNING_TRIALS", default=40)
TUNING_MINUTES = env.float("TUNING_MINUTES", default=30)
# What is trending: votes of so many days against those before, of the newest such days that have so many votes by so
# many different people.
TRENDING_WINDOW_DAYS = env.float("TRENDING_WINDOW_DAYS", default=7)
TRENDING_MIN_VOTES = env.int("TRENDING_MIN_VOTES", default=20)
TRENDING_MIN_PEOPLE = env.int("TRENDING_MIN_PEOPLE", default=5)
TRENDING_CACHE_SECONDS = env.int("TRENDING_CACHE_SECONDS", default=300)
LATEST_CACHE_SECONDS = env.int("LATEST_CACHE_SECONDS", default=60)
POPULAR_CACHE_SECONDS = env.int("POPULAR_CACHE_SECONDS", default=60)
SIMILAR_CACHE_SECONDS = env.int("SIMILAR_CACHE_SECONDS", default=300)
GENRES_CACHE_SECONDS = env.int("GENRES_CACHE_SECONDS", default=300)
SEARCH_CACHE_SECONDS = env.int("SEARCH_CACHE_SECONDS", default=60)
POPULAR_LIST_SIZE = env.int("POPULAR_LIST_SIZE", default=200)
POPULAR_HALF_LIFE_DAYS = env.float("POPULAR_HALF_LIFE_DAYS", default=180)
