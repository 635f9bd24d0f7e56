"""Logged models, autologging, and models that are logged and loaded."""

from __future__ import annotations

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import LoggedModelInput, LoggedModelOutput

from tests.compat.book import Book
from tests.compat.driver import scenario


def _data() -> tuple[np.ndarray, np.ndarray]:
    points = np.arange(40, dtype=float).reshape(20, 2)
    return points, (points[:, 0] > 20).astype(int)


@scenario
def autologged(book: Book) -> None:
    from sklearn.linear_model import LogisticRegression

    mlflow.set_experiment("compat autolog")
    mlflow.sklearn.autolog(silent=True)
    try:
        with mlflow.start_run(run_name="auto") as run:
            LogisticRegression(C=0.5, max_iter=50).fit(*_data())
    finally:
        mlflow.sklearn.autolog(disable=True)
    client = MlflowClient()
    found = client.get_run(run.info.run_id)
    book.note("params", found.data.params)
    book.note("metrics", {k: round(v, 6) for k, v in found.data.metrics.items()})
    book.note("tags", sorted(found.data.tags))
    book.note("datasets", [each.dataset.name for each in found.inputs.dataset_inputs])
    book.note("outputs", [each.step for each in found.outputs.model_outputs])
    book.note("artifacts", sorted(each.path for each in client.list_artifacts(run.info.run_id)))
    [model] = client.search_logged_models([found.info.experiment_id])
    book.note("model", (model.name, model.status, model.model_type, sorted(model.tags)))
    book.note("params of the model", model.params)
    of_model = {m.key: round(m.value, 6) for m in model.metrics or ()}
    book.note("metrics of the model", of_model)
    loaded = mlflow.sklearn.load_model(f"models:/{model.model_id}")
    book.note("predicts", loaded.predict(_data()[0]))
    by_run = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    book.note("by its run", by_run.predict(_data()[0]))


@scenario
def logged_and_loaded(book: Book) -> None:
    from mlflow.models import infer_signature
    from sklearn.linear_model import LinearRegression

    mlflow.set_experiment("compat log model")
    points, target = _data()
    model = LinearRegression().fit(points, target)
    with mlflow.start_run(run_name="model") as run:
        info = mlflow.sklearn.log_model(
            model,
            name="linear",
            signature=infer_signature(points, model.predict(points)),
            input_example=points[:2],
            params={"alpha": 1},
            tags={"kind": "line"},
        )
    client = MlflowClient()
    book.note("uri", info.model_uri)
    found = client.get_logged_model(info.model_id)
    book.note("logged model", _shown(found))
    files = client.list_logged_model_artifacts(info.model_id)
    # sizes have the times of packages in them
    book.note("files", sorted((each.path, each.is_dir) for each in files))
    loaded = mlflow.pyfunc.load_model(info.model_uri)
    book.note("predicts", [round(float(x), 6) for x in loaded.predict(points)])
    book.note("run", mlflow.get_run(run.info.run_id).outputs)
    at_run = client.list_artifacts(run.info.run_id)
    book.note("listed at the run", [each.path for each in at_run])
    again = mlflow.models.get_model_info(info.model_uri)
    book.note("flavors", sorted(again.flavors))
    book.note("last logged", mlflow.last_logged_model().name)


