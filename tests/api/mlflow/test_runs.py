"""MLflow's calls on runs, and what our own surface shows of them."""

from __future__ import annotations

import pytest

from tests.api.answers import Json, found, gone
from tests.api.engines import START_MS
from tests.api.harness import RUNS, Service
from tests.api.mlflow.tracking import (
    UNKNOWN,
    get,
    new_experiment,
    new_run,
    not_found,
    pairs,
    post,
    run_of,
    said,
    texts,
)

STARTED = 1_700_000_000_000


def test_a_new_run_has_every_field(service: Service) -> None:
    experiment = new_experiment(service)
    run = new_run(
        service, experiment, user_id="ann", run_name="one", start_time=STARTED, tags=pairs(a="1")
    )
    run_id = run["info"]["run_id"]
    assert run["info"] == {
        "run_id": run_id,
        "run_uuid": run_id,
        "run_name": "one",
        "experiment_id": experiment,
        "user_id": "ann",
        "status": "RUNNING",
        "start_time": STARTED,
        "artifact_uri": f"mlflow-artifacts:/{experiment}/{run_id}/artifacts",
        "lifecycle_stage": "active",
    }
    assert run["data"] == {
        "metrics": [],
        "params": [],
        "tags": [*pairs(a="1"), {"key": "mlflow.runName", "value": "one"}],
    }
    again = run_of(service, run_id)
    assert (again["info"], again["data"]) == (run["info"], run["data"])
    old = found(get(service.read, "runs/get", run_uuid=run_id))
    assert old["run"] == again


def test_a_run_keeps_the_id_that_it_comes_with(service: Service) -> None:
    run_id = "0123456789abcdef" * 2
    assert new_run(service, run_id=run_id)["info"]["run_id"] == run_id
    for client in (service.write, service.other):  # nobody can have it again, or see whose it is
        again = post(client, "runs/create", experiment_id="0", run_id=run_id)
        assert run_id in said(again, 400, "RESOURCE_ALREADY_EXISTS")
    assert "run_id" in said(post(service.write, "runs/create", run_id="my-run"))


def test_what_is_left_out_of_a_new_run_is_made_up(service: Service) -> None:
    info = new_run(service)["info"]
    assert info["experiment_id"] == "0"
    assert info["artifact_uri"].startswith("mlflow-artifacts:/0/")
    assert info["user_id"] == "ada"
    assert info["run_name"].count("-") == 2
    assert START_MS <= info["start_time"] < START_MS + 10_000_000
    assert found(post(service.write, "runs/create"))["run"]["info"]["experiment_id"] == "0"


def test_a_run_keeps_the_artifact_location_that_its_experiment_had(service: Service) -> None:
    experiment = new_experiment(service, artifact_location="s3://bucket/some/where/")
    info = new_run(service, experiment)["info"]
    assert info["artifact_uri"] == f"s3://bucket/some/where/{info['run_id']}/artifacts"
    seen = found(service.read.get(f"{RUNS}/{info['run_id']}"))
    assert seen["artifact_uri"] == f"trialbook://runs/{info['run_id']}/artifacts"


def test_a_run_of_mlflow_is_a_run_of_ours(service: Service) -> None:
    experiment = new_experiment(service)
    parent = new_run(service, experiment)["info"]["run_id"]
    named = {
        "mlflow.runName": "child",
        "mlflow.note.content": "about",
        "mlflow.parentRunId": parent,
        "team": "red",
    }
    sent = [{"key": key, "value": value} for key, value in named.items()]
    run = new_run(service, experiment, user_id="ann", tags=sent)
    assert texts(run, "tags") == named
    seen = found(service.read.get(f"{RUNS}/{run['info']['run_id']}"))
    assert seen["name"] == "child"
    assert seen["description"] == "about"
    assert seen["parent_run_id"] == parent
    assert seen["created_by"] == "ada"
    assert seen["tags"] == {"team": "red", "mlflow.parentRunId": parent}


def test_a_run_of_ours_is_a_run_of_mlflow(service: Service) -> None:
    parent = service.run()
    ours = service.run(name="x", description="d", tags={"a": "1"}, parent_run_id=parent["run_id"])
    service.log_values(ours["run_id"], "loss", [3.0, "NaN"])
    found(service.write.post(f"{RUNS}/{ours['run_id']}/end", json={"status": "failed"}))
    run = run_of(service, ours["run_id"])
    assert run["info"]["status"] == "FAILED"
    assert isinstance(run["info"]["end_time"], int)
    assert texts(run, "tags") == {
        "a": "1",
        "mlflow.runName": "x",
        "mlflow.note.content": "d",
        "mlflow.parentRunId": parent["run_id"],
    }
    assert run["data"]["metrics"] == [
        {"key": "loss", "value": "NaN", "timestamp": START_MS + 1000, "step": 1}
    ]
    found(service.write.patch(f"{RUNS}/{ours['run_id']}", json={"name": "y"}))
    again = run_of(service, ours["run_id"])
    assert again["info"]["run_name"] == texts(again, "tags")["mlflow.runName"] == "y"


