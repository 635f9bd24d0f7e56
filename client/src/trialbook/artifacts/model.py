"""What an artifact is to the client: the schema that an index keeps."""

from __future__ import annotations

import builtins
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, TypeAlias, cast

Labels: TypeAlias = dict[str, Any]
Metrics: TypeAlias = dict[str, Any]

MANIFEST_MIME: Final = "application/vnd.trialbook.manifest+json"
"""The media type of a directory: its bytes are its manifest."""
CONTEXT_IDS: Final = (
    "run_id",
    "session_id",
    "graph_id",
    "node_id",
    "user_id",
    "org_id",
    "client_id",
    "app_id",
    "experiment_id",
)
"""The ids by which artifacts are scoped and filtered."""

SearchMode: TypeAlias = Literal["structured", "lexical", "semantic", "hybrid"]
MetricMode: TypeAlias = Literal["max", "min"]

_SPELLED: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file of a directory artifact; `path` is relative, with `/` between folders."""

    path: str
    sha256: str
    size_bytes: int

    def to_dict(self) -> dict[str, Any]:
        return {"path": self.path, "sha256": self.sha256, "size_bytes": self.size_bytes}


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes that a store holds: of a file, or of a directory when there is a `manifest`.

    Of a directory `sha256` is that of its manifest and `size_bytes` the total of its files.
    """

    sha256: str
    size_bytes: int
    mime: str | None = None
    manifest: tuple[ManifestFile, ...] | None = None


@dataclass(slots=True)
class Artifact:
    """An artifact's metadata; what is not known is None, `tags` and the like are then empty.

    `bytes` is the size. `created_at` is RFC 3339 in UTC. `verified` is false while a large upload
    has not been checked by the service. Metrics that are NaN or infinite are floats here, and
    the strings "NaN", "Infinity" and "-Infinity" in `to_dict`.
    """

    artifact_id: str
    run_id: str | None = None
    graph_id: str | None = None
    node_id: str | None = None
    tool_name: str | None = None
    tool_version: str | None = None
    kind: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    mime: str | None = None
    created_at: str | None = None
    tags: list[str] | None = None
    labels: Labels | None = None
    metrics: Metrics | None = None
    pinned: bool = False
    uri: str | None = None
    preview_uri: str | None = None
    org_id: str | None = None
    user_id: str | None = None
    client_id: str | None = None
    app_id: str | None = None
    session_id: str | None = None
    name: str | None = None
    suggested_uri: str | None = None
    experiment_id: str | None = None
    content_url: str | None = None
    verified: bool = False
    is_dir: bool = False
    file_count: int | None = field(default=None)
    description: str | None = None

    @property
    def mimetype(self) -> str | None:
        """The same as `mime`."""
        return self.mime

    @mimetype.setter
    def mimetype(self, mime: str | None) -> None:
        self.mime = mime

    def to_dict(self) -> dict[str, Any]:
        """Every field by its name, ready for JSON."""
        found = {name: getattr(self, name) for name in _FIELDS}
        found["tags"] = None if self.tags is None else list(self.tags)
        found["labels"] = None if self.labels is None else json_ready(self.labels)
        found["metrics"] = None if self.metrics is None else json_ready(self.metrics)
        return found

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Artifact:
        """Of what `to_dict` or the service gives.

        Unknown fields are ignored, for a newer server has more; `mimetype` counts as `mime`.
        Raises ValueError when there is no artifact_id.
        """
        known = {name: found[name] for name in _FIELDS if name in found}
        if not isinstance(known.get("artifact_id"), str):
            raise ValueError("not an artifact: it has no artifact_id")  # noqa: TRY004 -- of data
        if "mime" not in known and "mimetype" in found:
            known["mime"] = found["mimetype"]
        for flag in ("pinned", "verified", "is_dir"):
            known[flag] = builtins.bool(known.get(flag))
        metrics = known.get("metrics")
        if isinstance(metrics, dict):
            known["metrics"] = {
                name: _SPELLED.get(value, value) if isinstance(value, str) else value
                for name, value in cast("Metrics", metrics).items()
            }
        return cls(**known)


_FIELDS: Final = tuple(each.name for each in fields(Artifact))


def json_ready(value: Any) -> Any:
    """The value with NaN and infinities spelled out, and scalars of numpy or torch plain.

    Raises TypeError for what JSON has no word for, before anything is stored.
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            return int(value)
        case float():
            return _spelled(float(value))
        case Mapping():
            entries = cast("Mapping[Any, Any]", value).items()
            return {_key(name): json_ready(inner) for name, inner in entries}
        case list() | tuple():
            return [json_ready(inner) for inner in cast("list[Any]", value)]
        case _:
            return _scalar(value)


def _scalar(value: Any) -> Any:
    item = getattr(value, "item", None)
    if callable(item):
        try:
            plain = item()
        except (TypeError, ValueError):
            plain = None
        if isinstance(plain, bool | int | float | str):
            return json_ready(plain)
    raise TypeError(f"cannot be kept as JSON: {type(value).__name__}")


def _key(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a name must be a string: {name!r:.100}")
    return name


def _spelled(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
