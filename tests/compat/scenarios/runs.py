"""Runs by MlflowClient."""

from __future__ import annotations

from mlflow import MlflowClient
from mlflow.entities import RunStatus

from tests.compat.book import Book
from tests.compat.driver import scenario

START = 1_700_000_000_000


@scenario
def created_changed_and_deleted(book: Book) -> None:
    client = MlflowClient()
    experiment = client.create_experiment("compat runs")
    run = client.create_run(
        experiment, start_time=START, tags={"a": "1", "mlflow.user": "ada"}, run_name="one"
    )
    run_id = run.info.run_id
    book.note("created", run)
    book.note("read", client.get_run(run_id))
    book.attempt("renamed", client.update_run, run_id, name="two")
    book.note("as renamed", client.get_run(run_id))
    book.attempt("paused", client.update_run, run_id, status="SCHEDULED")
    book.note("as paused", client.get_run(run_id).info)
    book.attempt("ended", client.set_terminated, run_id, "FAILED", START + 5000)
    book.note("as ended", client.get_run(run_id).info)
    book.attempt("ended otherwise", client.set_terminated, run_id, "FINISHED", START + 6000)
    book.note("as ended otherwise", client.get_run(run_id).info)
    book.attempt("runs again", client.update_run, run_id, status=RunStatus.to_string(1))
    book.note("as running again", client.get_run(run_id).info)
    book.attempt("deleted", client.delete_run, run_id)
    book.note("as deleted", client.get_run(run_id).info)
    book.attempt("deleted again", client.delete_run, run_id)
    book.attempt("metric when deleted", client.log_metric, run_id, "a", 1.0)
    book.attempt("param when deleted", client.log_param, run_id, "a", "1")
    book.attempt("tag when deleted", client.set_tag, run_id, "a", "1")
    book.attempt("tag removed when deleted", client.delete_tag, run_id, "a")
    book.attempt("ended when deleted", client.set_terminated, run_id)
    book.attempt("renamed when deleted", client.update_run, run_id, name="three")
    book.attempt("restored", client.restore_run, run_id)
    book.note("as restored", client.get_run(run_id).info)
    book.attempt("restored again", client.restore_run, run_id)


@scenario
def logged_one_by_one(book: Book) -> None:
    client = MlflowClient()
    run_id = client.create_run(client.create_experiment("compat one"), run_name="x").info.run_id
    book.attempt("param", client.log_param, run_id, "lr", 0.1)
    book.attempt("param again", client.log_param, run_id, "lr", 0.1)
    book.attempt("param changed", client.log_param, run_id, "lr", 0.2)
    book.attempt("tag", client.set_tag, run_id, "t", "1")
    book.attempt("tag changed", client.set_tag, run_id, "t", "2")
    book.attempt("tag of a number", client.set_tag, run_id, "n", 5)
    book.attempt("tag removed", client.delete_tag, run_id, "t")
    book.attempt("tag removed twice", client.delete_tag, run_id, "t")
    book.attempt("metric", client.log_metric, run_id, "m", 1.5, START, 3)
    book.attempt("metric text", client.log_metric, run_id, "m2", "2.5", START, 3)
    book.attempt("metric word", client.log_metric, run_id, "m", "much", START, 4)
    book.note("run", client.get_run(run_id))
    ended = client.get_run(run_id)
    client.set_terminated(run_id)
    book.attempt("metric after the end", client.log_metric, run_id, "late", 1.0, START, 0)
    book.attempt("param after the end", client.log_param, run_id, "late", "1")
    book.attempt("tag after the end", client.set_tag, run_id, "late", "1")
    book.note("after the end", client.get_run(run_id).data)
    book.note("names", (ended.info.run_name, ended.data.tags["mlflow.runName"]))
    client.set_tag(run_id, "mlflow.runName", "by its tag")
    book.note("renamed by its tag", client.get_run(run_id).info.run_name)
    client.set_tag(run_id, "mlflow.note.content", "# About")
    book.note("note", client.get_run(run_id).data.tags["mlflow.note.content"])


@scenario
def what_is_refused(book: Book) -> None:
    client = MlflowClient()
    experiment = client.create_experiment("compat run refusals")
    run_id = client.create_run(experiment, run_name="x").info.run_id
    nobody = "0" * 32
    book.attempt("unknown", client.get_run, nobody)
    book.attempt("no id", client.get_run, "not an id")
    book.attempt("unknown deleted", client.delete_run, nobody)
    book.attempt("unknown restored", client.restore_run, nobody)
    book.attempt("unknown renamed", client.update_run, nobody, name="x")
    book.attempt("unknown ended", client.set_terminated, nobody)
    book.attempt("unknown param", client.log_param, nobody, "a", "1")
    book.attempt("unknown metric", client.log_metric, nobody, "a", 1)
    book.attempt("unknown tag", client.set_tag, nobody, "a", "1")
    book.attempt("unknown batch", client.log_batch, nobody, params=[])
    book.attempt("unknown experiment", client.create_run, "99999999")
    book.attempt("bad status", client.update_run, run_id, status="LOST")
    book.attempt("long param key", client.log_param, run_id, "k" * 251, "v")
    book.attempt("longest param key", client.log_param, run_id, "k" * 250, "v")
    book.attempt("long param", client.log_param, run_id, "p", "v" * 6001)
    book.attempt("longest param", client.log_param, run_id, "p", "v" * 6000)
    book.attempt("long tag key", client.set_tag, run_id, "k" * 251, "v")
    book.attempt("long tag", client.set_tag, run_id, "t", "v" * 8001)
    book.attempt("longest tag", client.set_tag, run_id, "t", "v" * 8000)
    book.attempt("long metric key", client.log_metric, run_id, "k" * 251, 1.0)
    for name in ("a;b", "a\nb", "../up", "/rooted", "a//b", "a/./b", "", " ", "a:b", "größe"):
        book.attempt(f"metric named {name!r}", client.log_metric, run_id, name, 1.0, START, 0)
        book.attempt(f"param named {name!r}", client.log_param, run_id, name, "1")
        book.attempt(f"tag named {name!r}", client.set_tag, run_id, name, "1")
    book.note("param lengths", {k: len(v) for k, v in client.get_run(run_id).data.params.items()})


@scenario
def of_a_parent(book: Book) -> None:
    client = MlflowClient()
    experiment = client.create_experiment("compat parents")
    parent = client.create_run(experiment, run_name="parent").info.run_id
    tags = {"mlflow.parentRunId": parent}
    child = client.create_run(experiment, run_name="child", tags=tags).info.run_id
    book.note("child", client.get_run(child).data.tags)
    book.note("parent", client.get_parent_run(child))
    book.note("no parent", client.get_parent_run(parent))
    unknown = {"mlflow.parentRunId": "0" * 32}
    stray = book.attempt("of nobody", client.create_run, experiment, run_name="s", tags=unknown)
    if stray is not None:
        book.attempt("nobody", client.get_parent_run, stray.info.run_id)
