"""Datasets that a run took in, and searches for them."""

from __future__ import annotations

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag

from tests.compat.book import Book
from tests.compat.driver import scenario


@scenario
def of_the_fluent_api(book: Book) -> None:
    mlflow.set_experiment("compat inputs")
    table = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5]})
    data = mlflow.data.from_pandas(table, source="https://example.org/a.csv", name="table")
    array = mlflow.data.from_numpy(np.arange(6).reshape(2, 3), name="array")
    with mlflow.start_run(run_name="in") as run:
        book.attempt("pandas", mlflow.log_input, data, context="training")
        book.attempt("again", mlflow.log_input, data, context="validation")
        book.attempt("numpy", mlflow.log_input, array, context="test", tags={"k": "v"})
    found = mlflow.get_run(run.info.run_id)
    book.note("inputs", _inputs(found))
    names = sorted(each.dataset.name for each in found.inputs.dataset_inputs)
    book.note("names", names)


@scenario
def of_the_client(book: Book) -> None:
    client = MlflowClient()
    experiment = client.create_experiment("compat client inputs")
    made: list[str] = []
    for n in range(3):
        run_id = client.create_run(experiment, start_time=1_700_000_000_000 + n, run_name=f"r{n}")
        made.append(run_id.info.run_id)
        dataset = Dataset(
            name=f"set{n % 2}",
            digest=f"digest{n}",
            source_type="local",
            source="{}",
            schema="{}",
            profile="{}",
        )
        tags = [InputTag("mlflow.data.context", "train" if n else "test"), InputTag("n", str(n))]
        client.log_inputs(made[-1], [DatasetInput(dataset, tags)])
    book.note("inputs", _inputs(client.get_run(made[0])))
    for text in (
        "dataset.name = 'set0'",
        "datasets.name = 'set0'",
        "dataset.name != 'set0'",
        "dataset.name LIKE 'set%'",
        "dataset.name ILIKE 'SET1'",
        "dataset.digest = 'digest2'",
        "dataset.digest IN ('digest1', 'digest2')",
        "dataset.context = 'train'",
        "dataset.context = 'train' AND dataset.name = 'set0'",
        "dataset.color = 'x'",
        "dataset.name > 'a'",
    ):
        order = ["start_time"]
        call = client.search_runs
        book.attempt(text, call, [experiment], text, order_by=order, shown=_names)
    runs = client.search_runs([experiment], order_by=["start_time"])
    book.note("of runs that are searched", [_inputs(run) for run in runs])
    book.attempt("of no run", client.log_inputs, "0" * 32, [])
    long = Dataset(name="n" * 501, digest="d", source_type="local", source="{}")
    book.attempt("a long name", client.log_inputs, made[0], [DatasetInput(long, [])])
    digest = Dataset(name="n", digest="d" * 37, source_type="local", source="{}")
    book.attempt("a long digest", client.log_inputs, made[0], [DatasetInput(digest, [])])
    client.delete_run(made[0])
    book.attempt("of a deleted run", client.log_inputs, made[0], [DatasetInput(dataset, [])])


@scenario
def a_metric_of_a_dataset(book: Book) -> None:
    mlflow.set_experiment("compat dataset metrics")
    data = mlflow.data.from_pandas(pd.DataFrame({"a": [1]}), name="one")
    with mlflow.start_run(run_name="of data") as run:
        book.attempt("metric", mlflow.log_metric, "m", 0.5, step=1, dataset=data)
        book.attempt("metrics", mlflow.log_metrics, {"n": 1.5}, step=1, dataset=data)
    history = MlflowClient().get_metric_history(run.info.run_id, "m")
    book.note("history", history)
    book.note("run", MlflowClient().get_run(run.info.run_id).data.metrics)


def _inputs(run: mlflow.entities.Run) -> list[object]:
    found = [
        (each.dataset, sorted((tag.key, tag.value) for tag in each.tags))
        for each in run.inputs.dataset_inputs
    ]
    return sorted(found, key=lambda each: (each[0].name, each[0].digest))


def _names(found: list[mlflow.entities.Run]) -> list[str]:
    return [run.info.run_name for run in found]
