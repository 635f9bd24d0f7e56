"""Exporting logs as JSON Lines, newest first, however many there are.

Whoever asks does the work, a few seconds of it at a time, until the object is whole: so nothing
waits for a worker, and a process that stops loses what it did since the last part. Parts go to the
store as they fill up; memory holds one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeAlias

import orjson

from chalicelib.core.context import Clock, Context
from chalicelib.core.errors import ConditionFailed, NotFound
from chalicelib.core.ids import ExperimentId
from chalicelib.core.log_ids import LogId
from chalicelib.core.model.variant_log import LogContent, VariantLog
from chalicelib.domain import variant_log_reads
from chalicelib.domain.variant_intake import VariantStores
from chalicelib.domain.variant_log_reads import LogFilter
from chalicelib.storage import variant_keys
from chalicelib.storage.blobs import BlobMissing
from chalicelib.storage.variant_exports import Export, ExportStore

MIME: Final = "application/jsonl"
PART_BYTES: Final = 8 * 1024 * 1024
LOGS_AT_ONCE: Final = 1000
WORK_S: Final = 8.0
"""An asker works for about so long."""
CLAIM_MS: Final = 60_000
"""After this long, whoever was at it has died."""

Line: TypeAlias = Callable[[VariantLog, LogContent], bytes]


def begin(
    stores: VariantStores,
    context: Context,
    experiment_id: ExperimentId,
    wanted: LogFilter,
    asked: dict[str, Any],
    line: Line,
) -> Export:
    """Begin to export the logs that fit, those until now, and work on it. `asked` is the filter as
    the caller spells it, `line` a log as a line. One transaction, and what `go_on` costs."""
    export_id = context.new_id()
    export = Export(
        id=export_id,
        object_key=variant_keys.log_export(context.tenant, export_id),
        asked=asked,
        created_at_ms=context.now_ms(),
    )
    export = stores.exports.create(context.tenant, experiment_id, export)
    return go_on(stores, context, experiment_id, export, wanted, line)


def find(
    stores: VariantStores, context: Context, experiment_id: ExperimentId, export_id: str
) -> Export:
    """One read. Raises NotFound, also for one that is a day old."""
    export = stores.exports.get(context.tenant, experiment_id, export_id)
    if export is None:
        raise NotFound("there is no such export; they are kept for a day", export_id=export_id)
    return export


def go_on(
    stores: VariantStores,
    context: Context,
    experiment_id: ExperimentId,
    export: Export,
    wanted: LogFilter,
    line: Line,
) -> Export:
    """Work on an export for about `WORK_S`, unless it is done or somebody else is at it. Two
    writes, the queries that reading the logs takes, and a blob for each part."""
    if export.is_done or export.claimed_ms > context.now_ms():
        return export
    exports = stores.exports
    try:
        export = exports.replace(
            context.tenant, experiment_id, claimed(export, context.now_ms() + CLAIM_MS)
        )
    except ConditionFailed:
        return export  # somebody was faster
    until_s = context.clock.monotonic_s() + WORK_S
    # What is written after the export began is not in it, so that it comes to an end.
    to_ms = export.created_at_ms if wanted.to_ms is None else wanted.to_ms
    wanted = replace(wanted, to_ms=min(to_ms, export.created_at_ms))
    tail = 1 - export.tail  # what is stored of the export must stay true if we stop here
    while not export.is_done:
        lines, before = _part(stores, context, experiment_id, export, wanted, line, until_s)
        export = _stored(exports, export, lines, before, tail)
        if context.clock.monotonic_s() >= until_s:
            break
    try:
        return exports.replace(context.tenant, experiment_id, claimed(export, 0))
    except ConditionFailed:
        return find(stores, context, experiment_id, export.id)


def claimed(export: Export, until_ms: int) -> Export:
    """The export while somebody is at it."""
    return replace(export, claimed_ms=until_ms)


def _part(
    stores: VariantStores,
    context: Context,
    experiment_id: ExperimentId,
    export: Export,
    wanted: LogFilter,
    line: Line,
    until_s: float,
) -> tuple[list[bytes], LogId | None]:
    """Lines of a part, or fewer when time is up, and the log before which the next begins; None at
    the end."""
    lines: list[bytes] = []
    size, before = export.tail_bytes, export.before
    while size < PART_BYTES:
        logs, next_before = variant_log_reads.read(
            stores, context, experiment_id, wanted, LOGS_AT_ONCE, before
        )
        for log, content in variant_log_reads.contents(stores, logs):
            lines.append(line(log, content))
            size += len(lines[-1])
            if size >= PART_BYTES and log is not logs[-1]:
                return lines, log.facts.log_id
        before = next_before
        if before is None or context.clock.monotonic_s() >= until_s:
            break
    return lines, before


def _stored(
    store: ExportStore, export: Export, lines: list[bytes], before: LogId | None, tail: int
) -> Export:
    """The export with a part more, whole when it was the last. What is too short for a part waits
    beside the object for the next, in its tail of this number."""
    blobs, key = store.blobs, export.object_key
    body = b"".join(lines)
    if export.tail_bytes:
        body = blobs.get(variant_keys.log_export_tail(key, export.tail)) + body
    export = replace(export, before=before, lines=export.lines + len(lines))
    if before is not None and len(body) < PART_BYTES:
        if lines:
            blobs.put(variant_keys.log_export_tail(key, tail), body, mime=MIME)
            export = replace(export, tail=tail, tail_bytes=len(body))
        return export
    if before is None and export.upload is None:
        blobs.put(key, body, mime=MIME)
    else:
        upload = export.upload or blobs.start_multipart(key, mime=MIME, checksums=False)
        parts = export.parts
        try:
            if body:
                parts = (*parts, blobs.put_part(key, upload, len(parts) + 1, body))
            if before is None:
                blobs.complete_multipart(key, upload, parts)
        except BlobMissing:
            # Made whole by one who stopped before it was recorded: with these very lines.
            if before is not None or blobs.head(key) is None:
                raise
        export = replace(export, upload=upload, parts=parts)
    return replace(export, tail_bytes=0, is_done=before is None)


def remove_due(store: ExportStore, clock: Clock, *, deadline_s: float) -> int:
    """Delete exported objects whose day is over; returns how many. One query, and three blobs and a
    transaction for each. Stopped anywhere, it goes on the next time."""
    removed = 0
    for due_ms, object_key in store.due_before(clock.now_ms()):
        if clock.monotonic_s() > deadline_s:
            break
        store.blobs.delete(object_key)
        for tail in (0, 1):
            store.blobs.delete(variant_keys.log_export_tail(object_key, tail))
        store.removed(due_ms, object_key)
        removed += 1
    return removed


def json_line(document: object) -> bytes:
    """A line of JSON."""
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
