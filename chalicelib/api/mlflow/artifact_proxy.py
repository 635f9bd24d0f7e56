"""MLflow's artifact proxy: files of runs and of logged models, by the paths of their URIs.

No byte of a large file passes through here: a client uploads by parts and downloads by presigned
URLs. What it sends to us instead is at most what a request may have (docs/adr/0016).
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, NamedTuple

from pydantic import Field

from chalicelib import wiring
from chalicelib.api.contract import Answer
from chalicelib.api.mlflow.artifact_shapes import clean_path, level, of_tree
from chalicelib.api.mlflow.calls import Asked, Call, Calls
from chalicelib.api.mlflow.checks import required
from chalicelib.api.mlflow.errors import invalid, missing
from chalicelib.core.context import Role
from chalicelib.core.ids import ModelId, RunId, TreeId, UploadId, is_hex_id
from chalicelib.domain import run_files, run_uploads
from chalicelib.domain.uploads import MAX_UNDESCRIBED_PARTS
from chalicelib.storage.blobs import Part
from chalicelib.wiring import Services

calls = Calls()
_ROOT: Final = re.compile(
    r"(?:.*?/)?(?:(?P<run>[0-9a-f]{32})|models/(?P<model>m-[0-9a-f]{32}))/artifacts(?:/(?P<path>.*))?",
    re.DOTALL,
)
"""Before it is what the experiment's artifact location says, which is no concern of ours."""

_WINDOWS: Final = re.compile(r"[A-Za-z]:[/\\]|\\\\")
"""How an absolute path of its begins."""


class Place(NamedTuple):
    """A path in a tree; "" is the tree itself."""

    tree: TreeId
    path: str


class Listed(Asked):
    path: str = ""


class Created(Asked):
    path: str = ""
    num_parts: int = 1


class PartIn(Asked):
    part_number: Annotated[int, Field(ge=1, le=MAX_UNDESCRIBED_PARTS)]
    etag: Annotated[str, Field(min_length=1, max_length=200)]


class Ended(Asked):
    path: str = ""
    upload_id: str = ""
    parts: list[PartIn] = []


@calls("GET", "artifacts", role=Role.READ, asked=Listed)
def list_files(call: Call[Listed], services: Services) -> Any:
    """All of a folder in one answer, by name alone."""
    parts = call.asked.path.split("/")
    if ".." in parts or call.asked.path.startswith("/"):
        raise invalid("Invalid path")
    path = "/".join(part for part in parts if part != ".").rstrip("/")
    match = _ROOT.fullmatch(path)
    if match is None:
        return {"files": []}  # above the trees, where nobody looks
    tree, folder = _place(path)
    with of_tree(tree):
        found, following = level(services, call.context, tree, folder, None)
    if following is not None:
        raise invalid(
            f"The folder '{path}' has more files than one answer takes; list it in pages by"
            " artifacts/list."
        )
    return {"files": [{**one, "path": one["path"].rpartition("/")[2]} for one in found]}


@calls("GET", "artifacts/{path+}", role=Role.READ)
def download(call: Call[Any], services: Services) -> Any:
    """A redirect to the bytes."""
    tree, path = _file(call.path["path"])
    with of_tree(tree):
        signed, _ = run_files.content(wiring.run_files(services), call.context, tree, path)
    return Answer(307, "", {"location": signed.url, "cache-control": "no-store"})


@calls("GET", "presigned/{path+}", role=Role.READ)
def presign(call: Call[Any], services: Services) -> Any:
    """Where the bytes are, and how many; ranges of them may be asked for."""
    tree, path = _file(call.path["path"])
    stores = wiring.run_files(services)
    with of_tree(tree):
        found = run_files.find(stores, call.context, tree, path)
    signed = run_files.located(stores, found)
    return {"url": signed.url, "headers": dict(signed.headers), "file_size": found.size_bytes}


@calls("PUT", "artifacts/{path+}", role=Role.WRITE, raw=True)
def upload(call: Call[Any], services: Services) -> Any:
    """A small file."""
    tree, path = _file(call.path["path"])
    with of_tree(tree):
        run_files.save(wiring.run_files(services), call.context, tree, path, call.body, None)
    return {}


@calls("DELETE", "artifacts/{path+}", role=Role.WRITE)
def delete(call: Call[Any], services: Services) -> Any:
    """A file, or a folder with all that is in it."""
    tree, path = _place(call.path["path"])
    with of_tree(tree):
        run_files.remove(wiring.run_files(services), call.context, tree, path)
    return {}


@calls("POST", "mpu/create/{path+}", role=Role.WRITE, asked=Created)
def create_upload(call: Call[Created], services: Services) -> Any:
    """An upload of parts that only the client knows the sizes of. All are signed at once, for the
    client asks once."""
    tree, folder = _place(call.path["path"])
    required(call.asked.path, "path")
    path, count = _joined(folder, call.asked.path), max(1, call.asked.num_parts)
    if count > MAX_UNDESCRIBED_PARTS:
        raise invalid(
            f"An upload has at most {MAX_UNDESCRIBED_PARTS} parts, got {count}; set"
            " MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE to make them larger."
        )
    with of_tree(tree):
        opened = run_uploads.begin_undescribed(
            wiring.run_files(services), call.context, tree, path, count
        )
    return {
        "upload_id": opened.upload.upload_id,
        "credentials": [
            {
                "url": part.request.url,
                "part_number": part.part_number,
                "headers": dict(part.request.headers),
            }
            for part in opened.parts
        ],
    }


@calls("POST", "mpu/complete/{path+}", role=Role.WRITE, asked=Ended)
def complete_upload(call: Call[Ended], services: Services) -> Any:
    """Again is fine."""
    tree, _ = _place(call.path["path"])
    parts = [Part(one.part_number, one.etag) for one in call.asked.parts]
    with of_tree(tree):
        run_uploads.complete(
            wiring.run_files(services), call.context, tree, _upload_id(call.asked), parts
        )
    return {}


@calls("POST", "mpu/abort/{path+}", role=Role.WRITE, asked=Ended)
def abort_upload(call: Call[Ended], services: Services) -> Any:
    """Again is fine."""
    tree, _ = _place(call.path["path"])
    with of_tree(tree):
        run_uploads.abort(wiring.run_files(services), call.context, tree, _upload_id(call.asked))
    return {}


def _place(path: str) -> Place:
    """Raises Failure for a path that is in no tree."""
    match = _ROOT.fullmatch(path)
    if match is None:
        raise missing(
            "No such artifact: paths are <experiment>/<run_id>/artifacts/<path> and"
            " <experiment>/models/<model_id>/artifacts/<path>"
        )
    run_id, model_id, inside = match["run"], match["model"], (match["path"] or "").rstrip("/")
    tree = RunId(run_id) if run_id is not None else ModelId(model_id)
    return Place(tree, clean_path(inside) if inside else "")


def _file(path: str) -> Place:
    place = _place(path)
    if not place.path:
        raise invalid("Invalid path: name a file below the artifacts of the run or the model")
    return place


def _joined(folder: str, sent: str) -> str:
    """The file in the folder; clients before 3.18 send the path that it has on their machine."""
    name = re.split(r"[/\\]" if _WINDOWS.match(sent) else "/", sent)[-1]
    if "#" in name:  # its client could not list the folder any more
        raise invalid("Invalid path: a file's name cannot hold #")
    return clean_path(f"{folder}/{name}" if folder else name)


def _upload_id(asked: Ended) -> UploadId:
    if not is_hex_id(asked.upload_id):
        raise missing("There is no such upload.")
    return UploadId(asked.upload_id)
