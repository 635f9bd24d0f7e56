"""The official client and a real server: runs, their metrics, an A/B test; in both revisions."""

from __future__ import annotations

import re
from typing import Any, Final

import httpx
import pytest
from mcp import MCPError
from mcp.client.client import ConnectMode

from tests.api.answers import Json, found, made
from tests.api.engines import START_MS
from tests.api.harness import RUNS
from tests.api.mcp.official import (
    MODES,
    call,
    connected,
    experiment,
    refusal,
    result,
    structured,
    text_of,
)
from tests.api.process import Serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.integration,
    pytest.mark.anyio,
    pytest.mark.parametrize("mode", MODES),
]
POINTS: Final = 10_000
LOGS: Final = 60
ASKED_AT_MOST: Final = 10_000
"""A test that asks more often in vain has failed."""


async def test_runs_are_searched_compared_and_looked_into(
    server: Serving, api: httpx.Client, mode: ConnectMode
) -> None:
    async with connected(server, mode) as client:
        made_one = await experiment(client, mode, "runs", metric_goals={"loss": "min"})
        ids: list[str] = []
        for number in range(7):
            body = {"experiment_id": made_one["id"], "name": f"run {number}"}
            run_id = made(api.post(RUNS, json=body))["run_id"]
            params = {"model": "tree" if number % 2 else "linear", "depth": number}
            found(api.post(f"{RUNS}/{run_id}/log-params", json={"params": params}))
            metrics = {"loss": 7.0 - number, "accuracy": number / 10}
            found(api.post(f"{RUNS}/{run_id}/log-metrics", json={"metrics": metrics}))
            ids.append(run_id)

        here = {"experiment_ids": [made_one["slug"]]}
        best_trees = await call(
            client, "search_runs", **here,
            filter="metrics.loss < 6.5 AND params.model = 'tree'", order_by=["metrics.loss ASC"],
        )  # fmt: skip
        assert [one["run_id"] for one in best_trees["runs"]] == [ids[5], ids[3], ids[1]]
        walked: list[str] = []
        cursor: str | None = None
        while cursor is not None or not walked:
            given = {} if cursor is None else {"cursor": cursor}
            page = await call(
                client, "search_runs", **here, **given, limit=3, order_by=["metrics.loss DESC"]
            )
            walked += [one["run_id"] for one in page["runs"]]
            cursor = page["next_cursor"]
        assert walked == ids

        run = await call(client, "get_run", run_id=ids[4])
        assert (run["name"], run["params"]) == ("run 4", {"model": "linear", "depth": "4"})
        assert run["metric_summary"]["loss"]["count"] == 1
        compared = (await call(client, "compare_runs", run_ids=ids[3:5]))["comparison"]
        assert compared["best_run"] == ids[4]
        loss = compared["metric_comparison"]["loss"]
        assert (loss["goal"], loss["goal_source"], loss["best_run_id"]) == (
            "min", "experiment", ids[4],
        )  # fmt: skip
        assert compared["param_differences"].keys() == {"model", "depth"}
        for tool, arguments in (
            ("get_run", {"run_id": "0" * 32}),
            ("compare_runs", {"run_ids": ["0" * 32, "1" * 32]}),
            ("get_metric_history", {"run_id": "0" * 32, "key": "loss"}),
        ):
            told = await refusal(client, tool, **arguments)
            assert told.startswith("there is no such run"), tool
            assert "Call search_runs to find runs and their ids." in told


