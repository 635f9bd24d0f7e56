"""Experiment artifacts: named values under an experiment, an entry for each write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from chalicelib.core.ids import ExperimentId, TenantId, UserId

Number: TypeAlias = int | float
"""Finite; an int is kept exactly, however large, a float bit for bit."""

SentKind: TypeAlias = Literal["text", "value", "timeseries", "list", "dict", "image", "file"]
ShownKind: TypeAlias = Literal[
    "value", "timeseries", "image", "audio", "video", "text", "application"
]
Form: TypeAlias = Literal["number", "json", "points", "media"]
"""What an entry holds: a number, any other JSON, logged points, bytes with a media type."""
Axis: TypeAlias = Literal["number", "time"]
"""What the x of a timeseries is: as logged, or the time of an entry in ms."""


class Point(NamedTuple):
    """A point of a timeseries."""

    x: Number
    y: Number


class JsonContent(NamedTuple):
    """A value as JSON text; `numeric` when it was sent as a number."""

    text: str
    numeric: bool


class PointsContent(NamedTuple):
    """Logged points, at least one."""

    points: Sequence[Point]


class MediaContent(NamedTuple):
    """Bytes that were sent as a data URL."""

    body: bytes
    mime: str


class StoredContent(NamedTuple):
    """Bytes that the tenant uploaded before; of an image their type is looked at."""

    sha256: str
    is_image: bool


Content: TypeAlias = JsonContent | PointsContent | MediaContent | StoredContent


class SeriesPlace(NamedTuple):
    """Where the entries of a name are. A name that is deleted and logged again is another series,
    so entries of the two never mix."""

    tenant: TenantId
    experiment_id: ExperimentId
    series_id: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One write to a name, at `at_ms`. `order` is how many entries the writer saw before it: two
    entries of one millisecond stay in the order in which one writer made them.

    What it holds is `text` (JSON), `packed` (points) or in the blob `blob_key`; all None when it is
    only described here. `size_bytes` is the length of the JSON text, of the packed points or of the
    bytes; `mime` is set for bytes, `span` (lowest and highest x) for points.
    """

    entry_id: str
    at_ms: int
    order: int
    created_by: UserId
    form: Form
    size_bytes: int
    text: str | None = None
    packed: bytes | None = None
    blob_key: str | None = None
    mime: str | None = None
    span: tuple[Number, Number] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether what it holds is here or in a blob."""
        return self.text is not None or self.packed is not None or self.blob_key is not None


@dataclass(frozen=True, slots=True)
class Series:
    """A name and what was logged under it: `entries` in all, of which `numbers` are plain numbers
    and `pointed` hold points. `latest` is the entry that was stored last, perhaps not whole."""

    name: str
    place: SeriesPlace
    version: int
    entries: int
    numbers: int
    pointed: int
    latest: Entry
    created_at_ms: int

    @property
    def axis(self) -> Axis | None:
        """None when it does not read as a timeseries."""
        if self.pointed:
            return "number"
        return "time" if self.entries > 1 and self.numbers == self.entries else None

    @property
    def is_media(self) -> bool:
        """Whether it reads as bytes."""
        return self.axis is None and self.latest.form == "media"
