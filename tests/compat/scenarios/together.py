"""Several clients at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric

from tests.compat.book import Book
from tests.compat.driver import scenario

START = 1_700_000_000_000
THREADS = 8


@scenario
def runs_of_one_experiment(book: Book) -> None:
    experiment = MlflowClient().create_experiment("compat together")

    def train(n: int) -> None:
        client = MlflowClient()
        run_id = client.create_run(experiment, start_time=START + n, run_name=f"w{n}").info.run_id
        client.log_param(run_id, "n", n)
        for batch in range(5):
            points = [Metric("loss", n + s / 10, START, batch * 20 + s) for s in range(20)]
            client.log_batch(run_id, points)
        client.log_text(run_id, str(n), "out/n.txt")
        client.set_terminated(run_id)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(train, range(THREADS)))
    client = MlflowClient()
    runs = client.search_runs([experiment], order_by=["start_time"])
    book.note("runs", [(r.info.run_name, r.info.status, r.data.params) for r in runs])
    book.note("points", [len(client.get_metric_history(r.info.run_id, "loss")) for r in runs])
    texts = [mlflow.artifacts.load_text(f"{r.info.artifact_uri}/out/n.txt") for r in runs]
    book.note("texts", texts)


@scenario
def writers_of_one_run(book: Book) -> None:
    client = MlflowClient()
    experiment = client.create_experiment("compat one run")
    run_id = client.create_run(experiment, run_name="shared").info.run_id

    def write(n: int) -> None:
        mine = MlflowClient()
        for batch in range(5):
            points = [Metric("shared", n, START + n, batch * 10 + s) for s in range(10)]
            mine.log_batch(run_id, points)
            mine.log_metric(run_id, f"own {n}", batch, START, batch)
        mine.log_param(run_id, f"p{n}", n)
        mine.set_tag(run_id, f"t{n}", n)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(write, range(THREADS)))
    run = client.get_run(run_id)
    book.note("params", run.data.params)
    book.note("metrics", {k: v for k, v in run.data.metrics.items() if k != "shared"})
    book.note("tags", sorted(key for key in run.data.tags if key.startswith("t")))
    history = client.get_metric_history(run_id, "shared")
    book.note("points", len(history))
    book.note("all of them", len({(p.step, p.value) for p in history}))


@scenario
def one_name_for_all(book: Book) -> None:
    """set_experiment of a name that is not there yet, by all of them at once."""

    def ask(_: int) -> str:
        client = MlflowClient()
        try:
            return client.create_experiment("compat race")
        except mlflow.MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return client.get_experiment_by_name("compat race").experiment_id

    with ThreadPoolExecutor(THREADS) as pool:
        book.note("ids", len(set(pool.map(ask, range(THREADS)))))


@scenario
def versions_of_one_model(book: Book) -> None:
    client = MlflowClient()
    run = client.create_run(client.create_experiment("compat versions together"))
    client.log_text(run.info.run_id, "x", "m/MLmodel")
    client.create_registered_model("compat together")

    def add(_: int) -> int:
        mine = MlflowClient()
        made = mine.create_model_version(
            "compat together", f"{run.info.artifact_uri}/m", run.info.run_id
        )
        return int(made.version)

    with ThreadPoolExecutor(4) as pool:
        book.note("versions", sorted(pool.map(add, range(4))))
