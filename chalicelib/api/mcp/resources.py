"""Resources: experiments, runs and artifacts by URI, for what a person attaches to a talk."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

import orjson

from chalicelib.api.contract import Request, View
from chalicelib.api.mcp import contents
from chalicelib.api.mcp.protocol import (
    INVALID_PARAMS,
    RESOURCE_NOT_FOUND,
    ProtocolError,
    invalid_params,
)
from chalicelib.api.mcp.tool import hidden, json_text
from chalicelib.api.v1 import artifacts as indexed
from chalicelib.api.v1 import experiment_artifacts, experiments, runs
from chalicelib.api.v1.artifact_shapes import stores_of
from chalicelib.api.v1.experiment_artifact_shapes import path_artifact_name
from chalicelib.api.v1.experiment_artifacts import ArtifactQuery
from chalicelib.api.v1.experiment_shapes import ListQuery
from chalicelib.core.context import Context
from chalicelib.core.errors import Forbidden, Invalid, NotFound, TrialbookError
from chalicelib.core.ids import ArtifactId
from chalicelib.domain import artifacts as artifact_rules
from chalicelib.domain import experiment_artifact_reads
from chalicelib.wiring import Services

JSON: Final = "application/json"
PAGE: Final = 50
MAX_URI: Final = 10_000
MAX_TEXT_BYTES: Final = 3_000_000
"""Of a text as JSON, which is JSON once more in a function's answer; larger is base64."""
TEMPLATES: Final = [
    {
        "uriTemplate": "trialbook://experiments/{experiment_id}",
        "name": "experiment",
        "title": "An experiment",
        "description": "An experiment by id or slug: its tags, goals, variants and counts.",
        "mimeType": JSON,
    },
    {
        "uriTemplate": "trialbook://runs/{run_id}",
        "name": "run",
        "title": "A run",
        "description": "A run by id: its params, tags, and the last values of its metrics.",
        "mimeType": JSON,
    },
    {
        "uriTemplate": "trialbook://experiments/{experiment_id}/artifacts/{artifact_name}",
        "name": "experiment_artifact",
        "title": "An artifact of an experiment",
        "description": "What was logged under a name: its value or points, and bytes up to 1 MB.",
    },
    {
        "uriTemplate": "trialbook://artifacts/{artifact_id}",
        "name": "artifact",
        "title": "An indexed artifact",
        "description": "An artifact by id: its tags, labels and metrics, and where its bytes are.",
        "mimeType": JSON,
    },
]
_SEGMENT: Final = r"([^/?#]+)"


def listed(context: Context, services: Services, cursor: str | None) -> dict[str, Any]:
    """A page of experiments, newest first. Raises ProtocolError for a cursor that is not ours."""
    request: Request[None, ListQuery] = Request(
        None, ListQuery(limit=PAGE, cursor=cursor), {}, {}, context, b"", ""
    )
    try:
        page = orjson.loads(json_text(experiments.list_experiments(request, services).payload))
    except Invalid as error:
        raise invalid_params(error.message) from None
    found = {"resources": [_experiment(one) for one in page["experiments"]]}
    next_cursor = page["next_cursor"]
    return found if next_cursor is None else {**found, "nextCursor": next_cursor}


def read(
    context: Context, services: Services, prefix: str, uri: str, *, is_modern: bool
) -> list[Mapping[str, Any]]:
    """What is at a URI: JSON, and bytes that an assistant can take. Raises ProtocolError when there
    is nothing, also for another tenant's."""
    reader = _Reader(context, services, prefix, uri)
    missing = INVALID_PARAMS if is_modern else RESOURCE_NOT_FOUND
    if len(uri) > MAX_URI:
        raise ProtocolError(missing, f"a URI has at most {MAX_URI} characters here")
    for pattern, read_one in _READERS:
        match = pattern.fullmatch(uri)
        if match is not None:
            try:
                return read_one(reader, *(unquote(one) for one in match.groups()))
            except (NotFound, Invalid, Forbidden) as error:
                told: TrialbookError = hidden(error) if isinstance(error, Forbidden) else error
                raise ProtocolError(missing, told.message, {"uri": uri}) from None
    templates = ", ".join(one["uriTemplate"] for one in TEMPLATES)
    raise ProtocolError(missing, f"no resource has such a URI; they are: {templates}", {"uri": uri})


