"""What an operation may cost, in storage requests: the table of docs/architecture.md, pinned.

It is counted above the engines' adapters, so one engine stands for all. The keys are in the cache
before anything is counted. Numbers are exact unless `at_most` says so.
"""

from __future__ import annotations

import pytest

from chalicelib.storage import artifact_keys
from tests.api.answers import Json, found, gone, made
from tests.api.budget import at_most
from tests.api.engines import START_MS
from tests.api.harness import EXPERIMENTS, KEYS, RUNS, Service

SHA256 = "0" * 64


@pytest.fixture(autouse=True)
def _warm(laptop: Service) -> None:
    for client in (laptop.read, laptop.write, laptop.admin):
        found(client.get(EXPERIMENTS))


def batch(first: int, count: int = 1000) -> list[Json]:
    return [
        {"key": "loss", "value": step / 7, "step": step, "timestamp": START_MS + step}
        for step in range(first, first + count)
    ]


def test_authentication_is_free_while_the_key_is_cached(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    with laptop.budget(reads=1):
        laptop.get_run(run_id)
    laptop.clock.advance(61)
    with laptop.budget(reads=2):
        laptop.get_run(run_id)
    with laptop.budget(reads=1):
        laptop.get_run(run_id)


def test_nobody_costs_a_read_once_a_key_is_known_to_be_malformed(laptop: Service) -> None:
    with laptop.budget():
        laptop.client("malformed").get(EXPERIMENTS)
        laptop.anybody.get(EXPERIMENTS)


def test_creating_an_experiment(laptop: Service) -> None:
    with laptop.budget(transactions=1):
        laptop.experiment("one")
    with laptop.budget(transactions=2):  # the slug was taken
        laptop.experiment("ONE")


def test_reading_changing_and_deleting_an_experiment(laptop: Service) -> None:
    experiment = laptop.experiment("x")
    url = f"{EXPERIMENTS}/{experiment['id']}"
    with laptop.budget(reads=1):
        found(laptop.read.get(url))
    with laptop.budget(reads=2):  # by slug
        found(laptop.read.get(f"{EXPERIMENTS}/x"))
    with laptop.budget(reads=2, writes=1):  # the second read brings the counts
        found(laptop.write.patch(url, json={"description": "x"}))
    with laptop.budget(reads=2, transactions=1):  # a name is taken and another given up
        found(laptop.write.patch(url, json={"name": "y"}))
    with laptop.budget(reads=1, writes=1):
        gone(laptop.write.delete(url))


def test_listing_experiments(laptop: Service) -> None:
    for number in range(3):
        laptop.experiment(f"number {number}")
    found(laptop.read.get(EXPERIMENTS))
    with laptop.budget(reads=at_most(2), queries=1):  # what changed; the counts of the page
        found(laptop.read.get(EXPERIMENTS, params={"search": "number"}))


def test_creating_a_run(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    with laptop.budget(reads=1, transactions=1):
        parent = laptop.run(experiment_id, tags={"a": "b"})
    with laptop.budget(reads=2, transactions=1):
        laptop.run(experiment_id, parent_run_id=parent["run_id"])


def test_getting_changing_ending_and_deleting_a_run(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    url = f"{RUNS}/{run_id}"
    with laptop.budget(reads=1):
        laptop.get_run(run_id)
    with laptop.budget(reads=at_most(2), writes=1):
        found(laptop.write.patch(url, json={"name": "x"}))
    with laptop.budget(reads=at_most(2), writes=1):
        found(laptop.write.post(f"{url}/end", json={}))
    with laptop.budget(reads=1, writes=1):
        gone(laptop.write.delete(url))


@pytest.mark.parametrize("count", [1, 10, 1000])
def test_logging_points(laptop: Service, count: int) -> None:
    run_id = laptop.run()["run_id"]
    with laptop.budget(reads=1, transactions=1):
        found(laptop.log(run_id, batch(0, count)))
    metrics = {f"m{number}": number for number in range(min(count, 100))}
    with laptop.budget(reads=1, transactions=1):
        found(laptop.write.post(f"{RUNS}/{run_id}/log-metrics", json={"metrics": metrics}))


def test_logging_a_batch_with_params_and_tags(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    with laptop.budget(reads=1, transactions=1):
        found(laptop.log(run_id, batch(0), {"lr": "1", "opt": "sgd"}, {"team": "x"}))


def test_logging_params_alone(laptop: Service) -> None:
    url = f"{RUNS}/{laptop.run()['run_id']}/log-params"
    for budget in (laptop.budget(reads=1, writes=1), laptop.budget(reads=1)):
        with budget:  # the second time nothing changes
            found(laptop.write.post(url, json={"params": {"lr": 1}}))


def test_logging_the_same_batch_again(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    found(laptop.log(run_id, batch(0)))
    with laptop.budget(reads=1, transactions=1):
        found(laptop.log(run_id, batch(0)))


def test_logging_to_a_run_that_spilled_costs_one_read_more(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    metrics = [{"key": f"m{number}", "value": number} for number in range(1000)]
    found(laptop.log(run_id, metrics))
    with laptop.budget(reads=2, transactions=1):
        found(laptop.log(run_id, batch(0)))
    with laptop.budget(reads=1, queries=1):
        assert len(laptop.get_run(run_id)["metrics"]) == 1001


def test_comparing_ten_runs(laptop: Service) -> None:
    runs = [laptop.run()["run_id"] for _ in range(10)]
    for run_id in runs:
        found(laptop.log(run_id, batch(0, 1)))
    body: Json = {"run_ids": runs, "goals": {"loss": "min"}}
    with laptop.budget(reads=1):
        found(laptop.read.post(f"{RUNS}/compare", json=body))
    with laptop.budget(reads=2):  # the goals of the experiment
        found(laptop.read.post(f"{RUNS}/compare", json={"run_ids": runs}))


def test_listing_a_hundred_runs(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    for _ in range(100):
        laptop.run(experiment_id)
    query = {"experiment_id": experiment_id, "limit": "100"}
    with laptop.budget(reads=1, queries=1):
        assert len(found(laptop.read.get(RUNS, params=query))["runs"]) == 100


def test_searching_runs_again_costs_what_changed(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    run_id = laptop.run(experiment_id)["run_id"]
    body = {"experiment_ids": [experiment_id], "filter": "metrics.loss < 1"}
    with laptop.budget(reads=1, queries=3):  # the first look loads active and deleted ones
        found(laptop.read.post(f"{RUNS}/search", json=body))
    found(laptop.log(run_id, batch(0, 1)))
    with laptop.budget(reads=2, queries=1):  # the experiment, the run that changed; what changed
        assert len(found(laptop.read.post(f"{RUNS}/search", json=body))["runs"]) == 1


def test_the_history_of_100_000_points(laptop: Service) -> None:
    count = 100
    run_id = laptop.run()["run_id"]
    for number in range(count):
        found(laptop.log(run_id, batch(number * 1000)))
    url = f"{RUNS}/{run_id}/metrics/loss"
    # one per MB of packed chunks (9 to 12 bytes a point), and one per level
    megabytes = -(-count * 12_000 // 2**20)
    with laptop.budget(reads=1, queries=at_most(megabytes + 2)):
        assert found(laptop.read.get(url, params={"max_points": "1000"}))["total"] == count * 1000
    with laptop.budget(reads=1, queries=at_most(3)):
        found(laptop.read.get(url))
    body = {"run_ids": [run_id], "keys": ["loss"]}
    with laptop.budget(reads=1, queries=at_most(megabytes + 2)):
        found(laptop.read.post(f"{RUNS}/metrics/history", json=body))


def test_files(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    url = f"{RUNS}/{run_id}/artifacts"
    files = {"file": ("a", b"x")}
    with laptop.budget(reads=2, writes=1, transactions=1, blobs=1):
        found(laptop.write.post(f"{RUNS}/{run_id}/log-artifact", files=files))
    with laptop.budget(reads=2, transactions=1):  # bytes that the tenant has are not sent again
        found(laptop.write.post(f"{RUNS}/{run_id}/log-artifact", files=files))
    with laptop.budget(reads=1, queries=1):
        found(laptop.read.get(url))
    with laptop.budget(reads=1):
        laptop.read.get(f"{url}/content", params={"path": "a"})


def test_uploads(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    url = f"{RUNS}/{run_id}/artifacts/uploads"
    body: Json = {"path": "a.txt", "size_bytes": 0, "sha256": SHA256}
    with laptop.budget(reads=1, transactions=1):
        single = made(laptop.write.post(url, json=body))
    with laptop.budget(reads=1, transactions=1, blobs=1):
        large = made(laptop.write.post(url, json=body | {"size_bytes": 2**30}))
    with laptop.budget(reads=1):
        asked = {"part_numbers": [1, 2, 3]}
        found(laptop.write.post(f"{url}/{large['upload_id']}/parts", json=asked))
    with laptop.budget(reads=1, writes=1, blobs=1):
        gone(laptop.write.delete(f"{url}/{large['upload_id']}"))
    blob_key = artifact_keys.blob(laptop.tenant, SHA256, single["upload_id"])
    laptop.services.blobs.put(blob_key, b"", mime="text/plain")
    with laptop.budget(reads=3, transactions=1, blobs=1):
        found(laptop.write.post(f"{url}/{single['upload_id']}/complete", json={}))
    nameless = made(laptop.write.post(url, json=body | {"path": "a"}))
    blob_key = artifact_keys.blob(laptop.tenant, SHA256, nameless["upload_id"])
    laptop.services.blobs.put(blob_key, b"", mime="text/plain")
    with laptop.budget(reads=3, transactions=1, blobs=2):  # the bytes tell their media type
        found(laptop.write.post(f"{url}/{nameless['upload_id']}/complete", json={}))


def test_uploads_of_bytes_to_be_indexed(laptop: Service) -> None:
    url = "/api/v1/artifacts/uploads"
    body: Json = {"size_bytes": 0, "sha256": SHA256}
    with laptop.budget(reads=1, transactions=1):
        upload = found(laptop.write.post(url, json=body))["upload"]
    blob_key = artifact_keys.blob(laptop.tenant, SHA256, upload["upload_id"])
    laptop.services.blobs.put(blob_key, b"", mime="text/plain")
    with laptop.budget(reads=2, transactions=1, blobs=1):
        found(laptop.write.post(f"{url}/{upload['upload_id']}/complete", json={}))
    with laptop.budget(reads=1):
        assert found(laptop.write.post(url, json=body)) == {"upload": None}


def test_an_idempotency_key_costs_two_writes(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    body, headers = {"experiment_id": experiment_id}, {"Idempotency-Key": "k"}
    with laptop.budget(reads=1, transactions=1, writes=2):
        made(laptop.write.post(RUNS, json=body, headers=headers))
    with laptop.budget(reads=1, writes=1):
        made(laptop.write.post(RUNS, json=body, headers=headers))


def test_keys(laptop: Service) -> None:
    with laptop.budget(writes=2):  # the key, and before it its tenant on the list of tenants
        created = made(laptop.admin.post(KEYS, json={"role": "read"}))
    with laptop.budget(queries=1):
        found(laptop.admin.get(KEYS))
    with laptop.budget(reads=1, writes=1):
        gone(laptop.admin.delete(f"{KEYS}/{created['key_id']}"))


def test_telling_another_tenants_from_none_costs_one_read_on_a_miss(laptop: Service) -> None:
    with laptop.budget(reads=2):
        laptop.read.get(f"{RUNS}/{'0' * 32}")
