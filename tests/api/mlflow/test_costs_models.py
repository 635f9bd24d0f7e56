"""What calls on models and inputs may cost, in storage requests: see the domain's docstrings."""

from __future__ import annotations

import pytest

from tests.api.answers import found
from tests.api.budget import at_most
from tests.api.harness import EXPERIMENTS, Service
from tests.api.mlflow.test_logged_models import point
from tests.api.mlflow.tracking import DATASET, ask, logged_model, pairs, registered, version


@pytest.fixture(autouse=True)
def _warm(laptop: Service) -> None:
    for client in (laptop.read, laptop.write):
        found(client.get(EXPERIMENTS))


def test_logged_models(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    with laptop.budget(reads=1, writes=1):
        model_id = logged_model(laptop, experiment_id=experiment_id)["info"]["model_id"]
    with laptop.budget(reads=1):
        ask(laptop, f"GET logged-models/{model_id}")
    with laptop.budget(reads=1, writes=1):
        ask(laptop, f"PATCH logged-models/{model_id}", status="LOGGED_MODEL_READY")
    with laptop.budget(reads=1, writes=1):
        ask(laptop, f"PATCH logged-models/{model_id}/tags", tags=pairs(a="b"))


def test_measuring_a_model_costs_a_read_and_a_write_more(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    model_id = logged_model(laptop)["info"]["model_id"]
    metrics = [point("loss", step, step, model_id) for step in range(1000)]
    with laptop.budget(reads=2, transactions=1, writes=1):
        ask(laptop, "POST runs/log-batch", run_id=run_id, metrics=metrics)


def test_searching_logged_models_costs_one_query_an_experiment(laptop: Service) -> None:
    experiment_id = logged_model(laptop)["info"]["experiment_id"]
    ask(laptop, "POST logged-models/search", experiment_ids=[experiment_id])
    with laptop.budget(queries=1, reads=at_most(1)):  # where time flows, what changed lately
        ask(laptop, "POST logged-models/search", experiment_ids=[experiment_id])
    logged_model(laptop, experiment_id=experiment_id)
    with laptop.budget(queries=1, reads=1):
        ask(laptop, "POST logged-models/search", experiment_ids=[experiment_id])


def test_registered_models(laptop: Service) -> None:
    with laptop.budget(reads=1, writes=1):
        registered(laptop, "m")
    with laptop.budget(reads=1, queries=1):
        ask(laptop, "GET registered-models/get", name="m")
    with laptop.budget(reads=1, writes=1):
        ask(laptop, "POST registered-models/set-tag", name="m", key="a", value="b")
    with laptop.budget(reads=1, transactions=1):
        version(laptop, "m")
    with laptop.budget(reads=2):
        ask(laptop, "GET model-versions/get", name="m", version="1")
    with laptop.budget(reads=2, writes=1):
        ask(laptop, "POST registered-models/alias", name="m", alias="a", version="1")
    with laptop.budget(reads=2):
        ask(laptop, "GET registered-models/alias", name="m", alias="a")
    with laptop.budget(reads=2, writes=1):
        ask(laptop, "POST model-versions/set-tag", name="m", version="1", key="a", value="b")
    with laptop.budget(reads=2, transactions=1):
        ask(laptop, "DELETE model-versions/delete", name="m", version="1")
    with laptop.budget(reads=2, transactions=1, queries=1):
        ask(laptop, "POST registered-models/rename", name="m", new_name="n")


def test_a_version_of_a_logged_model_costs_two_reads_and_a_write_more(laptop: Service) -> None:
    model_id = logged_model(laptop)["info"]["model_id"]
    registered(laptop, "m")
    with laptop.budget(reads=3, transactions=1, writes=1):
        version(laptop, "m", source=f"models:/{model_id}", model_id=model_id)


def test_searching_the_registry_costs_one_query(laptop: Service) -> None:
    registered(laptop, "m", versions=3)
    for call in ("registered-models/search", "model-versions/search"):
        ask(laptop, f"GET {call}")
        with laptop.budget(queries=1, reads=at_most(1)):  # where time flows, what changed lately
            ask(laptop, f"GET {call}")


def test_inputs_of_a_run(laptop: Service) -> None:
    run = laptop.run()
    datasets = [{"dataset": DATASET}, {"dataset": DATASET | {"name": "b"}}]
    with laptop.budget(reads=2, writes=3):
        ask(laptop, "POST runs/log-inputs", run_id=run["run_id"], datasets=datasets)
    with laptop.budget(reads=1, writes=1):
        ask(laptop, "POST runs/outputs", run_id=run["run_id"], models=[{"model_id": "m-1"}])
    with laptop.budget(reads=2):
        ask(laptop, "GET runs/get", run_id=run["run_id"])
    other = laptop.run()["run_id"]
    with laptop.budget(reads=1):
        ask(laptop, "GET runs/get", run_id=other)


def test_datasets_of_many_runs_are_read_once(laptop: Service) -> None:
    experiment_id = laptop.experiment("many")["id"]
    for _ in range(5):
        run_id = laptop.run(experiment_id)["run_id"]
        ask(laptop, "POST runs/log-inputs", run_id=run_id, datasets=[{"dataset": DATASET}])
    ask(laptop, "POST runs/search", experiment_ids=[experiment_id])
    # What changed; the experiment, the dataset, and where time flows what changed lately.
    with laptop.budget(queries=1, reads=at_most(3)):
        answer = ask(laptop, "POST runs/search", experiment_ids=[experiment_id])
    assert len(answer["runs"]) == 5
