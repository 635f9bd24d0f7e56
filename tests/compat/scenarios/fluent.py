"""The fluent API, as a training script uses it."""

from __future__ import annotations

import time

import mlflow
from mlflow import MlflowClient

from tests.compat.book import Book
from tests.compat.driver import scenario


@scenario
def a_training_run(book: Book) -> None:
    book.note("experiment", mlflow.set_experiment("compat fluent"))
    with mlflow.start_run(run_name="first", tags={"team": "red"}, description="of a test") as run:
        book.note("active", mlflow.active_run())
        book.note("artifact uri", mlflow.get_artifact_uri())
        book.attempt("param", mlflow.log_param, "lr", 0.1)
        book.attempt("params", mlflow.log_params, {"depth": 3, "name": "größe", "none": None})
        book.attempt("metric", mlflow.log_metric, "loss", 0.5)
        for step in range(5):
            mlflow.log_metric("acc", step / 10, step=step, timestamp=1_700_000_000_000 + step)
        book.attempt("metrics", mlflow.log_metrics, {"f1": 0.25, "auc": 1}, step=7)
        book.attempt("tag", mlflow.set_tag, "stage", "dev")
        book.attempt("tags", mlflow.set_tags, {"a/b": "1", "empty": ""})
        book.attempt("tag gone", mlflow.delete_tag, "team")
    book.note("afterwards", mlflow.get_run(run.info.run_id))
    book.note("last active", mlflow.last_active_run())
    book.note("no run is active", mlflow.active_run())


@scenario
def nested_runs(book: Book) -> None:
    mlflow.set_experiment("compat nested")
    with mlflow.start_run(run_name="parent") as parent:
        mlflow.log_param("of", "parent")
        for n in range(2):
            with mlflow.start_run(run_name=f"child {n}", nested=True) as child:
                mlflow.log_metric("n", n)
                book.note(f"parent of {n}", mlflow.get_parent_run(child.info.run_id))
        book.attempt("not nested", mlflow.start_run, run_name="another")
    found = mlflow.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'",
        order_by=["metrics.n DESC"],
    )
    book.note("children", found)


@scenario
def a_run_is_resumed(book: Book) -> None:
    mlflow.set_experiment("compat resumed")
    with mlflow.start_run(run_name="once") as run:
        mlflow.log_metric("loss", 1.0, step=0)
    run_id = run.info.run_id
    book.note("ended", mlflow.get_run(run_id).info)
    with mlflow.start_run(run_id=run_id, tags={"again": "yes"}):
        book.note("resumed", mlflow.get_run(run_id).info.status)
        mlflow.log_metric("loss", 0.5, step=1)
    book.note("again ended", mlflow.get_run(run_id))
    book.note("history", MlflowClient().get_metric_history(run_id, "loss"))
    book.attempt("unknown", mlflow.start_run, run_id="0" * 32)


@scenario
def runs_end_as_they_should(book: Book) -> None:
    mlflow.set_experiment("compat endings")
    for status in ("FINISHED", "FAILED", "KILLED"):
        run = mlflow.start_run(run_name=status)
        mlflow.end_run(status)
        book.note(status, mlflow.get_run(run.info.run_id).info.status)
    try:
        with mlflow.start_run(run_name="raises") as run:
            raise ValueError("of the script")
    except ValueError:
        book.note("raised", mlflow.get_run(run.info.run_id).info.status)
    with mlflow.start_run() as unnamed:
        pass
    found = mlflow.get_run(unnamed.info.run_id)
    book.note("a name is made up", found.info.run_name)
    book.note("and is a tag", found.data.tags["mlflow.runName"] == found.info.run_name)


@scenario
def the_default_experiment(book: Book) -> None:
    client = MlflowClient()
    book.note("zero", client.get_experiment("0"))
    book.note("by name", client.get_experiment_by_name("Default"))
    run = client.create_run("0", run_name="in the default")
    book.note("run", run.info)
    book.note("found", client.search_runs(["0"], "attributes.run_name = 'in the default'"))
    client.set_terminated(run.info.run_id)


@scenario
def logged_asynchronously(book: Book) -> None:
    mlflow.set_experiment("compat asynchronous")
    with mlflow.start_run(run_name="async") as run:
        waiting = [
            mlflow.log_metric("loss", 1 / (step + 1), step=step, synchronous=False)
            for step in range(50)
        ]
        waiting.append(mlflow.log_params({"a": 1, "b": "x"}, synchronous=False))
        waiting.append(mlflow.set_tags({"t": "u"}, synchronous=False))
        waiting.append(mlflow.log_param("c", 2, synchronous=False))
        for each in waiting:
            each.wait()
    client = MlflowClient()
    book.note("run", client.get_run(run.info.run_id).data)
    history = client.get_metric_history(run.info.run_id, "loss")
    book.note("history", [(point.step, point.value) for point in history])


@scenario
def buffered_until_flushed(book: Book) -> None:
    mlflow.set_experiment("compat flushed")
    with mlflow.start_run(run_name="flushed") as run:
        for step in range(300):
            mlflow.log_metric("loss", step * 0.5, step=step, synchronous=False)
        mlflow.flush_async_logging()
        history = MlflowClient().get_metric_history(run.info.run_id, "loss")
        book.note("points", [point.step for point in history])


@scenario
def experiment_tags(book: Book) -> None:
    experiment = mlflow.set_experiment("compat tagged")
    book.attempt("tag", mlflow.set_experiment_tag, "owner", "ada")
    book.attempt("tags", mlflow.set_experiment_tags, {"x": "1", "y": "2"})
    book.note("experiment", mlflow.get_experiment(experiment.experiment_id))
    book.attempt("gone", mlflow.delete_experiment_tag, "x")
    book.note("without", mlflow.get_experiment_by_name("compat tagged"))
    book.attempt("gone twice", mlflow.delete_experiment_tag, "x")


@scenario
def system_metrics_and_steps(book: Book) -> None:
    mlflow.set_experiment("compat steps")
    with mlflow.start_run(run_name="steps") as run:
        for step, value in ((10, 1.0), (-1, 2.0), (0, 3.0), (10, 4.0)):
            mlflow.log_metric("m", value, step=step, timestamp=1_700_000_000_000)
            time.sleep(0)
        mlflow.log_metric("nan", float("nan"))
        mlflow.log_metric("inf", float("inf"))
        mlflow.log_metric("-inf", float("-inf"))
        mlflow.log_metric("tiny", 5e-324)
        mlflow.log_metric("large", 1.7976931348623157e308)
        mlflow.log_metric("bool", True)
    client = MlflowClient()
    book.note("latest", client.get_run(run.info.run_id).data.metrics)
    for key in ("m", "nan", "inf", "-inf", "tiny", "large"):
        book.note(f"history of {key}", client.get_metric_history(run.info.run_id, key))
