"""Lists, training, tuning and caches of discovery."""

from pathlib import Path
from typing import Any

from recsys_project.settings.environment import VAR_DIR, env

# What is not set here is as the live version was published with.
# The weights of the nightly batch and of the latest interactions in a list's score, for a user without interactions
# since the model was trained (0.7 and 0.3 without published ones). The batch's weight falls as 1 / (1 + decay x newer
# interactions), down to a floor (a share of the weight); a decay of 0 keeps it constant (2 and 0.15).
BLEND_WEIGHTS = {
    "batch": env.float("BLEND_WEIGHT_BATCH", default=None),
    "realtime": env.float("BLEND_WEIGHT_REALTIME", default=None),
    "newer_decay": env.float("BLEND_NEWER_DECAY", default=None),
    "batch_floor": env.float("BLEND_BATCH_FLOOR", default=None),
    # The weight of popularity for a user without a batch row is this / (1 + positive signals) (4).
    "popularity_prior": env.float("BLEND_POPULARITY_PRIOR", default=None),
}
# The weight of a mood (free text) in a score, 0 to 1.
MOOD_WEIGHT = env.float("MOOD_WEIGHT", default=0.5)
# The same where nothing but popularity ranks: without signals, and the less the more signals there are.
MOOD_WEIGHT_COLD = env.float("MOOD_WEIGHT_COLD", default=0.75)
# diversity: 0 ranks by score alone, 1 by diversity alone. group_cap: the most movies of one franchise or director
# among the first 10.
RERANKING: dict[str, Any] = {
    "diversity": env.float("DIVERSITY", default=0.0),
    "group_cap": env.int("GROUP_CAP", default=3),
}
# How many of the first twenty places are for new movies: added within EXPLORATION_DAYS and not rated by anyone.
# A single place is the tenth, where it costs least and is still visible. 0 turns exploration off.
EXPLORATION_PLACES = env.int("EXPLORATION_PLACES", default=1)
EXPLORATION_DAYS = env.float("EXPLORATION_DAYS", default=30)
RECOMMENDATIONS_CACHE_SECONDS = env.int("RECOMMENDATIONS_CACHE_SECONDS", default=3600)
# With at most this many published movies each web process fetches the cards and factors of all in the background after
# a change of the catalogue; with more, as lists need them. 0 never does.
FEATURE_WARM_MOVIES = env.int("FEATURE_WARM_MOVIES", default=15_000)
BATCH_LIST_SIZE = 100
# Trained encoders and models, in one folder per model version.
MODEL_DIR = Path(env.str("MODEL_DIR", default="") or VAR_DIR / "models")
# Where a training keeps long columns of feedback, in files without a name that are gone when it ends; MODEL_DIR by
# default. A disk, since a file system in memory would count as memory.
TRAINING_SCRATCH_DIR = env.str("TRAINING_SCRATCH_DIR", default="")
# The encoder of content vectors, from the next training on: lsa, or minilm (requirements-optional.txt).
EMBEDDING_ENCODER = env.str("EMBEDDING_ENCODER", default="lsa")
# The item-item model is a dense square of this side: 20,000 movies, the most liked, need 3.2 GB while it is fitted.
# Factors rank the others.
TRAINING_MAX_ITEMS = env.int("TRAINING_MAX_ITEMS", default=20_000)
# The number of users in the evaluation of each new model, whose likes are partly held out; 0 turns it off.
TRAINING_EVALUATED_PEOPLE = env.int("TRAINING_EVALUATED_PEOPLE", default=1000)
# Whether nightly lists have predicted ratings; training them takes a minute per million ratings.
TRAINING_RATING_PREDICTION = env.bool("TRAINING_RATING_PREDICTION", default=True)
# Above this many ratings, rows fitted on this many of them predict ratings: a minute per ten million, less accurate.
TRAINING_MAX_RATINGS = env.int("TRAINING_MAX_RATINGS", default=5_000_000)
# Whether a model of what people pick next, in the order of time, is trained beside the others.
TRAINING_NEXT_ITEM = env.bool("TRAINING_NEXT_ITEM", default=True)
# Each training chooses by validation how its version is served; False serves every version with the defaults.
TRAINING_SERVING_VALIDATION = env.bool("TRAINING_SERVING_VALIDATION", default=True)
# Versions with at least this many movies get vector indexes; with fewer, an exact scan is as fast.
VECTOR_INDEX_MIN_MOVIES = env.int("VECTOR_INDEX_MIN_MOVIES", default=3000)
# Threads for linear algebra; 0 uses one per core.
TRAINING_THREADS = env.int("TRAINING_THREADS", default=0)
# What does the people-sized work of a training: local (the threads of the trainer), or spark (the executors of a
# cluster; requirements-spark.txt and Java 17).
TRAINING_ENGINE = env.str("TRAINING_ENGINE", default="local")
# The address of a standalone cluster, spark://host:7077; several masters separated by commas.
TRAINING_SPARK_MASTER = env.str("TRAINING_SPARK_MASTER", default="")
# A folder that the trainer and all workers of the cluster see at the same path; trainings exchange files there.
TRAINING_SPARK_FOLDER = Path(env.str("TRAINING_SPARK_FOLDER", default="") or MODEL_DIR / "spark")
# Of an executor: the memory of its Java process, and its cores, each with a Python process; 0 takes a whole worker's.
TRAINING_SPARK_EXECUTOR_MEMORY = env.str("TRAINING_SPARK_EXECUTOR_MEMORY", default="2g")
TRAINING_SPARK_EXECUTOR_CORES = env.int("TRAINING_SPARK_EXECUTOR_CORES", default=0)
# Into how many tasks a sum over all people is divided, at least one a core. The same number gives the same digits.
TRAINING_SPARK_TASKS = env.int("TRAINING_SPARK_TASKS", default=32)
# More options of Spark, as JSON: TRAINING_SPARK_OPTIONS='{"spark.cores.max": "64"}'.
TRAINING_SPARK_OPTIONS = env.json_object("TRAINING_SPARK_OPTIONS")
# A training up to this many hours before the scheduled time counts as that night's training, as one that was late.
TRAINING_NIGHTLY_HOURS = env.int("TRAINING_NIGHTLY_HOURS", default=12)
# The most attempts of a training or tuning whose process, database or disk fails. The second attempt starts at once,
# the next after TRAINING_RETRY_MINUTES, then after twice as long, and so on.
TRAINING_MAX_ATTEMPTS = env.int("TRAINING_MAX_ATTEMPTS", default=3)
TRAINING_RETRY_MINUTES = env.float("TRAINING_RETRY_MINUTES", default=5)
# A training without a heartbeat for so long hangs: it is ended and tried again. A heartbeat comes every ten seconds.
TRAINING_STALLED_MINUTES = env.float("TRAINING_STALLED_MINUTES", default=5)
# The gate refuses a version that lost more than this share of the live one's interactions, users or movies (1: off).
# Deletions take a few percent in a night, and half is what is gone if one of two sources or shards is lost.
GATE_MAX_SHRINK = env.float("GATE_MAX_SHRINK", default=0.3)
# The gate also refuses one that ranks worse than popularity, if at least this many users were evaluated.
GATE_MIN_PEOPLE = env.int("GATE_MIN_PEOPLE", default=20)
# And one that surely ranks worse than the live version's configuration by more than this share of its nDCG@10 (1: off).
# A loss of 5% is about what one draw of a thousand users decides, and costs less than lists without the day's feedback.
GATE_MAX_WORSE = env.float("GATE_MAX_WORSE", default=0.05)
# And one that surely lost more than this share of the live version's lead over popularity (1: off). Catalogues and
# tastes change slowly; data whose users and movies do not belong together lose all of it.
GATE_MAX_LOST_LEAD = env.float("GATE_MAX_LOST_LEAD", default=0.5)
# And one whose ratings damped means of users and movies predict worse by more than this share. Shuffled values of
# MovieLens' ratings are 21% worse, a third of the users less makes no difference.
GATE_MAX_RATING_ERROR = env.float("GATE_MAX_RATING_ERROR", default=0.1)
# A version is watched for this many hours after it goes live, a day at most; 0 turns the watch off.
WATCH_HOURS = env.float("WATCH_HOURS", default=24)
# It is compared with the same hours of this many days before, if it and three of them have this many lists.
WATCH_DAYS = env.int("WATCH_DAYS", default=7)
WATCH_MIN_LISTS = env.int("WATCH_MIN_LISTS", default=500)
# It is rolled back if its click-through is surely this share below that of the worst of these days, or if the share of
# its empty or fallback lists is surely this much above. 1 turns either off.
WATCH_MAX_CLICK_LOSS = env.float("WATCH_MAX_CLICK_LOSS", default=0.3)
WATCH_MAX_SHARE_RISE = env.float("WATCH_MAX_SHARE_RISE", default=0.1)
# Weekly tuning ends after this many trials or minutes.
TUNING_TRIALS = env.int("TUNING_TRIALS", default=40)
TUNING_MINUTES = env.float("TUNING_MINUTES", default=30)
# Trending compares the votes of a window with those before it. The window is the latest one of TRENDING_WINDOW_DAYS
# with at least this many votes by at least this many users.
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
# A group's list is computed once in this time, so that asking again tells its members nothing new about each other.
GROUP_LIST_HOURS = env.float("GROUP_LIST_HOURS", default=24)
# Movies that a list showed to a person within this many hours, and that they did not act on, rest: the next list that
# is computed leaves them out as long as others are left. 0 turns it off. A cached list stays as it is for its hour.
REPEAT_AFTER_HOURS = env.int("REPEAT_AFTER_HOURS", default=0)
# What each kind of event weighs, by kind: batch and speed (preference in the nightly model and in the speed layer, -1
# to 1), popularity (the rating that it stands for), trending (its votes, 0 to 1) and half_life_days (in which all of
# this halves, down to a tenth). What is not set here is as in events/kinds.py, without half-lives.
# EVENT_WEIGHTS='{"view": {"batch": 0.1, "half_life_days": 30}}' replaces two entries.
EVENT_WEIGHTS = env.json_object("EVENT_WEIGHTS")
# The share of the places of a list that rules of staff may take, in each ten places; at least one place, 0 for none.
CURATION_MAX_SHARE = env.float("CURATION_MAX_SHARE", default=0.3)
# Whether trainings keep what folds newer feedback into lists, and the hourly task does so, for at most this many users
# a run. Off: it makes no better lists than the blend with the newest signals does (docs/evaluation.md).
FOLD_LISTS = env.bool("FOLD_LISTS", default=False)
FOLD_MAX_PEOPLE = env.int("FOLD_MAX_PEOPLE", default=20_000)
