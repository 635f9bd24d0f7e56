"""Bodies and answers that the OpenAPI document shows, by operation and title.

Tests check each against the schema of its operation.
"""

from __future__ import annotations

from typing import Any, Final

_RUN_ID: Final = "0193f0a2c5d47a11b0c6d9e8f7a6b5c4"
_OTHER_RUN_ID: Final = "0193f0a2c5d87c02a9b8c7d6e5f40312"
_EXPERIMENT_ID: Final = "0193f0a2c5d07b33a1b2c3d4e5f60718"
_SHA256: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

BODIES: Final[dict[str, dict[str, Any]]] = {
    "create_experiment": {
        "a name is enough": {"name": "Digits"},
        "with all it may have": {
            "name": "Checkout button",
            "slug": "checkout-button",
            "description": "Does a green one sell more?",
            "artifact_location": "s3://our-bucket/checkout",
            "tags": {"team": "growth"},
            "metric_goals": {"revenue": "max", "latency_ms": "min"},
            "variants": [
                {"key": "control", "weight": 50},
                {"key": "green", "weight": 50, "name": "Green", "payload": {"color": "#0a0"}},
            ],
            "status": "draft",
            "unit_key": "user_id",
            "dimensions": ["country"],
            "guardrails": {"latency_ms": {"margin": 0.05, "kind": "relative"}},
            "planned_units": 20000,
        },
    },
    "change_experiment": {
        "tags merge and null deletes one": {"tags": {"team": "vision", "stale": None}},
    },
    "assign_variant": {"a user": {"userId": "user-17"}},
    "log_execution": {
        "an answer": {
            "variantKey": "control",
            "input": {"query": "What are the latest AI advancements?"},
            "output": {"response": "Recent AI advancements include …"},
            "metrics": {"latency_ms": 123, "token_count": 78},
            "context": {"user_id": "user-17", "country": "DE"},
        },
        "to be sent again if need be": {
            "variantKey": "green",
            "unitId": "user-18",
            "logId": "log_01KBR3Z5V0E7J2M4N6P8Q0R1S2",
            "metrics": {"revenue": 19.9},
            "covariates": {"revenue": 12.5},
        },
    },
    "log_executions": {
        "two": {
            "logs": [
                {"variantKey": "control", "unitId": "user-17", "metrics": {"revenue": 0}},
                {"variantKey": "green", "unitId": "user-18", "metrics": {"revenue": 19.9}},
            ]
        }
    },
    "log_late_metrics": {"a rating": {"user_rating": 5}},
    "export_logs": {
        "all of them": {},
        "slow ones": {"variant": "green", "from": 1767225600000, "metric": ["latency_ms>1000"]},
    },
    "create_run": {
        "an ordinary one": {
            "experiment_id": "digits",
            "name": "mlp-64",
            "tags": {"host": "laptop"},
        },
    },
    "change_run": {"a new name": {"name": "mlp-64-again", "tags": {"checked": "yes"}}},
    "end_run": {"finished now": {}, "failed": {"status": "failed"}},
    "log_metrics": {
        "two metrics at a step": {"metrics": {"loss": 0.25, "accuracy": 0.91}, "step": 3},
        "training diverged": {"metrics": {"loss": "NaN"}, "step": 4},
    },
    "log_params": {"of any kind": {"params": {"lr": 0.01, "solver": "adam", "early": True}}},
    "log_batch": {
        "an epoch": {
            "metrics": [
                {"key": "loss", "value": 0.25, "step": 3, "timestamp": 1763703600000},
                {"key": "accuracy", "value": 0.91, "step": 3},
            ],
            "params": [{"key": "lr", "value": "0.01"}],
            "tags": [{"key": "phase", "value": "warm-up"}],
        }
    },
    "compare_runs": {
        "by what counts": {
            "run_ids": [_RUN_ID, _OTHER_RUN_ID],
            "metrics": ["accuracy", "loss"],
            "goals": {"accuracy": "max"},
        }
    },
    "get_metric_histories": {
        "a chart": {
            "run_ids": [_RUN_ID, _OTHER_RUN_ID],
            "keys": ["loss"],
            "max_points": 500,
            "band": True,
        }
    },
    "search_runs": {
        "the best of two experiments": {
            "experiment_ids": ["digits", _EXPERIMENT_ID],
            "filter": "metrics.accuracy > 0.9 and params.solver = 'adam'",
            "order_by": ["metrics.accuracy DESC"],
            "limit": 10,
        }
    },
    "begin_upload": {
        "a model": {
            "path": "model/weights.bin",
            "size_bytes": 104857600,
            "sha256": _SHA256,
            "mime": "application/octet-stream",
        }
    },
    "sign_parts": {"two more": {"part_numbers": [101, 102]}},
    "complete_upload": {
        "a single part": {},
        "several": {
            "parts": [
                {"part_number": 1, "etag": '"9b2cf535f27731c9"'},
                {"part_number": 2, "etag": '"2c1f3bd6f0a1e8c7"', "sha256": _SHA256},
            ]
        },
    },
    "begin_artifact_upload": {
        "a model": {"size_bytes": 104857600, "sha256": _SHA256, "filename": "weights.bin"}
    },
    "begin_artifact_uploads": {
        "two small files": {
            "files": [
                {"size_bytes": 0, "sha256": _SHA256},
                {"size_bytes": 12, "sha256": "a" * 64, "mime": "text/plain"},
            ]
        }
    },
    "sign_artifact_parts": {"two more": {"part_numbers": [101, 102]}},
    "complete_artifact_upload": {
        "a single part": {},
        "several": {"parts": [{"part_number": 1, "etag": '"9b2cf535f27731c9"'}]},
    },
    "complete_artifact_uploads": {"two": {"upload_ids": [_RUN_ID, _OTHER_RUN_ID]}},
    "create_artifact": {
        "a file": {
            "kind": "model",
            "sha256": _SHA256,
            "name": "model.bin",
            "run_id": _RUN_ID,
            "tags": ["baseline"],
            "labels": {"split": "test", "seed": 7},
            "metrics": {"f1": 0.93, "loss": "NaN"},
            "pinned": True,
        },
        "a directory": {
            "kind": "dataset",
            "manifest": [
                {"path": "train/0.csv", "sha256": _SHA256, "size_bytes": 0},
                {"path": "README.md", "sha256": "a" * 64, "size_bytes": 12},
            ],
        },
    },
    "change_artifact": {
        "all there is": {
            "tags": ["baseline", "kept"],
            "labels": {"seed": None},
            "metrics": {"f1": 0.94},
            "pinned": False,
        }
    },
    "pin_artifact": {"a pin": {"pinned": True}},
    "get_artifact_contents": {"two files": {"paths": ["README.md", "train/0.csv"]}},
    "search_artifacts": {
        "the best of a week": {
            "kind": "model",
            "tags": ["baseline"],
            "labels": {"split": "test"},
            "metric": "f1",
            "metric_mode": "max",
            "time_window": "7d",
            "limit": 10,
        }
    },
    "get_best_artifact": {
        "of a run": {"kind": "model", "metric": "f1", "metric_mode": "max", "run_id": _RUN_ID}
    },
    "log_experiment_artifact": {
        "a number": {"name": "val/loss", "kind": "value", "value": 0.25},
        "points": {
            "name": "roc",
            "kind": "timeseries",
            "points": [{"x": 0, "y": 0}, {"x": 0.1, "y": 0.82}, {"x": 1, "y": 1}],
        },
        "a GIF": {
            "name": "plots/weights",
            "kind": "image",
            "value": "data:image/gif;base64,"
            "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
        },
        "a file that was uploaded": {"name": "model", "kind": "file", "sha256": _SHA256},
    },
    "announce_file": {"a file of lines": {"filename": "runs.jsonl.gz", "size_bytes": 48213}},
    "create_key": {"of a robot": {"role": "write", "user": "nightly-training", "name": "CI"}},
}

