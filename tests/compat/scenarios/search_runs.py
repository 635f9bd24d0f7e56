"""search_runs: filters of every kind, orders, pages, view types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag, ViewType

from tests.compat.book import Book
from tests.compat.driver import scenario

START = 1_700_000_000_000
NAN, INF = float("nan"), float("inf")
# name, status, metrics, params, tags
RUNS: tuple[tuple[str, str, dict[str, float], dict[str, str], dict[str, str]], ...] = (
    ("a", "FINISHED", {"loss": 0.5, "acc": 0.9}, {"lr": "0.1", "opt": "adam"}, {"team": "red"}),
    ("b", "FAILED", {"loss": 0.25}, {"lr": "0.01", "opt": "SGD"}, {"team": "blue"}),
    ("c", "RUNNING", {"loss": NAN, "acc": 0.5}, {"lr": "10"}, {"team": "Red", "x y": "1"}),
    ("d", "KILLED", {"loss": INF}, {"opt": "ada_grad", "sp ace": "q"}, {}),
    ("e", "FINISHED", {"loss": -INF, "m/x": 1.0}, {"lr": "0.1"}, {"team": "100%", "v.1": "z"}),
    ("f", "SCHEDULED", {}, {}, {"note": "it's"}),
    ("Größe", "FINISHED", {"loss": 0.5, "acc": 0.9}, {"opt": "größe"}, {"team": "red"}),
)

Search = Callable[..., None]


def _filled(book: Book, name: str) -> tuple[MlflowClient, str, list[str], Search]:
    client = MlflowClient()
    experiment = client.create_experiment(f"compat {name}")
    made: list[str] = []
    for n, (run_name, status, metrics, params, tags) in enumerate(RUNS):
        run = client.create_run(experiment, start_time=START + n * 1000, run_name=run_name)
        run_id = run.info.run_id
        client.log_batch(
            run_id,
            [Metric(key, value, START, 0) for key, value in metrics.items()],
            [Param(key, value) for key, value in params.items()],
            [RunTag(key, value) for key, value in tags.items()],
        )
        if status in {"FINISHED", "FAILED", "KILLED"}:
            client.set_terminated(run_id, status, START + n * 1000 + 500)
        elif status != "RUNNING":
            client.update_run(run_id, status=status)
        made.append(run_id)

    def search(text: str, order_by: list[str] | None = None, **named: Any) -> None:
        step = " | ".join([text, *(order_by or ()), *(f"{k}={v}" for k, v in named.items())])
        call = client.search_runs
        book.attempt(step, call, [experiment], text, order_by=order_by, shown=_names, **named)

    return client, experiment, made, search


@scenario
def filters_of_metrics(book: Book) -> None:
    *_, search = _filled(book, "search metrics")
    for text in (
        "",
        "metrics.loss < 0.5",
        "metrics.loss <= 0.5",
        "metrics.loss = 0.5",
        "metrics.loss != 0.5",
        "metrics.loss > 0.25",
        "metrics.loss >= 0.25",
        "metric.loss > 0",
        "metrics.loss > -1e300",
        "metrics.loss < 1e300",
        "metrics.acc = 0.9 and metrics.loss = 0.5",
        "metrics.acc > 0.1 AND params.lr = '0.1'",
        "metrics.`m/x` = 1",
        'metrics."m/x" >= 1.0',
        "metrics.nothing > 0",
        "metrics.nothing != 0",
        "metrics.loss > 'a'",
        "metrics.loss > '0.1'",
        "metrics.loss LIKE '0.5'",
        "metrics.loss IS NULL",
        "metrics.loss",
        "metrics.loss >",
        "metrics.loss == 0.5",
        "metrics.loss <> 0.5",
        "loss < 0.5",
        "metrics.loss < 0.5 OR metrics.acc > 1",
        "(metrics.loss < 0.5)",
        "metrics.loss < 0.5;",
        "metrics.loss < 0.5 extra",
    ):
        search(text)


@scenario
def filters_of_params_and_tags(book: Book) -> None:
    *_, search = _filled(book, "search params")
    for text in (
        "params.lr = '0.1'",
        "params.lr != '0.1'",
        "parameters.lr = '0.1'",
        "parameter.lr = '0.1'",
        "param.lr = '0.1'",
        "params.opt LIKE 'ada%'",
        "params.opt LIKE 'ADA%'",
        "params.opt ILIKE 'ADA%'",
        "params.opt LIKE 'ada_grad'",
        "params.opt LIKE '%'",
        "params.opt = 'größe'",
        "params.opt ILIKE 'GRÖSSE'",
        "params.opt ILIKE 'GRÖßE'",
        "params.`sp ace` = 'q'",
        'params."sp ace" = "q"',
        "params.lr IS NULL",
        "params.lr IS NOT NULL",
        "params.lr = 0.1",
        "params.lr > '0.1'",
        "params.lr IN ('0.1')",
        "params.lr = 0.1'",
        "params.lr LIKE '0.1' AND params.lr LIKE '%1'",
        "tags.team = 'red'",
        "tag.team = 'red'",
        "tags.team != 'red'",
        "tags.team LIKE 're%'",
        "tags.team ILIKE 'RE%'",
        "tags.team LIKE '100%'",
        "tags.team LIKE '%\\%'",
        "tags.`x y` = '1'",
        "tags.`v.1` = 'z'",
        "tags.v.1 = 'z'",
        'tags.note = "it\'s"',
        "tags.team IS NULL",
        "tags.team IS NOT NULL",
        "tags.mlflow.runName = 'a'",
        "tags.`mlflow.runName` LIKE '_'",
        "tags.team = red",
        "tags.team = ''",
    ):
        search(text)


@scenario
def filters_of_attributes(book: Book) -> None:
    *_, made, search = _filled(book, "search attributes")
    for text in (
        "attributes.status = 'FINISHED'",
        "attributes.status = 'finished'",
        "attribute.status != 'FINISHED'",
        "attr.status = 'FAILED'",
        "run.status = 'FAILED'",
        "status = 'RUNNING'",
        "status LIKE 'F%'",
        "attributes.run_name = 'a'",
        "run_name ILIKE 'A'",
        "attributes.`run name` = 'a'",
        "attributes.`Run name` = 'a'",
        "attributes.run_name LIKE 'Gr%'",
        f"attributes.start_time >= {START + 3000}",
        f"start_time < {START + 3000}",
        f"attributes.created > {START + 4000}",
        f"attributes.end_time > {START}",
        f"end_time = {START + 500}",
        "start_time > '5'",
        "attributes.user_id = 'ada'",
        "attributes.artifact_uri LIKE 'mlflow-artifacts:%'",
        "attributes.color = 'red'",
        "attributes.experiment_id = '0'",
        "attributes.lifecycle_stage = 'active'",
        "attributes.status = FINISHED",
        "attributes.status IS NULL",
        "start_time LIKE '1%'",
    ):
        search(text)
    search(f"attributes.run_id = '{made[0]}'")
    search(f"run_id IN ('{made[0]}', '{made[2]}')")
    search(f"attributes.run_id NOT IN ('{made[0]}', '{made[2]}')")
    search(f"run_id IN ('{made[1]}',)")
    search("run_id IN ()")
    search("run_name IN ('a', 'b')")
    search("status IN ('FINISHED')")


@scenario
def orders(book: Book) -> None:
    *_, search = _filled(book, "search orders")
    for order in (
        ["metrics.loss"],
        ["metrics.loss ASC"],
        ["metrics.loss DESC"],
        ["metrics.acc DESC", "metrics.loss ASC"],
        ["metrics.nothing"],
        ["params.lr"],
        ["params.lr DESC"],
        ["params.opt ASC", "metrics.loss DESC"],
        ["tags.team"],
        ["tags.team DESC"],
        ["tags.`x y`"],
        ["attributes.start_time"],
        ["start_time ASC"],
        ["start_time DESC"],
        ["attributes.end_time DESC"],
        ["attributes.end_time"],
        ["attributes.status"],
        ["attributes.run_name"],
        ["run_name desc"],
        ["attributes.`Start Time` ASC"],
        ["attributes.created ASC"],
        ["attributes.duration DESC"],
        ["metrics.`m/x` DESC"],
        ["loss"],
        ["metrics.loss SIDEWAYS"],
        ["metrics.loss ASC DESC"],
        ["color.x"],
        [""],
        ["attributes.color"],
        ["dataset.name"],
    ):
        search("", order)


@scenario
def pages_and_views(book: Book) -> None:
    client, experiment, made, search = _filled(book, "search pages")
    client.delete_run(made[1])
    client.delete_run(made[4])
    for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL):
        search("", ["attributes.start_time"], run_view_type=view)
    search("", max_results=0)
    search("", max_results=-1)
    search("", max_results=50_001)
    search("", max_results=50_000)
    search("", page_token="nonsense")
    for order in (["metrics.loss DESC"], ["params.opt"], None):
        pages: list[list[str]] = []
        token = None
        while len(pages) < 10:
            found = client.search_runs(
                [experiment],
                run_view_type=ViewType.ALL,
                max_results=3,
                order_by=order,
                page_token=token,
            )
            pages.append([run.info.run_name for run in found])
            token = found.token
            if not token:
                break
        book.note(f"pages by {order}", pages)
    book.attempt("no experiments", client.search_runs, [])
    book.attempt("unknown experiment", client.search_runs, ["99999999"])
    other = client.create_experiment("compat search pages other")
    run = client.create_run(other, start_time=START + 2500, run_name="elsewhere")
    both = client.search_runs([experiment, other], order_by=["start_time"])
    book.note("two experiments", [each.info.run_name for each in both])
    client.delete_experiment(other)
    found = client.search_runs([experiment, other], order_by=["start_time"])
    book.note("one of them deleted", [each.info.run_name for each in found])
    book.note("its run", client.get_run(run.info.run_id).info.lifecycle_stage)


@scenario
def whole_runs_and_tables(book: Book) -> None:
    client, experiment, _, _ = _filled(book, "search whole")
    runs = client.search_runs([experiment], order_by=["attributes.start_time"])
    book.note("runs", list(runs))
    table = mlflow.search_runs(
        experiment_names=["compat search whole"], order_by=["attributes.start_time"]
    )
    for column in ("artifact_uri", "tags.mlflow.user"):
        table = table.drop(columns=[column], errors="ignore")
    book.note("table", table)
    listed = mlflow.search_runs(
        [experiment], output_format="list", filter_string="metrics.acc > 0.6", max_results=1
    )
    book.note("list", [run.info.run_name for run in listed])
    book.attempt("unknown name", mlflow.search_runs, experiment_names=["compat no such"])


@scenario
def more_than_a_page(book: Book) -> None:
    client = MlflowClient()
    experiment = client.create_experiment("compat many runs")
    for n in range(120):
        client.create_run(experiment, start_time=START + n, run_name=f"r{n}")
    table = mlflow.search_runs([experiment], max_results=100)
    book.note("a hundred", list(table["tags.mlflow.runName"]))
    pages = 0
    names: list[str] = []
    token = None
    while pages < 20:
        found = client.search_runs([experiment], max_results=50, page_token=token)
        names += [run.info.run_name for run in found]
        pages += 1
        token = found.token
        if not token:
            break
    book.note("pages", pages)
    book.note("all", names)


def _names(found: list[Run]) -> list[str]:
    return [run.info.run_name for run in found]