async def test_a_long_history_is_thinned_out_and_looked_into(
    server: Serving, api: httpx.Client, mode: ConnectMode
) -> None:
    async with connected(server, mode) as client:
        made_one = await experiment(client, mode, "history")
        run_id = made(api.post(RUNS, json={"experiment_id": made_one["id"]}))["run_id"]
        values: list[Any] = [1 / (step + 1) for step in range(POINTS)]
        values[5000:5003] = ["NaN", "Infinity", "-Infinity"]
        values[7000] = 99.0
        for first in range(0, POINTS, 1000):
            points = [
                {"key": "loss", "value": values[step], "step": step, "timestamp": START_MS + step}
                for step in range(first, first + 1000)
            ]
            found(api.post(f"{RUNS}/{run_id}/log-batch", json={"metrics": points}))
        here = {"run_id": run_id, "key": "loss"}
        answered = await result(client, "get_metric_history", **here)
        history = structured(answered)
        assert history["total"] == POINTS
        assert len(history["points"]) <= 250
        assert 99.0 in [point["value"] for point in history["points"]]
        note = text_of(answered.content[0])
        assert note.startswith(f"{POINTS} points were logged, and about 200 of them are shown")
        closer = await result(client, "get_metric_history", **here, start_step=4999, end_step=5003)
        assert [point["value"] for point in structured(closer)["points"]] == values[4999:5004]
        assert len(closer.content) == 1
        assert await refusal(client, "get_metric_history", **here, max_points=2001)


async def test_an_a_b_test_is_logged_and_read(server: Serving, mode: ConnectMode) -> None:
    async with connected(server, mode) as client:
        ab = await experiment(
            client,
            mode,
            "ab",
            variants=[{"key": "control", "weight": 50}, {"key": "brief", "weight": 50}],
            status="active",
            metric_goals={"rating": "max"},
        )
        for number in range(LOGS):
            variant = ("control", "brief")[number % 2]
            logged = await call(
                client,
                "log_variant_execution",
                experiment_id=ab["id"] if number % 3 else ab["slug"],
                variantKey=variant,
                unitId=f"user {number}",
                input={"prompt": "?"},
                output={"text": "!"},
                metrics={"rating": number % 5 + (number % 2) * 3, "latency_ms": 100 + number},
            )
            assert re.fullmatch(r"log_[0-9A-Z]{26}", logged["logId"])
        results: Json = {}
        for _ in range(ASKED_AT_MOST):
            results = await call(client, "get_experiment_results", experiment_id=ab["slug"])
            if sum(one["logs"] for one in results["exposures"].values()) == LOGS:
                break
        half = {"units": LOGS // 2, "logs": LOGS // 2}
        assert results["exposures"] == {"control": half, "brief": half}
        assert results["srm"]["mismatch"] is False
        rating = results["metrics"]["rating"]
        assert rating["goal"] == "max"
        difference = rating["variants"]["brief"]["difference"]
        assert difference["absolute"] == pytest.approx(3)
        assert difference["always_valid"]["low"] < 3 < difference["always_valid"]["high"]
        by_id = await call(client, "get_experiment_results", experiment_id=ab["id"])
        assert by_id == results
        one = await call(
            client, "get_experiment_results", experiment_id=ab["id"], metric="latency_ms"
        )
        assert one["metrics"].keys() == {"latency_ms"}
        told = await refusal(
            client, "log_variant_execution", experiment_id=ab["id"], variantKey="loud"
        )
        assert told.startswith("variantKey: is no variant of the experiment; it has control, brief")
        draft = await experiment(client, mode, "draft", variants=[{"key": "a", "weight": 100}])
        told = await refusal(
            client, "log_variant_execution", experiment_id=draft["id"], variantKey="a"
        )
        assert told.startswith("a draft takes no logs")


async def test_what_is_wrong_is_told_as_the_result_of_the_tool(
    server: Serving, mode: ConnectMode
) -> None:
    async with connected(server, mode) as client:
        for tool, arguments, told in (
            ("get_run", {}, "run_id: is missing"),
            ("get_run", {"run_id": "x", "foo": 1}, "foo: is no argument of this tool"),
            ("list_experiments", {"limit": 0, "lifecycle_stage": "x"}, "limit"),
            ("search_runs", {"experiment_ids": ["never"]}, "there is no such experiment"),
            ("search_runs", {"experiment_ids": ["x"], "filter": "a b"}, "filter: "),
        ):
            assert told in await refusal(client, tool, **arguments)
        with pytest.raises(MCPError) as unknown:
            await client.call_tool("delete_everything", {})
        assert unknown.value.error.code == -32602
