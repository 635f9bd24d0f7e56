"""What is read of an MLflow server or folder, and the two ways to read it share."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol


class Point(NamedTuple):
    """Of a metric's history. In the order in which histories are compared."""

    step: int
    timestamp: int
    value: float

    @property
    def spelled(self) -> str:
        """As it is hashed: the same for the same number, whatever its sign of zero or its NaN."""
        value = "nan" if math.isnan(self.value) else repr(self.value + 0.0)
        return f"{self.step} {self.timestamp} {value}"


@dataclass(frozen=True, slots=True)
class SourceExperiment:
    """One that is active."""

    id: str
    name: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SourceRun:
    """One that is active; `metrics` are the names. Times are milliseconds since the epoch."""

    id: str
    name: str
    status: str
    start_time: int
    end_time: int | None
    user: str
    artifact_uri: str
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    metrics: tuple[str, ...] = ()


class SourceFile(NamedTuple):
    """An artifact of a run."""

    path: str
    size_bytes: int


class Source(Protocol):
    """Where runs are copied from. Raises SourceFailed, OSError."""

    name: str
    """As it is told and remembered: without credentials."""

    def experiments(self) -> AsyncGenerator[SourceExperiment]: ...
    def runs(self, experiment: SourceExperiment) -> AsyncGenerator[SourceRun]: ...
    async def history(self, run: SourceRun, key: str) -> list[Point]:
        """All of it, sorted."""
        ...

    async def files(self, run: SourceRun) -> list[SourceFile]:
        """All of them, by path."""
        ...

    async def fetch(self, run: SourceRun, file: SourceFile, folder: Path) -> Path:
        """Where the bytes are: on this machine already, or in the folder from now on."""
        ...

    async def close(self) -> None: ...


class SourceFailed(Exception):
    """The source cannot be read; the message is one line."""
