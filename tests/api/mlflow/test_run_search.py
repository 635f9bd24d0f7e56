"""MLflow's search of runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.answers import Json, found
from tests.api.budget import at_most
from tests.api.harness import RUNS, Service
from tests.api.mlflow.tracking import (
    UNKNOWN,
    names,
    new_experiment,
    new_run,
    pairs,
    point,
    post,
    run_of,
    said,
    searched,
)

AT = 1_700_000_000_000


@pytest.fixture
def experiment(service: Service) -> str:
    """Of four runs, each started after the one before: a, b, c, d."""
    made, run_id = new_experiment(service), ""
    for n, (name, loss) in enumerate(zip("abcd", [0.5, 0.1, "NaN", None], strict=True)):
        run_id = new_run(
            service, made, run_name=name, start_time=AT + n, user_id=f"user-{n % 2}",
            tags=pairs(team="red" if n < 2 else "Blue"),
        )["info"]["run_id"]  # fmt: skip
        body: Json = {"params": [{"key": "lr", "value": str(n)}], "run_id": run_id}
        if loss is not None:
            body["metrics"] = [point("loss", loss)]
        found(post(service.write, "runs/log-batch", **body))
    found(post(service.write, "runs/update", run_id=run_id, status="FINISHED", end_time=AT + 99))
    return made


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", "dcba"),
        ("metrics.loss < 0.3", "b"),
        ("metrics.loss != 0.5", "cb"),
        ("metric.loss >= 0.1 and params.lr = '0'", "a"),
        ("params.lr IN ('1', '2',)", "cb"),
        ("param.lr != '3'", "cba"),
        ("tags.team LIKE 'r%'", "ba"),
        ("tags.team ILIKE 'BLUE'", "dc"),
        ("tags.nope IS NULL", "dcba"),
        ("tags.team IS NOT NULL", "dcba"),
        ("attributes.status = 'FINISHED'", "d"),
        ("status != 'FINISHED'", "cba"),
        ("run_name = 'a'", "a"),
        ("attributes.`run name` IN ('a', 'c')", "ca"),
        ("tags.`mlflow.runName` = 'b'", "b"),
        ("user_id = 'user-1'", "db"),
        ("created_by = 'ada'", "dcba"),
        (f"start_time > {AT}", "dcb"),
        (f"attr.end_time = {AT + 99}", "d"),
        ("artifact_uri LIKE 'mlflow-artifacts:/%/artifacts'", "dcba"),
        ("artifact_uri = 'x'", ""),
        ("datasets.name = 'x'", ""),
    ],
)
def test_filters(service: Service, experiment: str, text: str, expected: str) -> None:
    assert names(searched(service, [experiment], filter=text)) == list(expected)


@pytest.mark.parametrize(
    "order_by, expected",
    [
        ([], "dcba"),
        (["metrics.loss ASC"], "bacd"),
        (["metrics.loss DESC"], "abcd"),
        (["attributes.start_time"], "abcd"),
        (["tags.team", "params.lr DESC"], "dcba"),
        (["run_name DESC"], "dcba"),
        (["attributes.end_time"], "dcba"),
    ],
)
def test_orders(service: Service, experiment: str, order_by: list[str], expected: str) -> None:
    asked: Json = {"order_by": order_by}
    assert names(searched(service, [experiment], **asked)) == list(expected)
    asked["max_results"] = 1
    seen: list[str] = []
    while True:
        answer = searched(service, [experiment], **asked)
        seen += names(answer)
        if "next_page_token" not in answer:
            break
        asked["page_token"] = answer["next_page_token"]
    assert seen == list(expected)


def test_ids_of_runs(service: Service, experiment: str) -> None:
    ids = [run["info"]["run_id"] for run in searched(service, [experiment])["runs"]]
    one = searched(service, [experiment], filter=f"run_id IN {(ids[0],)}")
    assert names(one) == ["d"]
    others = searched(service, [experiment], filter=f"run_id NOT IN {tuple(ids[:2])}")
    assert names(others) == ["b", "a"]


def test_a_found_run_is_as_it_is_read(service: Service, experiment: str) -> None:
    for run in searched(service, [experiment])["runs"]:
        assert run == run_of(service, run["info"]["run_id"])


def test_deleted_runs(service: Service, experiment: str) -> None:
    first = searched(service, [experiment])["runs"][0]["info"]["run_id"]
    found(post(service.write, "runs/delete", run_id=first))
    assert names(searched(service, [experiment])) == ["c", "b", "a"]
    assert names(searched(service, [experiment], run_view_type="DELETED_ONLY")) == ["d"]
    assert names(searched(service, [experiment], run_view_type="ALL")) == ["d", "c", "b", "a"]


def test_runs_of_a_deleted_experiment_are_found_as_deleted_ones(service: Service) -> None:
    made = new_experiment(service)
    new_run(service, made, run_name="a")
    found(post(service.write, "experiments/delete", experiment_id=made))
    assert names(searched(service, [made])) == []
    assert names(searched(service, [made], run_view_type="DELETED_ONLY")) == ["a"]
    assert names(searched(service, [made], run_view_type=3)) == ["a"]
    found(post(service.write, "experiments/restore", experiment_id=made))
    assert names(searched(service, [made])) == ["a"]


def test_children_by_the_tag_of_their_parent(service: Service) -> None:
    parent = service.run(name="p")
    experiment = parent["experiment_id"]
    service.run(experiment, name="ours", parent_run_id=parent["run_id"])
    sent = [{"key": "mlflow.parentRunId", "value": parent["run_id"]}]
    new_run(service, experiment, run_name="theirs", tags=sent)
    text = f"tags.mlflow.parentRunId = '{parent['run_id']}'"
    assert sorted(names(searched(service, [experiment], filter=text))) == ["ours", "theirs"]
    body = {"experiment_ids": [experiment], "filter": text}
    answer = found(service.read.post(f"{RUNS}/search", json=body))
    assert len(answer["runs"]) == 2


def test_several_experiments_and_those_that_are_not_here(service: Service) -> None:
    new_run(service, run_name="of the default")
    other = new_experiment(service, "other")
    new_run(service, other, run_name="of the other")
    hidden = found(post(service.other, "runs/create"))["run"]["info"]["experiment_id"]
    theirs = found(post(service.other, "experiments/create", name="theirs"))["experiment_id"]
    found(post(service.other, "runs/create", experiment_id=theirs))
    assert hidden == "0"
    ids = ["0", other, UNKNOWN, "77", theirs]
    assert sorted(names(searched(service, ids))) == ["of the default", "of the other"]
    assert searched(service, [UNKNOWN, theirs])["runs"] == []
    assert searched(service, [])["runs"] == []
    many = [f"{n:032x}" for n in range(250)]
    assert len(searched(service, [*many, other])["runs"]) == 1


def test_a_page_fits_an_answer(laptop: Service) -> None:
    experiment = new_experiment(laptop)
    for n in range(9):
        long = [{"key": f"t{n}", "value": "v" * 8000} for n in range(70)]
        new_run(laptop, experiment, run_name=str(n), tags=long)
    asked: Json = {"max_results": 50_000}
    seen: list[str] = []
    pages = 0
    while True:
        answer = post(laptop.read, "runs/search", experiment_ids=[experiment], **asked)
        assert len(answer.content) < 5_000_000
        seen += names(found(answer))
        pages += 1
        if "next_page_token" not in answer.json():
            break
        asked["page_token"] = answer.json()["next_page_token"]
    assert pages > 1
    assert seen == list("876543210")


@pytest.mark.parametrize(
    "asked, told",
    [
        ({"filter": "metrics.loss < 'a'"}, "position"),
        ({"filter": "loss < 1"}, "unknown attribute 'loss'"),
        ({"filter": "metrics.a < 1 OR metrics.a > 2"}, "position"),
        ({"filter": 5}, "Invalid value 5 for parameter 'filter' supplied"),
        ({"order_by": ["metrics.loss SIDEWAYS"]}, "position"),
        ({"order_by": "metrics.loss"}, "for parameter 'order_by' supplied"),
        ({"max_results": 50_001}, "Invalid value 50001 for parameter 'max_results' supplied"),
        ({"max_results": 0}, "It must be a positive integer"),
        ({"max_results": -1}, "It must be a positive integer"),
        ({"run_view_type": "SOME"}, "Invalid value \"SOME\" for parameter 'run_view_type'"),
        ({"page_token": "nonsense"}, "Invalid page token"),
    ],
)
def test_a_search_that_cannot_be_is_refused(laptop: Service, asked: Json, told: str) -> None:
    assert told in said(post(laptop.read, "runs/search", experiment_ids=["0"], **asked))


def test_a_token_is_good_for_its_search_alone(laptop: Service) -> None:
    for _ in range(2):
        new_run(laptop)
    token = searched(laptop, ["0"], max_results=1)["next_page_token"]
    asked: dict[str, Any] = {"experiment_ids": ["0"], "page_token": token}
    said(post(laptop.read, "runs/search", filter="run_name = 'a'", **asked))
    said(post(laptop.other, "runs/search", **asked))
    assert len(found(post(laptop.read, "runs/search", max_results=5, **asked))["runs"]) == 1


def test_costs(laptop: Service) -> None:
    experiment = new_experiment(laptop)
    new_run(laptop, experiment)
    searched(laptop, [experiment])
    with laptop.budget(reads=at_most(2), queries=1):  # where time flows, what changed lately
        searched(laptop, [experiment], filter="metrics.loss > 1")
