"""The counts of an experiment, which the change feed keeps."""

from __future__ import annotations

from chalicelib import wiring
from chalicelib.domain import feed
from tests.api.answers import Json, found, gone
from tests.api.harness import EXPERIMENTS, RUNS, Service


def counts(service: Service, experiment: Json) -> Json:
    return found(service.read.get(f"{EXPERIMENTS}/{experiment['id']}"))["counts"]


def upload(service: Service, run: Json, name: str) -> None:
    files = {"file": (name, b"bytes")}
    found(service.write.post(f"{RUNS}/{run['run_id']}/log-artifact", files=files))


def test_runs_and_artifacts_are_counted_when_the_feed_was_pulled(service: Service) -> None:
    experiment, other = service.experiment("one"), service.experiment("other")
    runs = [service.run(experiment["id"]) for _ in range(3)]
    service.run(other["id"])
    for name in ("a", "b", "a"):
        upload(service, runs[0], name)
    service.pull()
    assert counts(service, experiment) == {"runs": 3, "artifacts": 2, "logs": 0}
    assert counts(service, other) == {"runs": 1, "artifacts": 0, "logs": 0}


def test_lists_show_the_counts_too(service: Service) -> None:
    experiment = service.experiment()
    service.run(experiment["id"])
    service.pull()
    listed = found(service.read.get(EXPERIMENTS))["experiments"]
    assert listed[0]["counts"] == {"runs": 1, "artifacts": 0, "logs": 0}


def test_deleted_runs_do_not_count_and_restored_ones_do(service: Service) -> None:
    experiment = service.experiment()
    run = service.run(experiment["id"])
    service.run(experiment["id"])
    url = f"{RUNS}/{run['run_id']}"
    for _ in range(2):
        gone(service.write.delete(url))
        service.pull()
        assert counts(service, experiment)["runs"] == 1
    for _ in range(2):
        found(service.write.post(f"{url}/restore"))
        service.pull()
        assert counts(service, experiment)["runs"] == 2


def test_logging_to_a_run_does_not_count_it_again(service: Service) -> None:
    experiment = service.experiment()
    run = service.run(experiment["id"])
    service.log_values(run["run_id"], "loss", [1.0, 2.0])
    found(service.write.patch(f"{RUNS}/{run['run_id']}", json={"name": "renamed"}))
    found(service.write.post(f"{RUNS}/{run['run_id']}/end", json={}))
    service.pull()
    assert counts(service, experiment)["runs"] == 1


def test_changes_that_are_delivered_twice_count_once(service: Service) -> None:
    experiment = service.experiment()
    run = service.run(experiment["id"])
    upload(service, run, "a")
    first = service.services.table.changes(None)
    service.run(experiment["id"])
    again = service.services.table.changes(None)
    assert len(again.changes) == len(first.changes) + 1
    to = wiring.projections(service.services)
    mine = {change.key.pk for change in first.changes if service.tenant in change.key.pk}
    assert mine
    for delivered in (first, first, again, again):
        feed.dispatch(to, delivered.changes)
    assert counts(service, experiment) == {"runs": 2, "artifacts": 1, "logs": 0}


def test_a_feed_with_more_changes_than_a_transaction_holds_is_counted_whole(
    service: Service,
) -> None:
    experiment = service.experiment()
    for _ in range(45):
        service.run(experiment["id"])
    service.pull()
    service.pull()
    assert counts(service, experiment)["runs"] == 45


def test_counting_changes_neither_the_version_nor_the_time(service: Service) -> None:
    experiment = service.experiment()
    service.run(experiment["id"])
    service.pull()
    assert found(service.read.get(f"{EXPERIMENTS}/{experiment['id']}")) == experiment | {
        "counts": {"runs": 1, "artifacts": 0, "logs": 0}
    }
