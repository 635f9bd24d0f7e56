"""Files that are ingested: item to dataclass, marks of applied lines, reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final, NamedTuple, cast

import orjson

from chalicelib.core.errors import ConditionFailed
from chalicelib.core.ids import TenantId, UserId
from chalicelib.core.model.ingestion import Ingestion, IngestState, Report, Source
from chalicelib.storage import ingest_keys
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.table import (
    Delete,
    Index,
    Item,
    Key,
    Put,
    Query,
    Table,
    When,
    query_all,
)

KEPT_MS: Final = 90 * 24 * 3600 * 1000
"""As long as a report; an event of the object does not come again so late."""
REFUSALS_TOGETHER: Final = 200
"""Reasons in one item: at most 300 characters each."""
ANNOUNCED_MS: Final = 24 * 3600 * 1000


class Ingestions(NamedTuple):
    """Files newest first, the place of each in the list, and whether more come after them."""

    files: list[Ingestion]
    places: list[tuple[str, ...]]
    more: bool


class IngestionStore:
    """Files of tenants. All reads are strongly consistent but `page`."""

    def __init__(self, table: Table, blobs: Blobs) -> None:
        self.table = table
        self.blobs = blobs

    def announce(self, waiting: Ingestion) -> None:
        """A file will come. One write."""
        source = waiting.source
        key = ingest_keys.announced(source.tenant, source.ingest_id)
        item = _item(waiting, key.sk)
        self.table.put(item | {"expires_at": (waiting.begun_ms + ANNOUNCED_MS) // 1000})

    def announced(self, tenant: TenantId, ingest_id: str) -> Ingestion | None:
        """One read."""
        item = self.table.get(ingest_keys.announced(tenant, ingest_id))
        return None if item is None else _ingestion(item)

    def get(self, source: Source) -> Ingestion | None:
        """One read."""
        key = ingest_keys.file(source.tenant, source.ingest_id, source.version)
        item = self.table.get(key)
        return None if item is None else _ingestion(item)

    def latest(self, tenant: TenantId, ingest_id: str) -> Ingestion | None:
        """What was put there last, else what is waited for. One query; a read when nothing has
        arrived, and another query when there is nothing at all."""
        # It may arrive between the two looks, and is not announced any more then.
        return (
            self._arrived(tenant, ingest_id)
            or self.announced(tenant, ingest_id)
            or self._arrived(tenant, ingest_id)
        )

    def _arrived(self, tenant: TenantId, ingest_id: str) -> Ingestion | None:
        partition, _ = ingest_keys.announced(tenant, ingest_id)
        files = query_all(self.table, Query(partition, prefix=ingest_keys.FILE_PREFIX))
        return max(map(_ingestion, files), key=lambda one: one.source.arrived_ms, default=None)

    def page(self, tenant: TenantId, limit: int, after: tuple[str, ...] | None) -> Ingestions:
        """Newest first. One query."""
        page = self.table.query(
            Query(
                ingest_keys.listed(tenant),
                reverse=True,
                limit=limit,
                index=Index.LISTED,
                after=after,
            )
        )
        places = [
            (cast(str, item["lsk"]), cast(str, item["pk"]), cast(str, item["sk"]))
            for item in page.items
        ]
        return Ingestions([_ingestion(item) for item in page.items], places, page.next is not None)

    def start(self, new: Ingestion) -> Ingestion:
        """The file has arrived. One transaction. Raises ConditionFailed when it had before."""
        source = new.source
        self.table.transact(
            [_put(new), Delete(ingest_keys.announced(source.tenant, source.ingest_id))]
        )
        return replace(new, row=1)

    def advance(self, new: Ingestion, refused: Mapping[int, str]) -> Ingestion:
        """Note how far it has come, and reasons of lines that were refused on the way. One write,
        or a transaction. Raises ConditionFailed when somebody else did."""
        put = _put(new)
        try:
            if refused:
                self.table.transact([put, *_refusals(new, refused)])
            else:
                self.table.put(put.item, put.when)
        except ConditionFailed:
            # The store's client sent it again when the first answer got lost?
            if self.get(new.source) != replace(new, row=new.row + 1):
                raise
        return replace(new, row=new.row + 1)

    # -- marks ----------------------------------------------------------------------------------

    def mark(self, source: Source, lines: Sequence[int], by: str, now_ms: int) -> Put:
        """The write that tells that these lines (ascending) were applied, by a worker of this name;
        it fails when they had been before."""
        key = ingest_keys.mark(source.tenant, source.ingest_id, source.version, lines[0])
        return Put(
            {
                "pk": key.pk,
                "sk": key.sk,
                "by": by,
                "lines": _ranges(lines),
                "expires_at": (now_ms + KEPT_MS) // 1000,
            },
            when=When.ABSENT,
        )

    def is_marked_by(self, mark: Put, by: str) -> bool:
        """Whether the mark is there and of this worker. One read."""
        item = self.table.get(Key(cast(str, mark.item["pk"]), cast(str, mark.item["sk"])))
        return item is not None and item["by"] == by

    def marked_lines(self, source: Source, after: int) -> set[int]:
        """Numbers of applied lines after this one. One query per MB."""
        start = ingest_keys.mark(source.tenant, source.ingest_id, source.version, after + 1)
        stop = ingest_keys.marks(source.version) + "9" * 12
        items = query_all(self.table, Query(start.pk, start=start.sk, stop=stop))
        return {line for item in items for line in _numbers(cast(str, item["lines"]))}

    # -- reports --------------------------------------------------------------------------------

    def report(self, of: Ingestion) -> Report:
        """With the reasons that are kept. One query per MB when lines were refused."""
        if not of.refused:
            return Report(of)
        source = of.source
        partition, _ = ingest_keys.announced(source.tenant, source.ingest_id)
        prefix = ingest_keys.refusals_of(source.version)
        errors: dict[int, str] = {}
        for item in query_all(self.table, Query(partition, prefix=prefix)):
            errors |= dict(orjson.loads(cast(str, item["doc"])))
        return Report(of, errors)

    def put_report(self, report: Report) -> None:
        """One blob."""
        found, source = report.ingestion, report.ingestion.source
        document = {
            "ingest_id": source.ingest_id,
            "key": source.object_key,
            "version": source.version,
            "size_bytes": source.size_bytes,
            "state": found.state,
            "reason": found.reason,
            "lines": found.line,
            "applied": found.applied,
            "refused": found.refused,
            "begun_ms": found.begun_ms,
            "ended_ms": found.ended_ms,
            "errors": [
                {"line": line, "reason": reason} for line, reason in sorted(report.errors.items())
            ],
        }
        body = orjson.dumps(document, option=orjson.OPT_INDENT_2)
        key = ingest_keys.report(source.object_key, source.version)
        self.blobs.put(key, body, mime="application/json")


def _refusals(of: Ingestion, refused: Mapping[int, str]) -> list[Put]:
    told = sorted(refused.items())
    source = of.source
    puts: list[Put] = []
    for start in range(0, len(told), REFUSALS_TOGETHER):
        some = told[start : start + REFUSALS_TOGETHER]
        key = ingest_keys.refusals(source.tenant, source.ingest_id, source.version, some[0][0])
        item: Item = {
            "pk": key.pk,
            "sk": key.sk,
            "doc": orjson.dumps(some).decode(),
            "expires_at": (of.begun_ms + KEPT_MS) // 1000,
        }
        puts.append(Put(item))
    return puts


def _ranges(lines: Sequence[int]) -> str:
    """`1-3,7`."""
    cuts = [0, *(at for at, (a, b) in enumerate(pairwise(lines), 1) if b != a + 1), len(lines)]
    return ",".join(f"{lines[start]}-{lines[stop - 1]}" for start, stop in pairwise(cuts))


def _numbers(ranges: str) -> Iterator[int]:
    for each in ranges.split(","):
        first, _, last = each.partition("-")
        yield from range(int(first), int(last) + 1)


def _put(new: Ingestion) -> Put:
    source = new.source
    key = ingest_keys.file(source.tenant, source.ingest_id, source.version)
    item = _item(new, key.sk)
    item["version"] = new.row + 1
    item["expires_at"] = (new.begun_ms + KEPT_MS) // 1000
    return Put(item, when=new.row or When.ABSENT)


def _item(of: Ingestion, sk: str) -> Item:
    source = of.source
    return {
        "pk": ingest_keys.announced(source.tenant, source.ingest_id).pk,
        "sk": sk,
        "lpk": ingest_keys.listed(source.tenant),
        "lsk": ingest_keys.listed_sort(of.begun_ms, source.ingest_id),
        "tenant": source.tenant,
        "id": source.ingest_id,
        "object": source.object_key,
        "object_version": source.version,
        "size": source.size_bytes,
        "arrived": source.arrived_ms,
        "user": of.user,
        "state": of.state,
        "begun": of.begun_ms,
        "line": of.line,
        "offset": of.offset,
        "applied": of.applied,
        "refused": of.refused,
        "ended": of.ended_ms,
        "reason": of.reason,
    }


def _ingestion(item: Item) -> Ingestion:
    found: dict[str, Any] = item
    return Ingestion(
        Source(
            TenantId(found["tenant"]),
            found["id"],
            found["object"],
            found["object_version"],
            found["size"],
            found["arrived"],
        ),
        UserId(found["user"]),
        cast(IngestState, found["state"]),
        begun_ms=found["begun"],
        line=found["line"],
        offset=found["offset"],
        applied=found["applied"],
        refused=found["refused"],
        ended_ms=found["ended"],
        reason=found["reason"],
        row=found.get("version", 0),
    )
