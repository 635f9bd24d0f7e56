"""Answers with all that there can be in them are as the tools declare, on every engine."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.answers import Json, found, gone
from tests.api.harness import EXPERIMENTS, RUNS, Service
from tests.api.mcp.asking import call, called, note_of
from tests.api.mcp.places import place
from tests.api.named import GIF, JPEG, SVG, WEBP, data_url, log
from tests.api.test_variants import new_id


def test_an_experiment_with_everything(service: Service) -> None:
    fields: Json = {
        "name": "all of it: ü, 🎲",
        "slug": "all-of-it",
        "description": "why\nand what",
        "tags": {"team": "vision", "odd key.": ""},
        "metric_goals": {"score": "max", "cost": "min"},
        "variants": [
            {"key": "A", "weight": 33.3, "name": "the old one", "payload": {"prompt": ["x", None]}},
            {"key": "B", "weight": 66.7},
        ],
        "status": "active",
        "unit_key": "user_id",
        "dimensions": ["country", "plan"],
        "guardrails": {"cost": {"margin": 0.02}, "score": {"margin": 1, "kind": "absolute"}},
        "planned_units": 10**12,
    }
    made = call(service.write, "create_experiment", **fields)
    for name in ("name", "slug", "description", "tags", "metric_goals", "unit_key", "dimensions"):
        assert made[name] == fields[name]
    assert [one["payload"] for one in made["variants"]] == [{"prompt": ["x", None]}, {}]
    weights = [{"key": "A", "weight": 50}, {"key": "B", "weight": 50}]
    found(
        service.write.patch(f"{EXPERIMENTS}/{made['id']}", json={"variants": weights}),
    )
    (listed,) = call(service.read, "list_experiments", search="ALL OF")["experiments"]
    assert len(listed["weight_changes"]) == 2
    assert listed["version"] == 2


def test_runs_with_everything(service: Service) -> None:
    at = place(service)
    parent = at.run_ids[0]
    run = service.run(
        at.experiment_id,
        name="child",
        description="of another",
        tags={"team": "x"},
        parent_run_id=parent,
    )
    run_id = run["run_id"]
    metrics: list[Json] = [
        {"key": "loss", "value": value, "step": step}
        for step, value in enumerate([1e308, "NaN", "Infinity", "-Infinity", 5e-324])
    ]
    found(service.log(run_id, metrics, {"lr": "0.1", "näme": "x" * 500}))
    found(service.log(run_id, [{"key": "val/acc", "value": "NaN"}]))
    found(service.write.post(f"{RUNS}/{run_id}/end", json={"status": "failed"}))
    shown = call(service.read, "get_run", run_id=run_id)
    assert (shown["status"], shown["parent_run_id"]) == ("failed", parent)
    assert shown["metrics"] == {"loss": 5e-324, "val/acc": "NaN"}
    assert isinstance(shown["duration_ms"], int)
    history = call(service.read, "get_metric_history", run_id=run_id, key="loss")
    assert [point["value"] for point in history["points"]] == [one["value"] for one in metrics]
    assert call(service.read, "get_metric_history", run_id=run_id, key="val/acc")["total"] == 1
    compared = call(service.read, "compare_runs", run_ids=[run_id, parent])["comparison"]
    assert compared["metric_comparison"]["val/acc"]["best_run_id"] is None
    goals = {"loss": "max"}
    told = call(
        service.read, "compare_runs", run_ids=[run_id, parent], metrics=["loss"], goals=goals
    )
    assert told["comparison"]["metric_comparison"]["loss"]["goal_source"] == "request"
    gone(service.write.delete(f"{RUNS}/{run_id}"))
    asked: Json = {"experiment_ids": [at.slug], "lifecycle_stage": "deleted"}
    (deleted,) = call(service.read, "search_runs", **asked)["runs"]
    assert deleted["lifecycle_stage"] == "deleted"


def test_artifacts_of_every_kind_that_is_read(service: Service) -> None:
    experiment_id = service.experiment()["id"]
    large: Json = {"text": "x" * 40_000, "deep": [[[{"a": [1e300, -0.0, 2**70]}]]]}
    logged: dict[str, tuple[str, Any, str]] = {
        "empty": ("text", "", "value"),
        "nothing": ("dict", {}, "value"),
        "large": ("dict", large, "value"),
        "long": ("text", "ß" * 2000, "value"),
        "points": ("timeseries", [(2**60, 1), (-0.5, 1e-300)], "timeseries"),
        "one": ("value", 2**53 + 1, "value"),
        "gif": ("image", data_url(GIF, "image/gif"), "image"),
        "jpeg": ("image", data_url(JPEG, "image/jpeg"), "image"),
        "webp": ("image", data_url(WEBP, "image/webp"), "image"),
        "svg": ("image", data_url(SVG, "image/svg+xml"), "image"),
        "film": ("file", data_url(b"...", "video/mp4"), "video"),
        "sound": ("file", data_url(b"...", "audio/mpeg"), "audio"),
        "font": ("file", data_url(b"...", "font/woff2"), "application"),
        "nil": ("file", data_url(b""), "application"),
        "a/b c?#%": ("value", 1, "value"),
    }
    for name, (kind, value, _) in logged.items():
        log(service, experiment_id, name, kind, value)
    here = {"experiment_id": experiment_id}
    listed = call(service.read, "list_artifacts_in_experiment", **here)["artifacts"]
    assert sorted(one["name"] for one in listed) == sorted(logged)
    for name, (sent, value, kind) in logged.items():
        named = {**here, "artifact_name": name}
        shown = call(service.read, "get_artifact_in_experiment", **named)
        assert shown["kind"] == kind, name
        if kind == "value":
            assert shown["value"] == value
        elif kind != "timeseries":
            about = call(service.read, "get_artifact_content_in_experiment", **named)
            assert about["mime_type"] == shown["mime_type"]
            assert service.files.get(about["url"]).status_code == 200, sent


def test_a_timeseries_is_walked_page_by_page(service: Service) -> None:
    experiment_id = service.experiment()["id"]
    log(service, experiment_id, "curve", "timeseries", [(x, -x) for x in range(1100)])
    here: Json = {"experiment_id": experiment_id, "artifact_name": "curve"}
    sizes: list[int] = []
    seen: list[int] = []
    cursor: str | None = None
    while cursor is not None or not sizes:
        given = here if cursor is None else {**here, "cursor": cursor}
        result = called(service.read, "get_artifact_in_experiment", given)
        page = result["structuredContent"]
        cursor = page["next_cursor"]
        assert (note_of(result) is None) == (cursor is None)
        sizes.append(len(page["points"]))
        seen += [point["x"] for point in page["points"]]
    assert sizes == [500, 500, 100]
    assert seen == list(range(1100))


def test_experiments_and_artifacts_are_walked_page_by_page(service: Service) -> None:
    at = place(service)
    for number in range(4):
        service.experiment(f"number {number}")
        log(service, at.experiment_id, f"number {number}", "value", number)
    for tool, arguments, noun in (
        ("list_experiments", {"limit": 4}, "experiments"),
        ("list_artifacts_in_experiment", {"experiment_id": at.slug, "limit": 4}, "artifacts"),
    ):
        whole = call(service.read, tool, **{**arguments, "limit": 100})
        first = call(service.read, tool, **arguments)
        rest = call(service.read, tool, **arguments, cursor=first["next_cursor"])
        assert len(first[noun]) == 4
        assert first[noun] + rest[noun] == whole[noun]
        assert rest["next_cursor"] is None


def test_the_same_log_under_its_own_id_counts_once(service: Service) -> None:
    at = place(service)
    arguments: Json = {**at.calls()["log_variant_execution"], "logId": new_id()}
    for _ in range(2):
        logged = call(service.write, "log_variant_execution", **arguments)
        assert logged == {"success": True, "logId": arguments["logId"]}
    service.pull()
    results = call(service.read, "get_experiment_results", experiment_id=at.ab_id)
    assert results["exposures"]["A"] == {"units": 1, "logs": 1}


def test_results_with_everything(service: Service) -> None:
    fields: Json = {
        "variants": [{"key": "A", "weight": 50}, {"key": "B", "weight": 50}],
        "status": "active",
        "dimensions": ["country"],
        "metric_goals": {"score": "max", "cost": "min"},
        "guardrails": {"cost": {"margin": 0.1}},
    }
    slug = call(service.write, "create_experiment", name="rich", **fields)["slug"]
    logs: list[Json] = [
        {
            "variantKey": "AB"[number % 2],
            "unitId": f"u{number}",
            "metrics": {"score": number % 7, "cost": 3 + number % 5, "odd": "NaN"},
            "covariates": {"score": number % 5},
            "context": {"country": ("DE", "FR")[number % 3 % 2]},
        }
        for number in range(80)
    ]
    found(service.write.post(f"/experiment/{slug}/log/batch", json={"logs": logs}))
    late = {**logs[0], "input": {"a": ["ä"]}, "output": {}, "metrics": {"score": "-Infinity"}}
    call(service.write, "log_variant_execution", experiment_id=slug, **late)
    service.pull()
    whole = call(service.read, "get_experiment_results", experiment_id=slug)
    assert whole["exposures"]["A"] == {"units": 40, "logs": 41}
    cost = whole["metrics"]["cost"]["variants"]["B"]["difference"]
    assert cost["guardrail"] is not None
    for asked in (
        {"dimension": "country"},
        {"metric": "score", "baseline": "B", "confidence": 0.5},
        {"from": 0, "to": "2020-01-01"},
        {"metric": "odd"},
    ):
        call(service.read, "get_experiment_results", experiment_id=slug, **asked)
    for status in ("paused", "completed"):
        found(service.write.patch(f"{EXPERIMENTS}/{slug}", json={"status": status}))
        shown = call(service.read, "get_experiment_results", experiment_id=slug)
        assert shown["status"] == status


@pytest.mark.parametrize("stage", ["draft", "active"])
def test_results_of_what_has_no_logs(service: Service, stage: str) -> None:
    variants = [{"key": "A", "weight": 50}, {"key": "B", "weight": 50}]
    slug = service.experiment("new", variants=variants, status=stage)["slug"]
    results = call(service.read, "get_experiment_results", experiment_id=slug)
    assert results["metrics"] == {}
