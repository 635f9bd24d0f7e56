"""Packs what is queued into the batches of its outbox."""

from __future__ import annotations

import time

from trialbook._json import encode
from trialbook.entries import Entry, Kind


def pack(entry: Entry) -> None:
    """Collect it; batches that become full are appended."""
    outbox, kind, value, step, timestamp = entry
    match kind:
        case Kind.METRICS:
            for body in outbox.batch.add_metrics(value, step, timestamp):
                outbox.append("batch", body)
        case Kind.PARAMS:
            for body in outbox.batch.add_params(value):
                outbox.append("batch", body)
        case Kind.TAGS:
            for body in outbox.batch.add_tags(value):
                outbox.append("batch", body)
        case Kind.LOG:
            for body in outbox.logs.add(value):
                outbox.append("logs", body)
        case Kind.RECORD:
            outbox.append_record(value)
        case Kind.FLUSH:
            outbox.seal()
            outbox.wait(value)
        case Kind.END:
            status, ended_ms, done = value
            outbox.seal()
            outbox.append("end", encode({"status": status, "end_time": _rfc3339(ended_ms)}))
            outbox.last = True
            outbox.wait(done)


def _rfc3339(ms: int) -> str:
    seconds, rest = divmod(ms, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:03d}Z"
