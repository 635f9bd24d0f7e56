"""Where a version of a model comes from: what its source may be, and where that leads to.

A source is text that clients hand to each other, so what is accepted is what MLflow's server
accepts: nothing on a disk, no way up, and of what is kept here only what the run or the logged
model that is named has.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote, urlsplit

from chalicelib.api.mlflow.errors import Failure, invalid
from chalicelib.api.mlflow.model_shapes import model_uri, no_logged_model, told
from chalicelib.api.mlflow.run_shapes import artifact_uri
from chalicelib.core.context import Context
from chalicelib.core.errors import Forbidden, NotFound
from chalicelib.core.ids import RunId, is_hex_id, is_model_id
from chalicelib.domain import logged_models, model_versions, runs
from chalicelib.wiring import Services

_PROXY: Final = ("api", "2.0", "mlflow-artifacts", "artifacts")


@dataclass(frozen=True, slots=True)
class Origin:
    """A source, and the run and the logged model that it is said to be of."""

    source: str
    run_id: str | None
    model_id: str | None
    location: str | None = None
    """Where the files are, when the source does not say it."""


def checked(services: Services, context: Context, asked: Origin) -> Origin:
    """With the run of a logged model, and where its files are. A read of the logged model or run,
    or two of another version. Raises Failure."""
    source = asked.source
    scheme = _scheme(source)
    if scheme in ("", "file"):
        named = unquote(urlsplit(source).path) if scheme and asked.run_id else source
        raise invalid(
            f"Invalid model version source: '{named}'. To use a local path as a model version "
            "source, the run_id request parameter has to be specified and the local path has to be "
            "contained within the artifact directory of the run specified by the run_id."
        )
    _check_no_way_up(source)
    if scheme == "models":
        return _of_model(services, context, asked)
    if asked.model_id is not None:
        return _of_logged(services, context, asked, asked.model_id)
    if scheme == "runs":
        if _parts(source)[:1] != [asked.run_id]:
            raise _elsewhere(source, "run_id")
    elif _is_kept_here(source):
        _check_within_run(services, context, asked)
    return asked


def _of_model(services: Services, context: Context, asked: Origin) -> Origin:
    rest = urlsplit(asked.source).path.strip("/")
    if is_model_id(rest):
        if asked.model_id != rest:
            raise _elsewhere(asked.source, "model_id")
        return _of_logged(services, context, asked, rest)
    name, at, alias = rest.partition("@")
    version = ""
    if not at:
        name, _, version = rest.partition("/")
    with told(f"Model Version (name={name}, version={version or alias}) not found"):
        if at or version.lower() == "latest":
            _, one = model_versions.by_alias(services.registry, context, name, alias or version)
        elif version.isdecimal():
            _, one = model_versions.get(services.registry, context, name, int(version))
        else:
            raise _elsewhere(asked.source, "model_id")
    if one is None:
        raise invalid(f"Registered model alias {alias or version} not found.")
    if (asked.run_id or one.run_id, asked.model_id or one.model_id) != (one.run_id, one.model_id):
        raise invalid(
            f"Invalid model version source: '{asked.source}'. The run_id and model_id request "
            "parameters must match the referenced model version."
        )
    return Origin(f"models:/{name}/{one.number}", one.run_id, one.model_id, one.location)


def _of_logged(services: Services, context: Context, asked: Origin, model_id: str) -> Origin:
    with told(no_logged_model(model_id)):
        model = logged_models.get(services.logged_models, context, model_id)
    uri = model_uri(context.tenant, model)
    if _scheme(asked.source) == "runs":
        raise _elsewhere(asked.source, "model_id")
    if _is_kept_here(asked.source) and not _is_within(asked.source, uri):
        raise _elsewhere(asked.source, "model_id")
    location = uri if _scheme(asked.source) == "models" else None
    return replace(asked, run_id=asked.run_id or model.source_run_id, location=location)


def _check_within_run(services: Services, context: Context, asked: Origin) -> None:
    if asked.run_id is not None and is_hex_id(asked.run_id):
        try:
            run = runs.get(services.runs, context, RunId(asked.run_id))
        except (NotFound, Forbidden):
            raise _elsewhere(asked.source, "run_id") from None
        if _is_within(asked.source, artifact_uri(context.tenant, run)):
            return
    raise _elsewhere(asked.source, "run_id")


def _check_no_way_up(source: str) -> None:
    plain = _unquoted(source)
    path = plain.partition(":")[2].partition("?")[0]
    if "\0" in plain or any(part in (".", "..") for part in path.split("/")):
        raise invalid(
            f"Invalid model version source: '{source}'. If supplying a source as an http, https, "
            "local file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be "
            "provided without relative path references present. Please provide an absolute path."
        )


def _scheme(uri: str) -> str:
    try:
        return urlsplit(uri).scheme.lower()
    except ValueError:
        return ""


def _parts(uri: str) -> list[str]:
    return [_unquoted(part) for part in urlsplit(uri).path.split("/") if part]


def _unquoted(text: str) -> str:
    while (plain := unquote(text)) != text:
        text = plain
    return text


def _is_kept_here(source: str) -> bool:
    scheme, parts = _scheme(source), tuple(_parts(source))
    if scheme == "mlflow-artifacts":
        return True
    return scheme in ("http", "https") and any(
        parts[at : at + len(_PROXY)] == _PROXY for at in range(len(parts))
    )


def _is_within(source: str, root: str) -> bool:
    wanted, given = urlsplit(root), urlsplit(source)
    parts = _parts(root)
    same = (wanted.scheme, wanted.netloc) == (given.scheme.lower(), given.netloc.lower())
    return same and bool(parts) and _parts(source)[: len(parts)] == parts


def _elsewhere(source: str, what: str) -> Failure:
    return invalid(
        f"Invalid model version source: '{source}'. The {what} request parameter must identify the "
        "resource that contains the source."
    )
