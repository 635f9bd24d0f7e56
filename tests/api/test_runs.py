"""Starting, reading, changing, ending, deleting and restoring runs."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

from chalicelib.api.v1.shapes import milliseconds_of
from tests.api.answers import Json, bad_fields, found, gone, made, refused
from tests.api.harness import EXPERIMENTS, RUNS, Service

UNKNOWN_ID = "0" * 32


def test_a_new_run_has_every_field(service: Service) -> None:
    experiment = service.experiment()
    body = {"experiment_id": experiment["id"], "name": "the run"}
    run = made(service.write.post(RUNS, json=body))
    assert run == {
        "run_id": run["run_id"],
        "experiment_id": experiment["id"],
        "name": "the run",
        "description": None,
        "status": "running",
        "lifecycle_stage": "active",
        "start_time": run["start_time"],
        "end_time": None,
        "duration_ms": None,
        "artifact_uri": f"trialbook://runs/{run['run_id']}/artifacts",
        "parent_run_id": None,
        "tags": {},
        "params": {},
        "metrics": {},
        "metric_summary": {},
        "created_by": "ada",
    }
    assert re.fullmatch("[0-9a-f]{32}", run["run_id"])
    assert re.fullmatch(r"2027-01-15T0\d:\d\d:\d\d\.\d{3}Z", run["start_time"])
    assert service.get_run(run["run_id"]) == run


def test_ids_of_runs_are_ordered_by_time(service: Service) -> None:
    ids = [service.run()["run_id"] for _ in range(5)]
    assert ids == sorted(ids)


def test_a_run_without_a_name_gets_a_readable_one(service: Service) -> None:
    names = {service.run()["name"] for _ in range(5)}
    assert len(names) == 5
    assert all(re.fullmatch("[a-z]+-[a-z]+-[0-9]{3}", name) for name in names)


def test_runs_may_share_a_name(service: Service) -> None:
    assert service.run(name="same")["run_id"] != service.run(name="same")["run_id"]


def test_the_experiment_may_be_named_by_its_slug(service: Service) -> None:
    experiment = service.experiment("Sluggish")
    assert service.run("sluggish")["experiment_id"] == experiment["id"]


def test_what_is_sent_at_the_start_is_kept(service: Service) -> None:
    parent = service.run()
    sent = {
        "name": "n" * 255,
        "description": "d" * 8000,
        "tags": {"a": "1", "ü": ""},
        "parent_run_id": parent["run_id"],
    }
    run = service.run(parent["experiment_id"], **sent)
    assert sent.items() <= run.items()
    assert service.get_run(run["run_id"]) == run


def test_a_parent_must_exist_and_may_be_of_another_experiment(service: Service) -> None:
    experiment = service.experiment("first")
    body: Json = {"experiment_id": experiment["id"], "parent_run_id": UNKNOWN_ID}
    refused(service.write.post(RUNS, json=body), 404)
    parent = service.run(service.experiment("second")["id"])
    body["parent_run_id"] = parent["run_id"]
    assert made(service.write.post(RUNS, json=body))["parent_run_id"] == parent["run_id"]


@pytest.mark.parametrize("experiment_id", [UNKNOWN_ID, "no-such-slug", "Not A Slug"])
def test_an_unknown_experiment_is_not_found(laptop: Service, experiment_id: str) -> None:
    refused(laptop.write.post(RUNS, json={"experiment_id": experiment_id}), 404)
    refused(laptop.read.get(RUNS, params={"experiment_id": experiment_id}), 404)


@pytest.mark.parametrize("run_id", [UNKNOWN_ID, "short", "A" * 32, "%F0%9F%98%80", "a%2Fb"])
def test_an_unknown_run_is_not_found(laptop: Service, run_id: str) -> None:
    refused(laptop.read.get(f"{RUNS}/{run_id}"), 404)


@pytest.mark.parametrize(
    "body, paths",
    [
        ({}, ["experiment_id"]),
        ({"experiment_id": ""}, ["experiment_id"]),
        ({"experiment_id": 5}, ["experiment_id"]),
        ({"experiment_id": "x" * 64}, ["experiment_id"]),
        ({"experiment_id": "x", "name": ""}, ["name"]),
        ({"experiment_id": "x", "name": "n" * 256}, ["name"]),
        ({"experiment_id": "x", "name": "a\x00b"}, ["name"]),
        ({"experiment_id": "x", "description": "d" * 8001}, ["description"]),
        ({"experiment_id": "x", "tags": {"a": 1}}, ["tags.a"]),
        ({"experiment_id": "x", "tags": [["a", "b"]]}, ["tags"]),
        ({"experiment_id": "x", "parent_run_id": "parent"}, ["parent_run_id"]),
        ({"experiment_id": "x", "parent_run_id": "A" * 32}, ["parent_run_id"]),
        ({"experiment_id": "x", "start_time": 5, "status": "x"}, ["start_time", "status"]),
        ({"name": 1, "tags": {"a": None}}, ["experiment_id", "name", "tags.a"]),
    ],
)
def test_every_bad_field_of_a_new_run_is_named(
    laptop: Service, body: Json, paths: list[str]
) -> None:
    assert bad_fields(laptop.write.post(RUNS, json=body)) == paths


def test_changes_touch_only_what_was_sent(service: Service) -> None:
    run = service.run(name="old", description="what", tags={"a": "1", "b": "2"})
    url = f"{RUNS}/{run['run_id']}"
    changes = {"name": "new", "tags": {"a": None, "c": "3", "absent": None}}
    after = found(service.write.patch(url, json=changes))
    assert after == run | {"name": "new", "tags": {"b": "2", "c": "3"}}
    assert service.get_run(run["run_id"]) == after
    assert found(service.write.patch(url, json={"description": None}))["description"] is None
    assert found(service.write.patch(url, json={})) == after | {"description": None}


@pytest.mark.parametrize(
    "body, paths",
    [
        ({"name": ""}, ["name"]),
        ({"status": "done"}, ["status"]),
        ({"status": True}, ["status"]),
        ({"tags": {"a": 1, "k" * 251: "v"}}, ["tags.a", f"tags.{'k' * 251}.[key]"]),
        ({"params": {"a": "b"}}, ["params"]),
        ({"experiment_id": UNKNOWN_ID}, ["experiment_id"]),
        ({"description": 5, "end_time": 1}, ["description", "end_time"]),
    ],
)
def test_every_bad_field_of_a_change_is_named(
    laptop: Service, body: Json, paths: list[str]
) -> None:
    url = f"{RUNS}/{laptop.run()['run_id']}"
    assert bad_fields(laptop.write.patch(url, json=body)) == paths


def test_a_status_that_ends_a_run_sets_its_end_and_another_clears_it(service: Service) -> None:
    run = service.run()
    url = f"{RUNS}/{run['run_id']}"
    service.clock.advance(10)
    ended = found(service.write.patch(url, json={"status": "failed"}))
    assert ended["status"] == "failed"
    assert ended["duration_ms"] == 10_001
    service.clock.advance(10)
    assert found(service.write.patch(url, json={"status": "failed"})) == ended
    resumed = found(service.write.patch(url, json={"status": "running"}))
    assert resumed == run


@pytest.mark.parametrize("status", ["finished", "failed", "killed"])
def test_a_run_is_ended(service: Service, status: str) -> None:
    run = service.run()
    service.clock.advance(1.5)
    ended = found(service.write.post(f"{RUNS}/{run['run_id']}/end", json={"status": status}))
    times = {"end_time": ended["end_time"], "duration_ms": 1501}
    assert ended == run | {"status": status, **times}
    assert service.get_run(run["run_id"]) == ended


def test_a_run_ends_as_finished_unless_told_otherwise(service: Service) -> None:
    for body in (b"", b"{}"):
        url = f"{RUNS}/{service.run()['run_id']}/end"
        headers = {"content-type": "application/json"}
        ended = found(service.write.post(url, content=body, headers=headers))
        assert ended["status"] == "finished"


def test_ending_twice_alike_changes_nothing_and_otherwise_conflicts(service: Service) -> None:
    url = f"{RUNS}/{service.run()['run_id']}/end"
    ended = found(service.write.post(url, json={"status": "failed"}))
    service.clock.advance(5)
    assert found(service.write.post(url, json={"status": "failed"})) == ended
    for status in ("finished", "killed"):
        error = refused(service.write.post(url, json={"status": status}), 409)
        assert error["details"] == {"status": "failed"}


def test_an_end_time_of_ones_own_is_kept_to_the_millisecond(service: Service) -> None:
    run = service.run()
    start = datetime.fromisoformat(run["start_time"])
    end = start + timedelta(hours=2, milliseconds=7)
    for spelled in (end.isoformat(timespec="milliseconds"), "2027-01-15T20:00:00.123+02:00"):
        run = service.run()
        body = {"end_time": spelled}
        ended = found(service.write.post(f"{RUNS}/{run['run_id']}/end", json=body))
        assert milliseconds_of(datetime.fromisoformat(ended["end_time"])) == milliseconds_of(
            datetime.fromisoformat(spelled)
        )
        assert ended["end_time"].endswith("Z")


@pytest.mark.parametrize(
    "body, paths",
    [
        ({"status": "running"}, ["status"]),
        ({"status": "FINISHED"}, ["status"]),
        ({"end_time": "2027-01-15T09:00:00"}, ["end_time"]),
        ({"end_time": "yesterday"}, ["end_time"]),
        ({"end_time": True}, ["end_time"]),
        ({"end_time": "2020-01-01T00:00:00Z"}, ["end_time"]),
        ({"status": 1, "end": 2, "end_time": []}, ["end", "end_time", "status"]),
    ],
)
def test_every_bad_field_of_an_end_is_named(laptop: Service, body: Json, paths: list[str]) -> None:
    url = f"{RUNS}/{laptop.run()['run_id']}"
    assert bad_fields(laptop.write.post(f"{url}/end", json=body)) == paths
    assert found(laptop.read.get(url))["status"] == "running"


def test_deleting_is_soft_and_may_be_repeated(service: Service) -> None:
    run = service.run()
    url = f"{RUNS}/{run['run_id']}"
    for _ in range(2):
        gone(service.write.delete(url))
    assert service.get_run(run["run_id"]) == run | {"lifecycle_stage": "deleted"}
    for _ in range(2):
        assert found(service.write.post(f"{url}/restore")) == run


def test_a_deleted_run_takes_no_changes(service: Service) -> None:
    run_id = service.run()["run_id"]
    url = f"{RUNS}/{run_id}"
    gone(service.write.delete(url))
    refused(service.write.patch(url, json={"name": "x"}), 409)
    refused(service.write.post(f"{url}/end", json={}), 409)
    found(service.write.post(f"{url}/restore"))
    found(service.write.post(f"{url}/end", json={}))


def test_runs_of_a_deleted_experiment_are_read_as_before(service: Service) -> None:
    run = service.run()
    gone(service.write.delete(f"{EXPERIMENTS}/{run['experiment_id']}"))
    assert service.get_run(run["run_id"]) == run
