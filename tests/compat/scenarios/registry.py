"""The model registry: models, versions, aliases, stages, tags, searches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlflow
from mlflow import MlflowClient

from tests.compat.book import Book
from tests.compat.driver import scenario


@scenario
def registered_models(book: Book) -> None:
    client = MlflowClient()
    name = "compat model"
    book.note("created", client.create_registered_model(name, tags={"a": "1"}, description="d"))
    book.attempt("again", client.create_registered_model, name)
    book.note("read", client.get_registered_model(name))
    book.attempt("described", client.update_registered_model, name, "another")
    book.attempt("tagged", client.set_registered_model_tag, name, "b", "2")
    book.attempt("untagged", client.delete_registered_model_tag, name, "a")
    book.attempt("untagged twice", client.delete_registered_model_tag, name, "a")
    book.note("as changed", client.get_registered_model(name))
    book.attempt("renamed", client.rename_registered_model, name, "compat model 2")
    book.attempt("by its old name", client.get_registered_model, name)
    client.create_registered_model(name)
    book.attempt("renamed to a taken name", client.rename_registered_model, "compat model 2", name)
    book.attempt("deleted", client.delete_registered_model, "compat model 2")
    book.attempt("as deleted", client.get_registered_model, "compat model 2")
    book.attempt("deleted again", client.delete_registered_model, "compat model 2")
    for odd in ("", "a/b", "a:b", ".", "ü", "n" * 257):
        book.attempt(f"named {odd[:5]!r}", client.create_registered_model, odd)
    book.attempt("unknown tagged", client.set_registered_model_tag, "no such", "a", "b")
    book.attempt("unknown described", client.update_registered_model, "no such", "d")
    book.attempt("long tag", client.set_registered_model_tag, name, "k" * 251, "v")


def _versions(book: Book, name: str, count: int = 3) -> tuple[MlflowClient, str]:
    client = MlflowClient()
    experiment = client.create_experiment(f"compat of {name}")
    run = client.create_run(experiment, run_name="source")
    client.log_text(run.info.run_id, "x", "model/MLmodel")
    client.create_registered_model(name)
    for n in range(count):
        client.create_model_version(
            name,
            f"{run.info.artifact_uri}/model",
            run.info.run_id,
            tags={"n": str(n)},
            description=f"number {n}",
        )
    return client, run.info.run_id


@scenario
def versions(book: Book) -> None:
    name = "compat versions"
    client, run_id = _versions(book, name)
    book.note("read", client.get_model_version(name, "1"))
    book.note("latest", client.get_latest_versions(name))
    book.attempt("described", client.update_model_version, name, "1", "changed")
    book.attempt("tagged", client.set_model_version_tag, name, "1", "a", "b")
    book.attempt("untagged", client.delete_model_version_tag, name, "1", "n")
    book.note("as changed", client.get_model_version(name, "1"))
    book.note("download uri", client.get_model_version_download_uri(name, "1"))
    book.attempt("deleted", client.delete_model_version, name, "3")
    book.attempt("as deleted", client.get_model_version, name, "3")
    book.attempt("unknown", client.get_model_version, name, "17")
    book.attempt("no number", client.get_model_version, name, "x")
    book.attempt("of no model", client.get_model_version, "no such", "1")
    book.attempt("of an unknown model", client.create_model_version, "no such", "s3://a/b", run_id)
    uri = client.get_run(run_id).info.artifact_uri
    book.note("the next", client.create_model_version(name, f"{uri}/model", run_id).version)
    book.attempt("of a local path", client.create_model_version, name, "/etc/passwd")
    book.attempt("of another run", client.create_model_version, name, "file:///etc", run_id)
    book.note("model", client.get_registered_model(name).latest_versions)
    book.attempt("the model deleted", client.delete_registered_model, name)
    book.attempt("versions are gone too", client.get_model_version, name, "1")


@scenario
def aliases(book: Book) -> None:
    name = "compat aliases"
    client, _ = _versions(book, name)
    book.attempt("set", client.set_registered_model_alias, name, "best", "2")
    client.set_registered_model_alias(name, "other", "2")
    book.note("by alias", client.get_model_version_by_alias(name, "best").version)
    book.note("aliases of the version", client.get_model_version(name, "2").aliases)
    book.note("aliases of the model", client.get_registered_model(name).aliases)
    client.set_registered_model_alias(name, "best", "1")
    book.note("moved", client.get_model_version_by_alias(name, "best").version)
    book.attempt("gone", client.delete_registered_model_alias, name, "best")
    book.attempt("gone twice", client.delete_registered_model_alias, name, "best")
    book.attempt("by an unknown one", client.get_model_version_by_alias, name, "best")
    book.attempt("to an unknown version", client.set_registered_model_alias, name, "z", "17")
    for alias in ("v1", "latest", "", "a b", "a/b", "1"):
        book.attempt(f"named {alias!r}", client.set_registered_model_alias, name, alias, "1")
    client.delete_model_version(name, "2")
    book.note("of a deleted version", client.get_registered_model(name).aliases)
    book.attempt("by it", client.get_model_version_by_alias, name, "other")


@scenario
def stages(book: Book) -> None:
    name = "compat stages"
    client, _ = _versions(book, name)
    book.attempt("staging", client.transition_model_version_stage, name, "1", "Staging")
    book.attempt("lower case", client.transition_model_version_stage, name, "2", "production")
    book.attempt(
        "archives the other",
        client.transition_model_version_stage,
        name,
        "3",
        "Production",
        archive_existing_versions=True,
    )
    found = client.search_model_versions(f"name = '{name}'")
    book.note("stages", [(each.version, each.current_stage) for each in found])
    latest = client.get_latest_versions(name, ["Production", "Archived"])
    book.note("latest", [(each.version, each.current_stage) for each in latest])
    book.attempt("unknown stage", client.transition_model_version_stage, name, "1", "Lost")
    book.attempt("unknown in latest", client.get_latest_versions, name, ["Lost"])
    book.note("of a version", client.get_model_version_stages(name, "1"))
    book.attempt(
        "archiving for none",
        client.transition_model_version_stage,
        name,
        "1",
        "None",
        archive_existing_versions=True,
    )


@scenario
def searches(book: Book) -> None:
    client = MlflowClient()
    for n, name in enumerate(("compat q alpha", "compat q beta", "compat q Gamma")):
        client.create_registered_model(name, tags={"n": str(n)})
    _, run_id = _versions(book, "compat q versions")
    client.set_model_version_tag("compat q versions", "2", "good", "yes")

    def search(call: Callable[..., Any], text: str, **named: Any) -> None:
        step = f"{call.__name__} {text} {named or ''}"
        book.attempt(step, call, filter_string=text, shown=_versions_of, **named)

    models, of_models = client.search_registered_models, "name LIKE 'compat q %'"
    search(models, of_models)
    search(models, of_models, order_by=["name DESC"])
    search(models, of_models, order_by=["name ASC"], max_results=2)
    search(models, of_models, order_by=["color"])
    search(models, "name = 'compat q beta'")
    search(models, "name ILIKE 'COMPAT Q G%'")
    search(models, f"{of_models} AND tags.n = '1'")
    search(models, f"{of_models} AND tag.n != '1'")
    search(models, "name > 'a'")
    search(models, "color = 'a'")
    search(models, "tags.n > '1'")
    search(models, of_models, max_results=0)
    search(models, of_models, max_results=100_000)
    search(models, of_models, page_token="nonsense")
    versions_, of_versions = client.search_model_versions, "name = 'compat q versions'"
    search(versions_, of_versions)
    search(versions_, of_versions, order_by=["version_number ASC"])
    search(versions_, of_versions, order_by=["version_number DESC"], max_results=2)
    search(versions_, of_versions, order_by=["creation_timestamp ASC"])
    search(versions_, of_versions, order_by=["color"])
    search(versions_, "version_number = 2 AND name = 'compat q versions'")
    search(versions_, "version_number >= '2' AND name = 'compat q versions'")
    search(versions_, "version_number = 'x'")
    search(versions_, f"run_id = '{run_id}'")
    search(versions_, f"run_id IN ('{run_id}')")
    search(versions_, f"{of_versions} AND tags.good = 'yes'")
    search(versions_, "source_path LIKE '%nothing%'")
    search(versions_, "color = 'a'")
    search(versions_, "name > 'a'")
    search(versions_, of_versions, max_results=0)
    pages: list[list[str]] = []
    token = None
    while len(pages) < 10:
        found = models(of_models, max_results=3, order_by=["name"], page_token=token)
        pages.append([each.name for each in found])
        token = found.token
        if not token:
            break
    book.note("pages", pages)


@scenario
def a_model_is_logged_registered_and_loaded(book: Book) -> None:
    import numpy as np
    from sklearn.linear_model import LinearRegression

    name = "compat registered line"
    points = np.arange(10, dtype=float).reshape(5, 2)
    mlflow.set_experiment("compat registering")
    model = LinearRegression().fit(points, points.sum(axis=1))
    with mlflow.start_run(run_name="registers"):
        info = mlflow.sklearn.log_model(
            model, name="line", registered_model_name=name, input_example=points[:1]
        )
    book.note("version", info.registered_model_version)
    again = mlflow.register_model(info.model_uri, name, tags={"t": "1"})
    book.note("again", (again.version, again.tags, again.status))
    client = MlflowClient()
    client.set_registered_model_alias(name, "champion", "2")
    for uri in (f"models:/{name}/1", f"models:/{name}/latest", f"models:/{name}@champion"):
        loaded = mlflow.pyfunc.load_model(uri)
        book.note(uri, [round(float(x), 6) for x in loaded.predict(points)])
    book.attempt("unknown version", mlflow.pyfunc.load_model, f"models:/{name}/17")
    copied = client.copy_model_version(f"models:/{name}/1", "compat copied line")
    book.note("copied", (copied.name, copied.version, copied.source))
    found = client.get_model_version(name, "1")
    book.note("read", (found.source, found.model_id == info.model_id, found.run_id is not None))


def _versions_of(found: list[Any]) -> list[tuple[str, str]]:
    return [(each.name, getattr(each, "version", "")) for each in found]