@scenario
def entities(book: Book) -> None:
    client = MlflowClient()
    experiment = client.create_experiment("compat logged models")
    run_id = client.create_run(experiment, run_name="source").info.run_id
    model = client.create_logged_model(
        experiment,
        name="m1",
        source_run_id=run_id,
        tags={"a": "1"},
        params={"p": "2"},
        model_type="Agent",
    )
    book.note("created", model)
    book.note("read", client.get_logged_model(model.model_id))
    book.attempt("tags", client.set_logged_model_tags, model.model_id, {"b": "2", "a": "3"})
    book.attempt("tag gone", client.delete_logged_model_tag, model.model_id, "b")
    book.attempt("tag gone twice", client.delete_logged_model_tag, model.model_id, "b")
    book.attempt("params", client.log_model_params, model.model_id, {"q": "5"})
    book.attempt("ready", client.finalize_logged_model, model.model_id, "READY")
    book.note("as ready", client.get_logged_model(model.model_id))
    client.log_inputs(run_id, models=[LoggedModelInput(model.model_id)])
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 3)])
    found = client.get_run(run_id)
    book.note("inputs of the run", found.inputs.model_inputs)
    book.note("outputs of the run", found.outputs.model_outputs)
    client.log_metric(run_id, "acc", 0.75, step=3, model_id=model.model_id)
    book.note("metrics", client.get_logged_model(model.model_id).metrics)
    unnamed = client.create_logged_model(experiment)
    book.note("unnamed", unnamed)
    failed = client.create_logged_model(experiment, name="failed")
    client.finalize_logged_model(failed.model_id, "FAILED")
    book.note("failed", client.get_logged_model(failed.model_id).status)
    book.attempt("deleted", client.delete_logged_model, failed.model_id)
    book.attempt("as deleted", client.get_logged_model, failed.model_id)
    nobody = "m-" + "0" * 32
    book.attempt("unknown", client.get_logged_model, nobody)
    book.attempt("unknown tagged", client.set_logged_model_tags, nobody, {"a": "1"})
    book.attempt("unknown deleted", client.delete_logged_model, nobody)
    book.attempt("unknown experiment", client.create_logged_model, "99999999", name="x")
    for name in ("", "a/b", "a:b", "a.b", "a%b", 'a"b', "a'b"):
        book.attempt(f"named {name!r}", client.create_logged_model, experiment, name=name)


@scenario
def searched(book: Book) -> None:
    client = MlflowClient()
    experiment = client.create_experiment("compat search models")
    run_id = client.create_run(experiment, run_name="source").info.run_id
    for n in range(5):
        model = client.create_logged_model(
            experiment,
            name=f"m{n}",
            source_run_id=run_id,
            tags={"odd": str(n % 2)},
            params={"n": str(n)},
            model_type="A" if n < 3 else "B",
        )
        client.log_metric(run_id, "acc", n / 10, model_id=model.model_id)
        if n % 2:
            client.finalize_logged_model(model.model_id, "READY")

    def search(text: str | None, **named: object) -> None:
        step = f"{text} {named or ''}"
        call = client.search_logged_models
        book.attempt(step, call, [experiment], filter_string=text, shown=_names, **named)

    search(None)
    for text in (
        "name = 'm1'",
        "name != 'm1'",
        "name LIKE 'm%'",
        "name IN ('m1', 'm2')",
        "attributes.name = 'm2'",
        "model_type = 'B'",
        "status = 'READY'",
        "tags.odd = '1'",
        "params.n = '3'",
        "metrics.acc > 0.15",
        "metrics.acc > 0.15 AND tags.odd = '0'",
        f"source_run_id = '{run_id}'",
        "creation_timestamp > 0",
        "color = 'red'",
        "name > 5",
    ):
        search(text)
    search(None, order_by=[{"field_name": "metrics.acc", "ascending": False}])
    search(None, order_by=[{"field_name": "metrics.acc", "ascending": True}])
    search(None, order_by=[{"field_name": "name", "ascending": True}])
    search(None, order_by=[{"field_name": "creation_time", "ascending": True}])
    search(None, order_by=[{"field_name": "color"}])
    search(None, max_results=2)
    search(None, max_results=0)
    pages: list[list[str]] = []
    token = None
    while len(pages) < 10:
        found = client.search_logged_models([experiment], max_results=2, page_token=token)
        pages.append([each.name for each in found])
        token = found.token
        if not token:
            break
    book.note("pages", pages)


def _shown(model: mlflow.entities.LoggedModel) -> dict[str, object]:
    shown = dict(model)
    shown.pop("tags", None)
    return shown


def _names(found: list[mlflow.entities.LoggedModel]) -> list[str]:
    return [each.name for each in found]