_RUN: Final[dict[str, Any]] = {
    "run_id": _RUN_ID,
    "experiment_id": _EXPERIMENT_ID,
    "name": "mlp-64",
    "description": None,
    "status": "running",
    "lifecycle_stage": "active",
    "start_time": "2026-01-02T03:04:05.678Z",
    "end_time": None,
    "duration_ms": None,
    "artifact_uri": f"trialbook://runs/{_RUN_ID}/artifacts",
    "parent_run_id": None,
    "tags": {"host": "laptop"},
    "params": {"lr": "0.01"},
    "metrics": {"loss": 0.25},
    "metric_summary": {
        "loss": {
            "last": 0.25,
            "step": 3,
            "timestamp": 1763703600000,
            "min": 0.25,
            "max": 2.3,
            "count": 4,
        }
    },
    "created_by": "ada",
}
PAYLOADS: Final[dict[str, dict[str, Any]]] = {
    "get_run": {"a run under way": _RUN},
    "get_ingested_file": {
        "two lines are refused": {
            "ingest_id": "0193f0a2c5e07d44b1c2d3e4f5061728",
            "key": "ingest/acme/0193f0a2c5e07d44b1c2d3e4f5061728/runs.jsonl.gz",
            "state": "done",
            "size_bytes": 48213,
            "lines": 1200,
            "applied": 1198,
            "refused": 2,
            "reason": None,
            "created_by": "ada",
            "begun_at": "2026-01-02T03:04:05.678Z",
            "ended_at": "2026-01-02T03:04:06.789Z",
            "errors": [
                {"line": 17, "reason": "metrics.loss: input should be a valid number"},
                {
                    "line": 403,
                    "reason": "a param keeps its first value; log it under another name"
                    " (param=lr, logged=0.1, sent=0.2)",
                },
            ],
        }
    },
    "log_batch": {"all of it": {"metrics_logged": 2, "params_logged": 1, "tags_logged": 1}},
    "get_metric_history": {
        "two points": {
            "key": "loss",
            "points": [
                {"step": 0, "timestamp": 1763703600000, "value": 2.3},
                {"step": 1, "timestamp": 1763703601000, "value": "NaN"},
            ],
            "total": 2,
            "next_cursor": None,
        }
    },
    "get_experiment_artifact": {
        "a timeseries": {
            "name": "val/loss",
            "kind": "timeseries",
            "value": None,
            "mime_type": None,
            "content_url": None,
            "auth_hint": None,
            "x": {"label": "timestamp", "type": "time"},
            "y": {"label": "val/loss"},
            "points": [{"x": 1763703600000, "y": 2.3}, {"x": 1763703601000, "y": 0.25}],
            "entries": 2,
            "next_cursor": None,
            "created_at": "2025-11-21T05:40:00.000Z",
            "last_updated": "2025-11-21T05:40:01.000Z",
        }
    },
    "compare_runs": {
        "two runs": {
            "runs": [
                {
                    "run_id": run_id,
                    "name": name,
                    "status": "finished",
                    "params": {"lr": lr},
                    "metrics": {"loss": loss},
                }
                for run_id, name, lr, loss in (
                    (_RUN_ID, "mlp-64", "0.01", 0.25),
                    (_OTHER_RUN_ID, "mlp-128", "0.02", 0.31),
                )
            ],
            "comparison": {
                "best_run": _RUN_ID,
                "metric_comparison": {
                    "loss": {
                        "goal": "min",
                        "goal_source": "name",
                        "best_run_id": _RUN_ID,
                        "best_value": 0.25,
                        "all_values": {_RUN_ID: 0.25, _OTHER_RUN_ID: 0.31},
                    }
                },
                "param_differences": {"lr": {_RUN_ID: "0.01", _OTHER_RUN_ID: "0.02"}},
            },
        }
    },
}
