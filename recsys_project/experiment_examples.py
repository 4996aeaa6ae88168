"""Example requests and responses of the experiment endpoints; see recsys_project/examples.py."""

from typing import Any

Json = dict[str, Any]

_AT = "2026-03-14T20:15:00Z"
_ARM: Json = {"name": "more-variety", "weight": 1, "control": False, "overrides": {"diversity": 0.3}}
_CONTROL: Json = {"name": "control", "weight": 1, "control": True, "overrides": {}}
_EXPERIMENT: Json = {
    "name": "variety",
    "description": "Does more variety at the top lead to more clicks?",
    "status": "draft",
    "metric": "click_through",
    "effect": 0.01,
    "share": 0.5,
    "salt": "9f86d081884c7d65",
    "buckets": None,
    "created_at": _AT,
    "started_at": None,
    "ends_at": "2026-04-14T00:00:00Z",
    "stopped_at": None,
    "arms": [_CONTROL, _ARM],
}
_RUNNING: Json = {**_EXPERIMENT, "status": "running", "buckets": [0, 5000], "started_at": _AT}
_ENDED: Json = {**_RUNNING, "status": "stopped", "stopped_at": "2026-04-02T09:00:00Z"}
EXPERIMENT_EXAMPLES: dict[tuple[str, str], Json] = {
    ("get", "/api/experiments/"): {"200": {"Experiments": {"items": [_RUNNING], "next_cursor": None}}},
    ("post", "/api/experiments/"): {
        "request": {
            "Two arms": {
                "name": "variety",
                "description": "Does more variety at the top lead to more clicks?",
                "metric": "click_through",
                "share": 0.5,
                "arms": [
                    {"name": "control", "control": True},
                    {"name": "more-variety", "overrides": {"diversity": 0.3}},
                ],
            },
            "A holdout": {
                "name": "is-it-worth-it",
                "metric": "hours",
                "share": 0.1,
                "arms": [{"name": "personal", "control": True}, {"name": "popular", "overrides": {"holdout": True}}],
            },
        },
        "201": {"A draft": _EXPERIMENT},
    },
    ("get", "/api/experiments/{name}/"): {"200": {"One experiment": _RUNNING}},
    ("patch", "/api/experiments/{name}/"): {
        "request": {"Another end": {"ends_at": "2026-04-14T00:00:00Z"}},
        "200": {"Changed": _RUNNING},
    },
    ("post", "/api/experiments/{name}/start/"): {"200": {"Started": _RUNNING}},
    ("post", "/api/experiments/{name}/stop/"): {"200": {"Stopped": _ENDED}},
    ("get", "/api/experiments/{name}/results/"): {
        "200": {
            "After two weeks": {
                "experiment": "variety",
                "status": "running",
                "metric": "click_through",
                "effect": 0.01,
                "as_of": _AT,
                "alpha": 0.05,
                "arms": [
                    {
                        "name": "control",
                        "control": True,
                        "people": 5012,
                        "impressions": 40112,
                        "mean": 0.081,
                        "interval": {"low": 0.077, "high": 0.085},
                        "comparison": None,
                    },
                    {
                        "name": "more-variety",
                        "control": False,
                        "people": 4977,
                        "impressions": 39904,
                        "mean": 0.09,
                        "interval": {"low": 0.086, "high": 0.094},
                        "comparison": {
                            "difference": 0.009,
                            "relative": 0.111,
                            "standard_error": 0.0018,
                            "interval": {"low": 0.0029, "high": 0.0151},
                            "p_value": 0.0004,
                            "detectable": 0.0076,
                        },
                    },
                ],
                "sample_ratio_p": 1.0,
                "people_needed": 3120,
                "warnings": [],
            }
        }
    },
}
