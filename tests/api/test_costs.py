"""What an operation may cost, in storage requests: the table of docs/architecture.md, pinned.

The keys are in the cache before anything is counted. Numbers are exact unless `at_most` says so.
"""

from __future__ import annotations

import pytest

from tests.api.budget import at_most
from tests.api.harness import EXPERIMENTS, KEYS, RUNS, START_MS, Json, Service, found, gone, made

SHA256 = "0" * 64


@pytest.fixture(autouse=True)
def _warm(service: Service) -> None:
    for client in (service.read, service.write, service.admin):
        found(client.get(EXPERIMENTS))


def batch(first: int, count: int = 1000) -> list[Json]:
    return [
        {"key": "loss", "value": step / 7, "step": step, "timestamp": START_MS + step}
        for step in range(first, first + count)
    ]


def test_authentication_is_free_while_the_key_is_cached(service: Service) -> None:
    run_id = service.run()["run_id"]
    with service.budget(reads=1):
        service.get_run(run_id)
    service.clock.advance(61)
    with service.budget(reads=2):
        service.get_run(run_id)
    with service.budget(reads=1):
        service.get_run(run_id)


def test_nobody_costs_a_read_once_a_key_is_known_to_be_malformed(service: Service) -> None:
    with service.budget():
        service.client("malformed").get(EXPERIMENTS)
        service.anybody.get(EXPERIMENTS)


def test_creating_an_experiment(service: Service) -> None:
    with service.budget(transactions=1):
        service.experiment("one")
    with service.budget(transactions=2):  # the slug was taken
        service.experiment("ONE")


def test_reading_changing_and_deleting_an_experiment(service: Service) -> None:
    experiment = service.experiment("x")
    url = f"{EXPERIMENTS}/{experiment['id']}"
    with service.budget(reads=1):
        found(service.read.get(url))
    with service.budget(reads=2):  # by slug
        found(service.read.get(f"{EXPERIMENTS}/x"))
    with service.budget(reads=2, writes=1):  # the second read brings the counts
        found(service.write.patch(url, json={"description": "x"}))
    with service.budget(reads=2, transactions=1):  # a name is taken and another given up
        found(service.write.patch(url, json={"name": "y"}))
    with service.budget(reads=1, writes=1):
        gone(service.write.delete(url))


def test_listing_experiments(service: Service) -> None:
    for number in range(3):
        service.experiment(f"number {number}")
    found(service.read.get(EXPERIMENTS))
    with service.budget(reads=at_most(2), queries=1):  # what changed; the counts of the page
        found(service.read.get(EXPERIMENTS, params={"search": "number"}))


def test_creating_a_run(service: Service) -> None:
    experiment_id = service.experiment()["id"]
    with service.budget(reads=1, transactions=1):
        parent = service.run(experiment_id, tags={"a": "b"})
    with service.budget(reads=2, transactions=1):
        service.run(experiment_id, parent_run_id=parent["run_id"])


def test_getting_changing_ending_and_deleting_a_run(service: Service) -> None:
    run_id = service.run()["run_id"]
    url = f"{RUNS}/{run_id}"
    with service.budget(reads=1):
        service.get_run(run_id)
    with service.budget(reads=at_most(2), writes=1):
        found(service.write.patch(url, json={"name": "x"}))
    with service.budget(reads=at_most(2), writes=1):
        found(service.write.post(f"{url}/end", json={}))
    with service.budget(reads=1, writes=1):
        gone(service.write.delete(url))


@pytest.mark.parametrize("count", [1, 10, 1000])
def test_logging_points(service: Service, count: int) -> None:
    run_id = service.run()["run_id"]
    with service.budget(reads=1, transactions=1):
        found(service.log(run_id, batch(0, count)))
    metrics = {f"m{number}": number for number in range(min(count, 100))}
    with service.budget(reads=1, transactions=1):
        found(service.write.post(f"{RUNS}/{run_id}/log-metrics", json={"metrics": metrics}))


def test_logging_a_batch_with_params_and_tags(service: Service) -> None:
    run_id = service.run()["run_id"]
    with service.budget(reads=1, transactions=1):
        found(service.log(run_id, batch(0), {"lr": "1", "opt": "sgd"}, {"team": "x"}))


def test_logging_params_alone(service: Service) -> None:
    url = f"{RUNS}/{service.run()['run_id']}/log-params"
    for budget in (service.budget(reads=1, writes=1), service.budget(reads=1)):
        with budget:  # the second time nothing changes
            found(service.write.post(url, json={"params": {"lr": 1}}))


def test_logging_the_same_batch_again(service: Service) -> None:
    run_id = service.run()["run_id"]
    found(service.log(run_id, batch(0)))
    with service.budget(reads=1, transactions=1):
        found(service.log(run_id, batch(0)))


def test_logging_to_a_run_that_spilled_costs_one_read_more(service: Service) -> None:
    run_id = service.run()["run_id"]
    metrics = [{"key": f"m{number}", "value": number} for number in range(1000)]
    found(service.log(run_id, metrics))
    with service.budget(reads=2, transactions=1):
        found(service.log(run_id, batch(0)))
    with service.budget(reads=1, queries=1):
        assert len(service.get_run(run_id)["metrics"]) == 1001


