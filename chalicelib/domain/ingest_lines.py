"""What the lines of a file ask for, and which of them must wait for each other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar

from chalicelib.core.ids import RunId
from chalicelib.core.model.artifact import ManifestFile
from chalicelib.core.model.ingestion import Source
from chalicelib.core.model.run import RunStatus
from chalicelib.domain.artifacts import Description
from chalicelib.domain.logging import Batch
from chalicelib.domain.variant_intake import NewLog
from chalicelib.storage import packing

MAX_POINTS: Final = 1000
MAX_NAMES: Final = 100
"""Of params, and of tags, that go into one transaction; as in a batch of the API."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run to be started, or changed where it is there: only what is set changes. Without an id it
    is a new one."""

    run_id: RunId | None
    experiment: str | None
    """Id or slug."""
    name: str | None = None
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    parent_run_id: str | None = None
    status: RunStatus | None = None
    end_time_ms: int | None = None


@dataclass(frozen=True, slots=True)
class BatchLine:
    """Points (key, value, step, timestamp), params and tags of a run."""

    run_id: RunId
    points: Sequence[tuple[str, float, int, int]] = ()
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class VariantLine:
    slug: str
    new: NewLog


@dataclass(frozen=True, slots=True)
class ArtifactLine:
    """Bytes to be indexed: a file by its digest, or a directory by its files."""

    sha256: str | None
    files: Sequence[ManifestFile]
    wanted: Description


Operation: TypeAlias = RunLine | BatchLine | VariantLine | ArtifactLine
Numbered: TypeAlias = tuple[int, _T]
"""With the number of its line."""
Refused: TypeAlias = dict[int, str]
"""Reasons by the numbers of lines."""


def run_of(source: Source, number: int, line: RunLine) -> RunId:
    """The run that a line is about."""
    if line.run_id is not None:
        return line.run_id
    seed = seed_of(source, number)
    return RunId(hashlib.sha256(b"run\n" + seed).hexdigest()[:32])


def lanes(source: Source, wanted: Sequence[Numbered[Operation]]) -> list[list[Numbered[Operation]]]:
    """Lines that must be applied one after another, apart from those that need not."""
    found: dict[tuple[str, str], list[Numbered[Operation]]] = {}
    for number, operation in wanted:
        match operation:
            case RunLine():
                lane = "run", run_of(source, number, operation)
            case BatchLine(run_id):
                lane = "run", run_id
            case VariantLine(slug):
                lane = "variants", slug
            case ArtifactLine():
                lane = "artifact", str(number)
        found.setdefault(lane, []).append((number, operation))
    return list(found.values())


def seed_of(source: Source, number: int) -> bytes:
    """What ids that a line does not name follow from."""
    return f"{source.object_key}\n{source.version}\n{number}".encode()


class Gathered:
    """Lines of a run that go into one transaction."""

    def __init__(self) -> None:
        self.lines: list[Numbered[BatchLine]] = []
        self._points: list[tuple[str, float, int, int]] = []
        self._params: dict[str, str] = {}
        self._tags: dict[str, str] = {}

    def takes(self, line: BatchLine) -> bool:
        """Whether there is room. None is for a param with another value: that line is to be
        refused, not those before it."""
        params = self._params
        return not self.lines or (
            len(self._points) + len(line.points) <= MAX_POINTS
            and len(params.keys() | line.params.keys()) <= MAX_NAMES
            and len(self._tags.keys() | line.tags.keys()) <= MAX_NAMES
            and all(params.get(name, value) == value for name, value in line.params.items())
        )

    def add(self, number: int, line: BatchLine) -> None:
        self.lines.append((number, line))
        self._points.extend(line.points)
        self._params.update(line.params)
        self._tags.update(line.tags)

    def batch(self) -> Batch:
        return Batch(packing.group(self._points), self._params, self._tags)