def test_a_parent_is_given_up_with_its_tag(service: Service) -> None:
    ours = service.run(parent_run_id=service.run()["run_id"])["run_id"]
    sent = [{"key": "mlflow.parentRunId", "value": ours}]
    theirs = new_run(service, tags=sent)["info"]["run_id"]
    for run_id in (ours, theirs):
        asked = {"run_id": run_id, "key": "mlflow.parentRunId"}
        found(post(service.write, "runs/delete-tag", **asked))
        assert "mlflow.parentRunId" not in texts(run_of(service, run_id), "tags")
        assert service.get_run(run_id)["parent_run_id"] is None
        not_found(post(service.write, "runs/delete-tag", **asked))


def test_a_parent_that_is_not_here_is_a_tag_alone(service: Service) -> None:
    others = found(post(service.other, "runs/create"))["run"]["info"]["run_id"]
    for parent in (UNKNOWN, "7", others):
        run = new_run(service, tags=[{"key": "mlflow.parentRunId", "value": parent}])
        assert texts(run, "tags")["mlflow.parentRunId"] == parent
        seen = found(service.read.get(f"{RUNS}/{run['info']['run_id']}"))
        assert seen["parent_run_id"] is None


def test_a_name_and_a_tag_that_says_another_are_refused(service: Service) -> None:
    sent = [{"key": "mlflow.runName", "value": "b"}]
    told = said(post(service.write, "runs/create", run_name="a", tags=sent))
    assert "Both 'run_name' argument and 'mlflow.runName' tag" in told
    assert new_run(service, run_name="b", tags=sent)["info"]["run_name"] == "b"


def test_updating_a_run(service: Service) -> None:
    run_id = new_run(service, start_time=STARTED)["info"]["run_id"]

    def update(**fields: object) -> Json:
        return found(post(service.write, "runs/update", run_id=run_id, **fields))["run_info"]

    assert update(run_name="two")["run_name"] == "two"
    assert update(status="SCHEDULED")["status"] == "SCHEDULED"
    ended = update(status="FINISHED", end_time=STARTED + 5)
    assert (ended["status"], ended["end_time"]) == ("FINISHED", STARTED + 5)
    assert update(status="KILLED", end_time=str(STARTED + 7))["end_time"] == STARTED + 7
    assert update(end_time=STARTED + 9)["end_time"] == STARTED + 9
    assert update(end_time=STARTED - 9)["end_time"] == STARTED - 9, "clocks differ"
    assert "end_time" not in update(status="RUNNING")
    assert update(status=4)["status"] == "FAILED"
    assert update(run_name="")["run_name"] == "two"
    info = run_of(service, run_id)["info"]
    assert info == update()
    assert texts(run_of(service, run_id), "tags")["mlflow.runName"] == "two"


def test_a_deleted_run_is_read_and_restored_but_not_written(service: Service) -> None:
    run_id = new_run(service)["info"]["run_id"]
    for _ in range(2):
        assert found(post(service.write, "runs/delete", run_id=run_id)) == {}
    assert run_of(service, run_id)["info"]["lifecycle_stage"] == "deleted"
    told = f"The run {run_id} must be in the 'active' state. Current state is deleted."
    for path, more in (
        ("update", {"status": "FINISHED"}),
        ("log-metric", {"key": "a", "value": 1, "timestamp": 1}),
        ("log-parameter", {"key": "a", "value": "1"}),
        ("log-batch", {"tags": pairs(a="1")}),
        ("set-tag", {"key": "a", "value": "1"}),
        ("delete-tag", {"key": "a"}),
    ):
        assert said(post(service.write, f"runs/{path}", run_id=run_id, **more)) == told
    for _ in range(2):
        assert found(post(service.write, "runs/restore", run_id=run_id)) == {}
    found(post(service.write, "runs/set-tag", run_id=run_id, key="a", value="1"))
    gone(service.write.delete(f"{RUNS}/{run_id}"))
    assert run_of(service, run_id)["info"]["lifecycle_stage"] == "deleted"