def test_comparing_ten_runs(service: Service) -> None:
    runs = [service.run()["run_id"] for _ in range(10)]
    for run_id in runs:
        found(service.log(run_id, batch(0, 1)))
    body: Json = {"run_ids": runs, "goals": {"loss": "min"}}
    with service.budget(reads=1):
        found(service.read.post(f"{RUNS}/compare", json=body))
    with service.budget(reads=2):  # the goals of the experiment
        found(service.read.post(f"{RUNS}/compare", json={"run_ids": runs}))


def test_listing_a_hundred_runs(service: Service) -> None:
    experiment_id = service.experiment()["id"]
    for _ in range(100):
        service.run(experiment_id)
    query = {"experiment_id": experiment_id, "limit": "100"}
    with service.budget(reads=1, queries=1):
        assert len(found(service.read.get(RUNS, params=query))["runs"]) == 100


def test_searching_runs_again_costs_what_changed(service: Service) -> None:
    experiment_id = service.experiment()["id"]
    run_id = service.run(experiment_id)["run_id"]
    body = {"experiment_ids": [experiment_id], "filter": "metrics.loss < 1"}
    with service.budget(reads=1, queries=3):  # the first look loads active and deleted ones
        found(service.read.post(f"{RUNS}/search", json=body))
    found(service.log(run_id, batch(0, 1)))
    with service.budget(reads=2, queries=1):  # the experiment, the run that changed; what changed
        assert len(found(service.read.post(f"{RUNS}/search", json=body))["runs"]) == 1


def test_the_history_of_100_000_points(service: Service) -> None:
    count = 100 if service.engine == "sqlite" else 10  # moto takes a second for a hundred
    run_id = service.run()["run_id"]
    for number in range(count):
        found(service.log(run_id, batch(number * 1000)))
    url = f"{RUNS}/{run_id}/metrics/loss"
    # one per MB of packed chunks (9 to 12 bytes a point), and one per level
    megabytes = -(-count * 12_000 // 2**20)
    with service.budget(reads=1, queries=at_most(megabytes + 2)):
        assert found(service.read.get(url, params={"max_points": "1000"}))["total"] == count * 1000
    with service.budget(reads=1, queries=at_most(3)):
        found(service.read.get(url))
    body = {"run_ids": [run_id], "keys": ["loss"]}
    with service.budget(reads=1, queries=at_most(megabytes + 2)):
        found(service.read.post(f"{RUNS}/metrics/history", json=body))


def test_files(service: Service) -> None:
    run_id = service.run()["run_id"]
    url = f"{RUNS}/{run_id}/artifacts"
    with service.budget(reads=1, transactions=1, blobs=1):
        files = {"file": ("a", b"x")}
        found(service.write.post(f"{RUNS}/{run_id}/log-artifact", files=files))
    with service.budget(reads=1, queries=1):
        found(service.read.get(url))
    with service.budget(reads=1):
        service.read.get(f"{url}/content", params={"path": "a"})


def test_uploads(service: Service) -> None:
    run_id = service.run()["run_id"]
    url = f"{RUNS}/{run_id}/artifacts/uploads"
    body: Json = {"path": "a", "size_bytes": 0, "sha256": SHA256}
    with service.budget(reads=1, writes=1):
        single = made(service.write.post(url, json=body))
    with service.budget(reads=1, writes=1, blobs=1):
        large = made(service.write.post(url, json=body | {"size_bytes": 2**30}))
    with service.budget(reads=1):
        asked = {"part_numbers": [1, 2, 3]}
        found(service.write.post(f"{url}/{large['upload_id']}/parts", json=asked))
    with service.budget(reads=1, writes=1, blobs=1):
        gone(service.write.delete(f"{url}/{large['upload_id']}"))
    service.services.blobs.put(f"cas/{service.tenant}/{SHA256}", b"", mime="text/plain")
    with service.budget(reads=2, transactions=1, blobs=1):
        found(service.write.post(f"{url}/{single['upload_id']}/complete", json={}))


def test_an_idempotency_key_costs_two_writes(service: Service) -> None:
    experiment_id = service.experiment()["id"]
    body, headers = {"experiment_id": experiment_id}, {"Idempotency-Key": "k"}
    with service.budget(reads=1, transactions=1, writes=2):
        made(service.write.post(RUNS, json=body, headers=headers))
    with service.budget(reads=1, writes=1):
        made(service.write.post(RUNS, json=body, headers=headers))


def test_keys(service: Service) -> None:
    with service.budget(writes=1):
        created = made(service.admin.post(KEYS, json={"role": "read"}))
    with service.budget(queries=1):
        found(service.admin.get(KEYS))
    with service.budget(reads=1, writes=1):
        gone(service.admin.delete(f"{KEYS}/{created['key_id']}"))


def test_telling_another_tenants_from_none_costs_one_read_on_a_miss(service: Service) -> None:
    with service.budget(reads=2):
        service.read.get(f"{RUNS}/{'0' * 32}")
