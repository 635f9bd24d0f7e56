"""Batches and metric histories."""

from __future__ import annotations

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.store.tracking.rest_store import RestStore
from mlflow.utils.credentials import get_default_host_creds

from tests.compat.book import Book
from tests.compat.driver import scenario

START = 1_700_000_000_000


def _run(name: str) -> tuple[MlflowClient, str]:
    client = MlflowClient()
    run = client.create_run(client.create_experiment(f"compat {name}"), run_name=name)
    return client, run.info.run_id


def _store() -> RestStore:
    """What the client splits and pages, it does not here."""
    uri = mlflow.get_tracking_uri()
    return RestStore(lambda: get_default_host_creds(uri))


@scenario
def batches(book: Book) -> None:
    client, run_id = _run("batches")
    points = [Metric("loss", 1 / (n + 1), START + n, n) for n in range(1000)]
    book.attempt("1000 metrics", client.log_batch, run_id, metrics=points)
    params = [Param(f"p{n}", str(n)) for n in range(100)]
    tags = [RunTag(f"t{n}", str(n)) for n in range(100)]
    book.attempt("100 params", client.log_batch, run_id, params=params)
    book.attempt("100 tags", client.log_batch, run_id, tags=tags)
    book.attempt("nothing", client.log_batch, run_id)
    mixed = {
        "metrics": [Metric(f"m{n}", n, START, 0) for n in range(10)],
        "params": [Param("q", "1")],
        "tags": [RunTag("u", "2")],
    }
    book.attempt("mixed", client.log_batch, run_id, **mixed)
    book.attempt("repeated", client.log_batch, run_id, **mixed)
    data = client.get_run(run_id).data
    book.note("data", data)
    book.note("points", len(client.get_metric_history(run_id, "loss")))
    book.note("points repeated", client.get_metric_history(run_id, "m3"))
    more = [Metric("many", n, START, n) for n in range(2500)]
    book.attempt("2500 metrics", client.log_batch, run_id, metrics=more)
    book.note("many", len(client.get_metric_history(run_id, "many")))
    with mlflow.start_run(run_id=run_id):
        book.attempt("250 params", mlflow.log_params, {f"x{n}": n for n in range(250)})
        book.attempt("250 tags", mlflow.set_tags, {f"y{n}": n for n in range(250)})
    data = client.get_run(run_id).data
    book.note("params and tags", (len(data.params), len(data.tags)))


@scenario
def batches_refused(book: Book) -> None:
    client, run_id = _run("batches refused")
    client.log_param(run_id, "a", "1")
    book.attempt("a param changed", client.log_batch, run_id, params=[Param("a", "2")])
    twice = [Param("b", "1"), Param("b", "2")]
    book.attempt("a param twice", client.log_batch, run_id, params=twice)
    same = [Param("c", "1"), Param("c", "1")]
    book.attempt("a param twice alike", client.log_batch, run_id, params=same)
    tags = [RunTag("t", "1"), RunTag("t", "2")]
    book.attempt("a tag twice", client.log_batch, run_id, tags=tags)
    long = [Param("k" * 251, "1")]
    book.attempt("a long key", client.log_batch, run_id, params=long)
    book.attempt("a long value", client.log_batch, run_id, params=[Param("l", "1" * 6001)])
    metric = [Metric("m", "much", START, 0)]
    book.attempt("no number", client.log_batch, run_id, metrics=metric)
    book.attempt("no time", client.log_batch, run_id, metrics=[Metric("m", 1, None, 0)])
    odd = [Metric("m", 1.0, START, 0), Metric("../m", 1.0, START, 0)]
    book.attempt("an odd key", client.log_batch, run_id, metrics=odd)
    book.note("what was written", client.get_run(run_id).data)


@scenario
def raw_batches_above_the_limits(book: Book) -> None:
    """What the client would have split, sent whole."""
    client, run_id = _run("limits")
    store = _store()
    points = [Metric("loss", 1.0, START, n) for n in range(1001)]
    book.attempt("1001 metrics", store.log_batch, run_id, points, [], [])
    params = [Param(f"p{n}", "1") for n in range(101)]
    book.attempt("101 params", store.log_batch, run_id, [], params, [])
    tags = [RunTag(f"t{n}", "1") for n in range(101)]
    book.attempt("101 tags", store.log_batch, run_id, [], [], tags)
    book.attempt("1001 in all", store.log_batch, run_id, points[:1000], params[:1], [])
    book.note("nothing was written", client.get_run(run_id).data)


@scenario
def histories(book: Book) -> None:
    client, run_id = _run("histories")
    points = [Metric("loss", n * 1.5, START + n % 7, n // 2) for n in range(40)]
    client.log_batch(run_id, metrics=points)
    history = client.get_metric_history(run_id, "loss")
    # MLflow does not say in which order points of a step come
    book.note("points", sorted((p.step, p.timestamp, p.value) for p in history))
    book.note("latest", client.get_run(run_id).data.metrics)
    book.note("of no metric", client.get_metric_history(run_id, "no such"))
    book.attempt("of no run", client.get_metric_history, "0" * 32, "loss")

    store = _store()
    pages: list[int] = []
    seen: list[tuple[int, float]] = []
    token = None
    while len(pages) < 10:
        page = store.get_metric_history(run_id, "loss", max_results=15, page_token=token)
        pages.append(len(page))
        seen += [(p.step, p.value) for p in page]
        token = page.token
        if not token:
            break
    book.note("pages", pages)
    book.note("of all pages", sorted(seen))


@scenario
def a_long_history(book: Book) -> None:
    client, run_id = _run("long history")
    for first in range(0, 30_000, 1000):
        points = [Metric("loss", n / 7, START + n, n) for n in range(first, first + 1000)]
        client.log_batch(run_id, metrics=points)
    history = client.get_metric_history(run_id, "loss")
    book.note("points", len(history))
    book.note("in order", sorted(p.step for p in history) == list(range(30_000)))
    book.note("sum", round(sum(p.value for p in history), 3))


@scenario
def the_latest_of_equal_steps(book: Book) -> None:
    client, run_id = _run("latest")
    for step, timestamp, value in (
        (1, START + 5, 1.0),
        (1, START + 9, 2.0),
        (1, START + 7, 3.0),
        (0, START + 99, 4.0),
    ):
        client.log_metric(run_id, "m", value, timestamp, step)
    book.note("latest", client.get_run(run_id).data.metrics["m"])
    client.log_metric(run_id, "m", 9.0, START + 9, 1)
    book.note("the larger value of equal times", client.get_run(run_id).data.metrics["m"])
