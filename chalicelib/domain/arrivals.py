"""Objects that came to be in the bucket: what is done with each.

The store tells of an object by a message, in the words of S3's notifications; a laptop's store too.
It may tell twice, late, and in any order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote_plus, unquote_plus

import orjson

from chalicelib.core.context import Clock
from chalicelib.core.errors import TrialbookError
from chalicelib.core.model.ingestion import Source
from chalicelib.domain import finalization, ingestion
from chalicelib.domain.finalization import Finalization
from chalicelib.domain.ingest_reader import Unreadable
from chalicelib.domain.ingestion import IngestStores, Parse, Progress
from chalicelib.storage import artifact_keys, ingest_keys
from chalicelib.storage.blobs import ETAG_VERSION
from chalicelib.storage.queue import Queue

MAX_TRIES: Final = 5
"""After so many deliveries in which nothing was achieved, a message is given up."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What arriving objects are handled with, and the queues they are told by."""

    ingest: IngestStores
    finalization: Finalization
    parse: Parse
    arriving: Queue
    undelivered: Queue
    clock: Clock


class Arrived(NamedTuple):
    """An object, as a message tells of it."""

    object_key: str
    version: str
    size_bytes: int
    arrived_ms: int


def told(arrived: Arrived) -> str:
    """The message that tells of an object."""
    etag = arrived.version.removeprefix(ETAG_VERSION)
    version = {"eTag": etag}
    if etag == arrived.version:
        version["versionId"] = arrived.version
    named = {"key": quote_plus(arrived.object_key, safe="/"), "size": arrived.size_bytes, **version}
    moment = datetime.fromtimestamp(arrived.arrived_ms / 1000, UTC)
    record = {"eventTime": moment.isoformat(timespec="milliseconds"), "s3": {"object": named}}
    return orjson.dumps({"Records": [record]}).decode()


def handle(to: Arrivals, message: str, tries: int, *, deadline_s: float) -> Progress:
    """Do what a message asks for, until the deadline (on the clock's `monotonic_s`); for what is
    left of a file then another message is sent. Lines applied and refused are counted.

    What can never be done is sent to the undelivered at once, with the reason, and anything else
    at the fifth try; before, it raises, and the message is to be delivered again.
    """
    try:
        arrived = list(_arrived(message))
    except (ValueError, TypeError, KeyError, AttributeError):
        to.undelivered.send(message, "this is no notification of an object")
        return Progress(is_done=True)
    done = [_take(to, one, tries, deadline_s) for one in arrived]
    return Progress(
        all(one.is_done for one in done),
        sum(one.applied for one in done),
        sum(one.refused for one in done),
    )


def _arrived(message: str) -> Iterator[Arrived]:
    """Raises ValueError, KeyError, TypeError, AttributeError for what is no notification."""
    found: dict[str, Any] = orjson.loads(message)
    if found.get("Event") == "s3:TestEvent":
        return  # S3 sends it when it is told where to
    for record in found["Records"]:
        named: dict[str, Any] = record["s3"]["object"]
        version = _version(unquote_plus(named["key"]), named)
        moment = datetime.fromisoformat(record["eventTime"])
        yield Arrived(
            unquote_plus(named["key"]),
            version,
            int(named["size"]),
            round(moment.timestamp() * 1000),
        )


def _version(key: str, named: dict[str, Any]) -> str:
    """By which the object's bytes are told from others under the key. One that was announced is put
    there by one URL, perhaps twice because the first answer got lost: the same bytes are one."""
    etag = ETAG_VERSION + named["eTag"].strip('"')
    version: str = named.get("versionId") or etag
    if version == etag or not key.startswith(ingest_keys.DROP_ZONE):
        return version
    try:
        is_announced = ingest_keys.parse_dropped(key).is_announced
    except ValueError:
        return version
    return etag if is_announced else version


def _take(to: Arrivals, arrived: Arrived, tries: int, deadline_s: float) -> Progress:
    try:
        done = _done(to, arrived, deadline_s)
    except Unreadable as error:
        _give_up(to, arrived, str(error))
    except Exception as error:
        if tries < MAX_TRIES:
            raise
        _give_up(to, arrived, f"given up after {tries} tries: {_told_error(error)}")
    else:
        if not done.is_done:
            to.arriving.send(told(arrived))
        return done
    return Progress(is_done=True)


def _done(to: Arrivals, arrived: Arrived, deadline_s: float) -> Progress:
    key = arrived.object_key
    if key.startswith(artifact_keys.BLOBS):
        finalization.finalize(to.finalization, key)
    elif key.startswith(ingest_keys.DROP_ZONE) and not key.endswith("/"):  # as folders are made
        source = _source(arrived)
        return ingestion.ingest(to.ingest, source, to.parse, deadline_s=deadline_s)
    return Progress(is_done=True)


def _source(arrived: Arrived) -> Source:
    try:
        tenant, _, ingest_id, _ = ingest_keys.parse_dropped(arrived.object_key)
    except ValueError as error:
        raise Unreadable(str(error)) from None
    return Source(
        tenant,
        ingest_id,
        arrived.object_key,
        arrived.version,
        arrived.size_bytes,
        arrived.arrived_ms,
    )


def _give_up(to: Arrivals, arrived: Arrived, reason: str) -> None:
    """The queue first: whoever finds a failed file finds its message too."""
    to.undelivered.send(told(arrived), reason)
    if arrived.object_key.startswith(ingest_keys.DROP_ZONE):
        try:
            source = _source(arrived)
        except Unreadable:
            return  # whose it is cannot be told
        ingestion.fail(to.ingest, source, reason)


def _told_error(error: Exception) -> str:
    if isinstance(error, TrialbookError):
        return error.message
    return type(error).__name__
