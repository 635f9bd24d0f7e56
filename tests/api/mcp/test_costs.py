"""What tools cost, in storage requests: what their routes do. See tests/api/test_costs.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest

from tests.api.answers import Json
from tests.api.budget import Amount
from tests.api.harness import EXPERIMENTS, RUNS, Service
from tests.api.mcp.asking import LEGACY, MODERN, asked, called, tool_error
from tests.api.mcp.places import Place, place
from tests.api.named import data_url, log

Cost = dict[str, Amount]
Asked = Callable[[Service, Place], httpx.Response]

COSTS: Final[dict[str, tuple[dict[str, int], Asked]]] = {
    "list_experiments": (
        {"reads": 1, "queries": 1},
        lambda service, _: service.write.get(EXPERIMENTS, params={"search": "digits"}),
    ),
    "create_experiment": (
        {"transactions": 1},
        lambda service, _: service.write.post(EXPERIMENTS, json={"name": "by the route"}),
    ),
    "log_artifact_in_experiment": (
        {"reads": 1, "transactions": 1},
        lambda service, at: service.write.post(
            f"{EXPERIMENTS}/{at.experiment_id}/artifacts",
            json={"name": "x", "kind": "value", "value": 1},
        ),
    ),
    "list_artifacts_in_experiment": (
        {"reads": 1, "queries": 1},
        lambda service, at: service.write.get(f"{EXPERIMENTS}/{at.experiment_id}/artifacts"),
    ),
    "get_artifact_in_experiment": (
        {"reads": 1},
        lambda service, at: service.write.get(f"{EXPERIMENTS}/{at.experiment_id}/artifacts/note"),
    ),
    "search_runs": (
        {"reads": 1, "queries": 1},
        lambda service, at: service.write.post(
            f"{RUNS}/search", json={"experiment_ids": [at.experiment_id]}
        ),
    ),
    "get_run": (
        {"reads": 1},
        lambda service, at: service.write.get(f"{RUNS}/{at.run_ids[0]}"),
    ),
    "compare_runs": (
        {"reads": 2},  # the second brings the goals of the experiment
        lambda service, at: service.write.post(f"{RUNS}/compare", json={"run_ids": at.run_ids}),
    ),
    "get_metric_history": (
        {"reads": 1, "queries": 1},
        lambda service, at: service.write.get(
            f"{RUNS}/{at.run_ids[0]}/metrics/loss", params={"max_points": "200"}
        ),
    ),
    "log_variant_execution": (
        {"writes": 1},
        lambda service, at: service.write.post(
            f"/experiment/{at.ab_slug}/log",
            json={"variantKey": "A", "unitId": "u", "metrics": {"score": 1}},
        ),
    ),
    "get_experiment_results": (
        {"reads": 2, "queries": 1},
        lambda service, at: service.write.get(f"/experiment/{at.ab_slug}/results"),
    ),
}


@pytest.fixture
def at(laptop: Service) -> Place:
    """With the key, the projections and the definition of the A/B test in the caches."""
    made = place(laptop)
    calls = made.calls()
    for tool in ("list_experiments", "search_runs", "log_variant_execution"):
        called(laptop.write, tool, calls[tool])
    laptop.pull()
    called(laptop.write, "list_experiments")
    called(laptop.write, "search_runs", calls["search_runs"])
    return made


@pytest.mark.parametrize("tool", COSTS)
def test_a_tool_costs_what_its_route_does(laptop: Service, at: Place, tool: str) -> None:
    cost, by_route = COSTS[tool]
    with laptop.budget(**cost):
        called(laptop.write, tool, at.calls()[tool])
    with laptop.budget(**cost):
        assert by_route(laptop, at).is_success


def test_bytes_that_are_shown_cost_a_blob_and_a_link_none(laptop: Service, at: Place) -> None:
    tool = "get_artifact_content_in_experiment"
    log(laptop, at.experiment_id, "binary", "file", data_url(b"\0\1"))
    for name, blobs in (("plot", 1), ("binary", 0)):
        with laptop.budget(reads=1, blobs=blobs):
            called(laptop.write, tool, {"experiment_id": at.experiment_id, "artifact_name": name})


def test_a_slug_costs_a_read_more_and_so_does_the_id_of_an_a_b_test(
    laptop: Service, at: Place
) -> None:
    by_slug: Json = {"experiment_id": at.slug, "artifact_name": "note"}
    with laptop.budget(reads=2):
        called(laptop.write, "get_artifact_in_experiment", by_slug)
    by_id: Json = {"experiment_id": at.ab_id}
    with laptop.budget(reads=3, queries=1):
        called(laptop.write, "get_experiment_results", by_id)
    with laptop.budget(reads=1, writes=1):
        called(laptop.write, "log_variant_execution", {**by_id, "variantKey": "A", "unitId": "u"})


def test_a_key_costs_two_writes_for_tools_that_write_and_none_for_readers(
    laptop: Service, at: Place
) -> None:
    tool = "log_artifact_in_experiment"
    with laptop.budget(reads=1, transactions=1, writes=2):
        called(laptop.write, tool, at.calls()[tool], key="k")
    with laptop.budget(reads=1, writes=1):
        called(laptop.write, tool, at.calls()[tool], key="k")
    with laptop.budget(reads=1):
        called(laptop.write, "get_run", at.calls()["get_run"], key="k")


def test_what_is_refused_by_its_arguments_costs_nothing(laptop: Service, at: Place) -> None:
    for tool, arguments in at.calls().items():
        with laptop.budget():
            tool_error(laptop.write, tool, {**arguments, "frobnicate": 1})


@pytest.mark.parametrize(
    "method, version",
    [
        ("server/discover", MODERN),
        ("initialize", LEGACY),
        ("ping", LEGACY),
        *(
            (method, version)
            for version in (MODERN, LEGACY)
            for method in ("tools/list", "prompts/list", "resources/templates/list")
        ),
    ],
)
def test_what_tells_of_the_service_itself_costs_nothing_but_the_key(
    laptop: Service, method: str, version: str
) -> None:
    params: Json = {}
    if method == "initialize":
        client_info = {"name": "tests", "version": "1"}
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": client_info}
    asked(laptop.read, method, params, version=version)
    with laptop.budget():
        asked(laptop.read, method, params, version=version)
    laptop.clock.advance(61)
    with laptop.budget(reads=1):  # the key is looked up again
        asked(laptop.read, method, params, version=version)


def test_resources_and_prompts_cost_what_they_read(laptop: Service, at: Place) -> None:
    with laptop.budget(reads=1, queries=1):
        asked(laptop.write, "resources/list")
    runs = ", ".join(at.run_ids)
    uris: dict[str, Cost] = {
        f"trialbook://experiments/{at.experiment_id}": {"reads": 1},
        f"trialbook://runs/{at.run_ids[0]}": {"reads": 1},
        f"trialbook://experiments/{at.experiment_id}/artifacts/note": {"reads": 1},
        f"trialbook://experiments/{at.experiment_id}/artifacts/plot": {"reads": 1, "blobs": 1},
    }
    for uri, cost in uris.items():
        spent: Any = cost
        with laptop.budget(**spent):
            asked(laptop.write, "resources/read", {"uri": uri})
    prompts: dict[str, tuple[Json, Cost]] = {
        "compare_runs": ({"run_ids": runs}, {"reads": 2}),
        "explain_regression": (
            {"run_id": at.run_ids[1], "baseline_run_id": at.run_ids[0], "metric": "loss"},
            {"reads": 4, "queries": 2},
        ),
        "read_ab_test": ({"experiment_id": at.ab_slug}, {"reads": 2, "queries": 1}),
    }
    for name, (arguments, cost) in prompts.items():
        spent = cost
        with laptop.budget(**spent):
            asked(laptop.write, "prompts/get", {"name": name, "arguments": arguments})
