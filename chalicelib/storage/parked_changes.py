"""Changes of the feed that could not be projected: each a blob, and a message that tells of it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, cast

import orjson

from chalicelib.core.context import Clock
from chalicelib.storage import queue_keys
from chalicelib.storage.blobs import BlobMissing, Blobs
from chalicelib.storage.dynamo_items import read_item, spell_item
from chalicelib.storage.queue import Queue
from chalicelib.storage.table import Change, Key

Part: TypeAlias = Literal["amounts", "follow-up"]
"""What of a change could not be done: adding it up, or what it asks for besides."""
_MIME: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Parked:
    """What a message tells of a parked change."""

    change_id: str
    part: Part
    blob: str
    parked_ms: int


class ParkedChanges:
    """Parking a change again replaces the blob and sends another message."""

    def __init__(self, blobs: Blobs, queue: Queue, clock: Clock) -> None:
        self._blobs = blobs
        self._queue = queue
        self._clock = clock
        self.count = 0
        """How many were parked by this object."""

    def park(self, change: Change, part: Part, reason: str) -> None:
        """One put and one message. The blob is there before the message tells of it."""
        blob = queue_keys.undelivered(change.id, part)
        self._blobs.put(blob, _encoded(change), mime=_MIME)
        body = {
            "change": change.id,
            "part": part,
            "blob": blob,
            "parked_ms": self._clock.now_ms(),
        }
        self._queue.send(orjson.dumps(body).decode(), reason)
        self.count += 1

    def read(self, parked: Parked) -> Change | None:
        """None when there is no such blob any more."""
        try:
            body = self._blobs.get(parked.blob)
        except BlobMissing:
            return None
        return _decoded(parked.change_id, body)

    def forget(self, parked: Parked) -> None:
        """Remove the blob; absent is fine."""
        self._blobs.delete(parked.blob)


def parked_of(told: dict[str, Any]) -> Parked | None:
    """Of a message's JSON; None when it tells of something else."""
    if "change" not in told:
        return None
    return Parked(told["change"], told["part"], told["blob"], told["parked_ms"])


def _encoded(change: Change) -> bytes:
    images = {
        name: None if image is None else spell_item(image)
        for name, image in (("old", change.old), ("new", change.new))
    }
    return orjson.dumps({"key": list(change.key), **images}, default=_base64)


def _decoded(change_id: str, body: bytes) -> Change:
    told = orjson.loads(body)
    old = None if told["old"] is None else read_item(told["old"])
    return Change(change_id, Key(*told["key"]), old, read_item(told["new"]))


def _base64(value: object) -> str:
    """Bytes, as the events of a stream's function have them."""
    return base64.b64encode(cast(bytes, value)).decode()
