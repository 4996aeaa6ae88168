"""Trainings, tasks, queues and workers."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.panels import HALF, Panel, bars, dashboard, figure, lines, short_task

_DAY = 86_400


def batch() -> Dashboard:
    """The model's trainings, and what workers do."""
    return dashboard(
        "recsys-batch",
        "Batch",
        "Trainings, tasks, queues and workers.",
        {
            "Model": _model(),
            "Tasks": _tasks(),
            "Queues": _queues(),
        },
    )


def _model() -> list[Panel]:
    return [
        figure("Live version", "none", "max(recsys_model_live_version)"),
        figure("Age of the model", "s", "max(recsys_model_age_seconds)", yellow=_DAY, red=26 * 3600),
        figure("Last training took", "s", "max(recsys_training_last_duration_seconds)"),
        figure("Last training refused", "bool_yes_no", "max(recsys_training_last_refused)", red=1),
        figure("Trainings that wait or run", "none", "max(recsys_training_waiting)"),
        figure(
            "Recall of vector search",
            "percentunit",
            "min(recsys_index_recall_ratio)",
            yellow=0.97,
            red=0.95,
            low_is_bad=True,
        ),
        lines(
            "Quality of the model",
            "none",
            ("max by (ranking) (recsys_model_quality)", "{{ranking}}"),
            about="nDCG@10 on held-out data, of the live version and of popular movies.",
        ),
        bars("Trainings by result", "none", "max by (result) (recsys_trainings)", "{{result}}"),
        lines(
            "Progress of a training",
            "percentunit",
            ("max(recsys_training_progress_ratio)", "progress"),
            top=1,
            about="Nothing while none waits or runs.",
        ),
    ]


def _tasks() -> list[Panel]:
    return [
        bars(
            "Since the last success",
            "s",
            short_task("time() - max by (task) (recsys_task_last_success_timestamp_seconds)"),
            "{{task}}",
            width=HALF,
        ),
        bars(
            "The latest run took",
            "s",
            short_task("max by (task) (recsys_task_last_duration_seconds)"),
            "{{task}}",
            width=HALF,
        ),
        lines(
            "Runs by result",
            "ops",
            ("sum by (result) (rate(recsys_tasks_total[$__rate_interval]))", "{{result}}"),
            stacked=True,
        ),
        lines(
            "Working time by task",
            "percentunit",
            (
                short_task("topk(8, sum by (task) (rate(recsys_task_seconds_total[$__rate_interval])))"),
                "{{task}}",
            ),
            stacked=True,
            about="The share of one worker process; the eight with the most.",
        ),
        lines(
            "Tasks whose latest run failed",
            "none",
            (short_task("max by (task) (recsys_task_last_failed) > 0"), "{{task}}"),
            top=1,
        ),
    ]


def _queues() -> list[Panel]:
    return [
        lines("Waiting messages", "none", ("max by (queue) (recsys_queue_messages)", "{{queue}}")),
        lines("Age of the oldest message", "s", ("max by (queue) (recsys_queue_oldest_seconds)", "{{queue}}")),
        lines(
            "Wait of tasks",
            "s",
            (
                "histogram_quantile(0.5, sum by (le) (rate(recsys_task_wait_seconds_bucket[$__rate_interval])))",
                "p50",
            ),
            ("recsys:task_wait_seconds:p95_15m", "p95"),
        ),
        lines("Workers by queue", "none", ("max by (queue) (recsys_workers)", "{{queue}}"), width=HALF),
        lines(
            "Since beat sent a task",
            "s",
            ("time() - max(recsys_beat_last_sent_timestamp_seconds)", "beat"),
            width=HALF,
            limit=900,
            about="Beat writes it down every few minutes.",
        ),
    ]
