"""The engine that the settings choose."""

from __future__ import annotations

from django.conf import settings

from recommendations.training.attempts import TrainingError
from recommendations.training.engines.base import TrainingEngine
from recommendations.training.engines.local import LocalEngine


def training_engine() -> TrainingEngine:
    """The engine of TRAINING_ENGINE, not open yet. Raises TrainingError if its packages are missing."""
    if settings.TRAINING_ENGINE == "local":
        return LocalEngine()
    try:
        from recommendations.training.engines.spark import SparkEngine  # noqa: PLC0415 -- optional.
        from recommendations.training.engines.spark_session import SparkConfig  # noqa: PLC0415
    except ImportError as error:
        raise TrainingError(
            f"TRAINING_ENGINE=spark needs pyspark ({error}): pip install -r requirements-spark.txt"
        ) from error
    return SparkEngine(
        SparkConfig(
            master=settings.TRAINING_SPARK_MASTER,
            folder=settings.TRAINING_SPARK_FOLDER,
            executor_memory=settings.TRAINING_SPARK_EXECUTOR_MEMORY,
            executor_cores=settings.TRAINING_SPARK_EXECUTOR_CORES,
            tasks=settings.TRAINING_SPARK_TASKS,
            options=settings.TRAINING_SPARK_OPTIONS,
        )
    )