class _Reader:
    """Reads by the routes, and bytes beside."""

    def __init__(self, context: Context, services: Services, prefix: str, uri: str) -> None:
        self._context = context
        self._services = services
        self._prefix = prefix
        self._uri = uri

    def experiment(self, experiment_id: str) -> list[Mapping[str, Any]]:
        return [self._json(experiments.get_experiment, experiment_id=experiment_id)]

    def run(self, run_id: str) -> list[Mapping[str, Any]]:
        return [self._json(runs.get_run, run_id=run_id)]

    def experiment_artifact(self, experiment_id: str, name: str) -> list[Mapping[str, Any]]:
        stores = experiment_artifacts.stores_of(self._services)
        path = {"experiment_id": experiment_id, "artifact_name": name}
        request = Request(None, ArtifactQuery(), path, {}, self._context, b"", self._prefix)
        series = experiment_artifact_reads.find(
            stores, self._context, experiment_id, path_artifact_name(request)
        )
        described = self._shown(experiment_artifacts.series_out(request, self._services, series))
        latest = series.latest
        if not series.is_media or latest.blob_key is None:
            return [described]
        return [described, *self._bytes(latest.blob_key, latest.mime, latest.size_bytes)]

    def artifact(self, artifact_id: str) -> list[Mapping[str, Any]]:
        described = self._json(indexed.get_artifact, artifact_id=artifact_id)
        stores = stores_of(self._services)
        found = artifact_rules.get(stores, self._context, ArtifactId(artifact_id))
        if found.file_count is not None:  # a directory has no bytes of its own
            return [described]
        return [described, *self._bytes(found.blob_key, found.mime, found.size_bytes)]

    def _json(self, view: View, **path: str) -> Mapping[str, Any]:
        request = Request(None, None, path, {}, self._context, b"", self._prefix)
        return self._shown(view(request, self._services).payload)

    def _shown(self, payload: object) -> Mapping[str, Any]:
        return {"uri": self._uri, "mimeType": JSON, "text": json_text(payload)}

    def _bytes(self, blob_key: str, mime: str | None, size: int) -> list[Mapping[str, Any]]:
        mime = mime or contents.UNKNOWN_MIME
        shown = contents.shown_as(mime, size)
        if shown == "link":
            return []
        body = self._services.blobs.get(blob_key)
        there = {"uri": self._uri, "mimeType": mime}
        if shown == "text" and b"\0" not in body:
            text = body.decode(errors="replace")
            if len(orjson.dumps(text)) <= MAX_TEXT_BYTES:
                return [{**there, "text": text}]
        return [{**there, "blob": b64encode(body).decode()}]


_READERS: Final[tuple[tuple[re.Pattern[str], Callable[..., list[Mapping[str, Any]]]], ...]] = (
    (re.compile(f"trialbook://experiments/{_SEGMENT}"), _Reader.experiment),
    (re.compile(f"trialbook://runs/{_SEGMENT}"), _Reader.run),
    (
        re.compile(f"trialbook://experiments/{_SEGMENT}/artifacts/{_SEGMENT}"),
        _Reader.experiment_artifact,
    ),
    (re.compile(f"trialbook://artifacts/{_SEGMENT}"), _Reader.artifact),
)


def _experiment(one: Mapping[str, Any]) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "uri": f"trialbook://experiments/{quote(one['id'])}",
        "name": one["slug"],
        "title": one["name"],
        "mimeType": JSON,
        "annotations": {"lastModified": one["last_updated"]},
    }
    if one["description"] is not None:
        resource["description"] = one["description"]
    return resource
