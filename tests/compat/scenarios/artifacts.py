"""Artifacts of runs: written, listed, read, deleted."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import requests
from mlflow import MlflowClient

from tests.compat.book import Book
from tests.compat.driver import scenario

LARGE = 25 * 1024 * 1024


def _listed(client: MlflowClient, run_id: str, path: str | None = None) -> list[Any]:
    return sorted(
        (each.path, each.is_dir, each.file_size) for each in client.list_artifacts(run_id, path)
    )


def _digest(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@scenario
def files_and_folders(book: Book) -> None:
    client = MlflowClient()
    mlflow.set_experiment("compat artifacts")
    folder = book.folder / "tree"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "deep" / "er" / "b ü.bin").write_bytes(bytes(range(256)))
    (folder / "deep" / "100% #1?.txt").write_text("odd")
    with mlflow.start_run(run_name="files") as run:
        run_id = run.info.run_id
        book.note("nothing yet", _listed(client, run_id))
        book.attempt("file", mlflow.log_artifact, str(folder / "a.txt"))
        book.attempt("into a folder", mlflow.log_artifact, str(folder / "a.txt"), "in/side")
        book.attempt("tree", mlflow.log_artifacts, str(folder), "tree")
        book.attempt("replaced", client.log_text, run_id, "b", "a.txt")
    for path in (None, "in", "in/side", "tree", "tree/deep", "tree/deep/er", "a.txt", "no/such"):
        book.note(f"list {path}", _listed(client, run_id, path))
    got = mlflow.artifacts.download_artifacts(
        run_id=run_id, artifact_path="tree", dst_path=str(book.folder / "got")
    )
    files = [p for p in Path(got).rglob("*") if p.is_file()]
    book.note("downloaded", sorted((str(p.relative_to(got)), _digest(p)) for p in files))
    one = client.download_artifacts(run_id, "a.txt", str(book.folder))
    book.note("one", Path(one).read_text())
    everything = client.download_artifacts(run_id, "", str(_made(book.folder / "all")))
    files = [p for p in Path(everything).rglob("*") if p.is_file()]
    book.note("everything", sorted(str(p.relative_to(everything)) for p in files))
    by_uri = mlflow.artifacts.download_artifacts(f"runs:/{run_id}/in/side/a.txt")
    book.note("by its uri", Path(by_uri).read_text())
    book.note("text", mlflow.artifacts.load_text(f"{run.info.artifact_uri}/a.txt"))
    book.attempt("no such file", client.download_artifacts, run_id, "no/such.txt")
    book.attempt("of no run", client.list_artifacts, "0" * 32)
    for path in ("../x", "/etc/passwd", "a/../../b", "a/./b"):
        book.attempt(f"list {path}", client.list_artifacts, run_id, path)


@scenario
def small_files(book: Book) -> None:
    contents = {"empty.bin": b"", "one.bin": b"\x00", "more.bin": bytes(range(256)) * 4096}
    _kept(book, "small", contents)


@scenario
def a_large_file_in_parts(book: Book) -> None:
    """As docs/mlflow.md says: two variables let the client send parts from 4 MiB on."""
    environment = {
        "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "true",
        "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": str(4 * 1024 * 1024),
    }
    os.environ.update(environment)
    try:
        _kept(book, "large", {"large.bin": hashlib.shake_256(b"large").digest(LARGE)})
    finally:
        for name in environment:
            del os.environ[name]


@scenario
def a_large_file_without_parts(book: Book) -> None:
    client = MlflowClient()
    experiment = client.create_experiment("compat whole")
    run_id = client.create_run(experiment, run_name="whole").info.run_id
    path = book.folder / "large.bin"
    path.write_bytes(b"\0" * LARGE)
    try:
        client.log_artifact(run_id, str(path))
    except requests.HTTPError as error:
        told = f"refused with {error.response.status_code}"
    else:
        told = "logged"
    book.note("log", told)


def _kept(book: Book, name: str, contents: dict[str, bytes]) -> None:
    client = MlflowClient()
    experiment = client.create_experiment(f"compat {name} files")
    run_id = client.create_run(experiment, run_name="sizes").info.run_id
    for file, content in contents.items():
        path = book.folder / file
        path.write_bytes(content)
        book.attempt(f"log {file}", client.log_artifact, run_id, str(path))
    book.note("listed", _listed(client, run_id))
    for file in contents:
        got = client.download_artifacts(run_id, file, str(_made(book.folder / "got")))
        book.note(f"got {file}", (os.path.getsize(got), _digest(got)))


@scenario
def of_every_kind(book: Book) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    client = MlflowClient()
    mlflow.set_experiment("compat kinds")
    with mlflow.start_run(run_name="kinds") as run:
        figure, axes = pyplot.subplots()
        axes.plot([0, 1], [1, 0])
        book.attempt("figure", mlflow.log_figure, figure, "plots/figure.png")
        pyplot.close(figure)
        book.attempt("text", mlflow.log_text, "größe\n", "text/a.txt")
        book.attempt("html", mlflow.log_text, "<b>x</b>", "text/a.html")
        book.attempt("dict", mlflow.log_dict, {"a": [1, 2.5, None]}, "dicts/a.json")
        book.attempt("yaml", mlflow.log_dict, {"a": {"b": 1}}, "dicts/a.yaml")
        pixels = np.zeros((8, 8, 3), dtype=np.uint8)
        book.attempt("image", mlflow.log_image, pixels, "images/a.png")
        book.attempt("image of a step", mlflow.log_image, pixels, key="seen", step=3)
        book.attempt("table", mlflow.log_table, {"q": ["x", "y"], "n": [1, 2]}, "tables/t.json")
        more = pd.DataFrame({"q": ["z"], "n": [3]})
        book.attempt("more of it", mlflow.log_table, more, "tables/t.json")
    run_id = run.info.run_id
    for path in (None, "plots", "text", "dicts", "tables"):
        names = [(path_, is_dir) for path_, is_dir, _ in _listed(client, run_id, path)]
        book.note(f"list {path}", names)
    book.note("images", len(_listed(client, run_id, "images")))
    uri = run.info.artifact_uri
    book.note("text read", mlflow.artifacts.load_text(f"{uri}/text/a.txt"))
    book.note("dict read", mlflow.artifacts.load_dict(f"{uri}/dicts/a.json"))
    book.note("image read", list(mlflow.artifacts.load_image(f"{uri}/images/a.png").size))
    table = mlflow.load_table("tables/t.json", run_ids=[run_id])
    book.note("table read", table)
    book.note("tag of tables", mlflow.get_run(run_id).data.tags["mlflow.loggedArtifacts"])


@scenario
def deleted(book: Book) -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    client = MlflowClient()
    experiment = client.create_experiment("compat artifacts deleted")
    run = client.create_run(experiment, run_name="deleted")
    run_id = run.info.run_id
    for path in ("a.txt", "folder/b.txt", "folder/c.txt", "kept/d.txt"):
        client.log_text(run_id, path, path)
    repository = get_artifact_repository(run.info.artifact_uri)
    book.attempt("a file", repository.delete_artifacts, "a.txt")
    book.note("without it", _listed(client, run_id))
    book.attempt("a folder", repository.delete_artifacts, "folder")
    book.note("without the folder", _listed(client, run_id))
    book.attempt("no such", repository.delete_artifacts, "no/such.txt")
    book.note("what is left", _listed(client, run_id, "kept"))
    client.log_text(run_id, "again", "a.txt")
    book.note("written again", mlflow.artifacts.load_text(f"{run.info.artifact_uri}/a.txt"))


@scenario
def many_files(book: Book) -> None:
    client = MlflowClient()
    experiment = client.create_experiment("compat many files")
    run_id = client.create_run(experiment, run_name="many").info.run_id
    folder = _made(book.folder / "many")
    for n in range(60):
        (folder / f"f{n:03}.txt").write_text(str(n))
    book.attempt("logged", client.log_artifacts, run_id, str(folder), "many")
    book.note("listed", _listed(client, run_id, "many"))
    got = client.download_artifacts(run_id, "many", str(_made(book.folder / "got")))
    read = sorted((p.name, p.read_text()) for p in Path(got).iterdir())
    book.note("read", len(read))
    book.note("right", all(int(name[1:4]) == int(text) for name, text in read))


@scenario
def of_a_run_that_ended_or_is_deleted(book: Book) -> None:
    client = MlflowClient()
    experiment = client.create_experiment("compat late artifacts")
    run = client.create_run(experiment, run_name="late")
    run_id = run.info.run_id
    client.log_text(run_id, "before", "before.txt")
    client.set_terminated(run_id)
    book.attempt("after its end", client.log_text, run_id, "after", "after.txt")
    book.note("listed", _listed(client, run_id))
    client.delete_run(run_id)
    book.note("when deleted", _listed(client, run_id))
    book.note("read", mlflow.artifacts.load_text(f"{run.info.artifact_uri}/before.txt"))


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