CALLS = {
    "update": {"run_name": "x"},
    "delete": {},
    "restore": {},
    "log-metric": {"key": "a", "value": 1, "timestamp": 1},
    "log-parameter": {"key": "a", "value": "1"},
    "log-batch": {"params": [{"key": "a", "value": "1"}]},
    "set-tag": {"key": "a", "value": "1"},
    "delete-tag": {"key": "a"},
}


@pytest.mark.parametrize("run_id", [UNKNOWN, "not an id", "A" * 32])
def test_what_is_not_there_is_not_found(laptop: Service, run_id: str) -> None:
    told = f"Run with id={run_id} not found"
    assert not_found(get(laptop.read, "runs/get", run_id=run_id)) == told
    for path, more in CALLS.items():
        assert not_found(post(laptop.write, f"runs/{path}", run_id=run_id, **more)) == told


def test_another_tenants_run_is_none(service: Service) -> None:
    run_id = new_run(service)["info"]["run_id"]
    before = run_of(service, run_id)
    told = f"Run with id={run_id} not found"
    assert not_found(get(service.other, "runs/get", run_id=run_id)) == told
    for path, more in CALLS.items():
        assert not_found(post(service.other, f"runs/{path}", run_id=run_id, **more)) == told
    asked = {"run_id": run_id, "metric_key": "a"}
    assert not_found(get(service.other, "metrics/get-history", **asked)) == told
    assert found(get(service.other, "metrics/get-history-bulk", **asked)) == {"metrics": []}
    not_found(
        get(service.other, "metrics/get-history-bulk-interval", run_ids=run_id, metric_key="a")
    )
    assert run_of(service, run_id) == before


@pytest.mark.parametrize(
    "body, told",
    [
        ({"start_time": "soon"}, "Invalid value \"soon\" for parameter 'start_time' supplied"),
        ({"start_time": -1}, "Invalid value -1 for parameter 'start_time' supplied"),
        ({"start_time": 10**18}, "for parameter 'start_time' supplied"),
        ({"experiment_id": 5}, "Invalid value 5 for parameter 'experiment_id' supplied"),
        ({"run_name": "n" * 1001}, "'run_name' exceeds the maximum length of 1000 characters"),
        ({"tags": {"a": "b"}}, "for parameter 'tags' supplied"),
        ({"tags": [{"key": "a", "value": 5}]}, "Invalid value 5 for parameter 'tags[0].value'"),
        ({"tags": [{"value": "b"}]}, "Missing value for required parameter 'tags[0].key'"),
        ({"tags": [{"key": "../a", "value": "b"}]}, "would resolve to '../a'"),
    ],
)
def test_what_is_no_run_is_refused_in_mlflows_words(laptop: Service, body: Json, told: str) -> None:
    assert told in said(post(laptop.write, "runs/create", **body))


@pytest.mark.parametrize("status", ["LOST", "running", 0, 6])
def test_a_status_that_is_none_is_refused(laptop: Service, status: object) -> None:
    run_id = new_run(laptop)["info"]["run_id"]
    said(post(laptop.write, "runs/update", run_id=run_id, status=status))


def test_reading_needs_no_right_to_write(service: Service) -> None:
    run_id = new_run(service)["info"]["run_id"]
    for path, more in CALLS.items():
        answer = post(service.read, f"runs/{path}", run_id=run_id, **more)
        said(answer, 403, "PERMISSION_DENIED")


def test_costs(laptop: Service) -> None:
    experiment = new_experiment(laptop)
    run_of(laptop, new_run(laptop, experiment)["info"]["run_id"])  # keys are in the cache
    with laptop.budget(reads=1, transactions=1):
        run_id = new_run(laptop, experiment)["info"]["run_id"]
    with laptop.budget(reads=2, transactions=1):
        new_run(laptop, experiment, tags=[{"key": "mlflow.parentRunId", "value": run_id}])
    with laptop.budget(reads=1):
        run_of(laptop, run_id)
    with laptop.budget(reads=1, writes=1):
        found(post(laptop.write, "runs/update", run_id=run_id, status="FINISHED", end_time=1))
    with laptop.budget(reads=1, writes=1):
        found(post(laptop.write, "runs/set-tag", run_id=run_id, key="a", value="1"))
    with laptop.budget(reads=1, writes=1):
        found(post(laptop.write, "runs/delete-tag", run_id=run_id, key="a"))
    with laptop.budget(reads=1, writes=1):
        found(post(laptop.write, "runs/delete", run_id=run_id))
    laptop_default = new_run(laptop)
    with laptop.budget(reads=1, transactions=1):
        assert new_run(laptop)["info"]["experiment_id"] == laptop_default["info"]["experiment_id"]
