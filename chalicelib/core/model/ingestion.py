"""Files of lines that are put into the bucket, and how far each has been applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from chalicelib.core.ids import TenantId, UserId

IngestState: TypeAlias = Literal["waiting", "reading", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Source:
    """One version of an object in the drop zone. `arrived_ms` is when the store took it: the time
    of lines that name none."""

    tenant: TenantId
    ingest_id: str
    object_key: str
    version: str
    size_bytes: int
    arrived_ms: int


@dataclass(frozen=True, slots=True)
class Ingestion:
    """How far a file has come. Its lines up to `line`, which ends at byte `offset` of the unpacked
    file, are done with: `applied` or `refused` (what is left were empty). `reason` says why it
    failed as a whole. A file that was announced and has not arrived is `waiting`."""

    source: Source
    user: UserId
    state: IngestState
    begun_ms: int
    line: int = 0
    offset: int = 0
    applied: int = 0
    refused: int = 0
    ended_ms: int | None = None
    reason: str | None = None
    row: int = 0
    """The version of its item; 0 before it is stored."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a file: reasons by the numbers of refused lines, the first of them only."""

    ingestion: Ingestion
    errors: Mapping[int, str] = field(default_factory=dict[int, str])
