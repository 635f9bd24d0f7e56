"""Event handlers: the change feed, and what is due by the clock."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

from chalice.app import Blueprint, CloudWatchEvent, DynamoDBEvent

from chalicelib import wiring
from chalicelib.core.errors import TrialbookError
from chalicelib.domain import compaction, feed, upkeep

events = Blueprint(__name__)
STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/trialbook/stream/0"
"""A placeholder, for Chalice wants a literal: packaging puts the table's own stream there."""
DEFAULT_S = 60.0
LAST_REQUEST_S = 5.0
log = logging.getLogger("trialbook")


@events.on_dynamodb_record(stream_arn=STREAM, batch_size=500, starting_position="TRIM_HORIZON")
def project_changes(event: DynamoDBEvent) -> dict[str, Any]:
    """Project a batch of the change feed. From the first record that fails on, the batch is
    delivered again."""
    # Imported here: on a laptop the feed is pulled, and nothing needs the SDK behind this.
    from chalicelib.storage.dynamo_stream import change_of

    to = wiring.projections(wiring.services())
    records: list[dict[str, Any]] = event.to_dict()["Records"]
    changes = [(record, change_of(record)) for record in records]
    wanted = [(record, change) for record, change in changes if change is not None]
    try:
        feed.dispatch(to, [change for _, change in wanted])
    except TrialbookError:
        log.exception("a batch of the change feed failed; it is delivered again")
        first = wanted[0][0]["dynamodb"]["SequenceNumber"]
        return {"batchItemFailures": [{"itemIdentifier": first}]}
    return {"batchItemFailures": []}


@events.schedule("rate(5 minutes)")
def compact_points(event: CloudWatchEvent) -> dict[str, int]:
    """Merge the chunks of runs whose time has come."""
    del event
    services = wiring.services()
    return {"compacted": compaction.compact_due(services.points, services.clock.now_ms())}


@events.schedule("rate(1 day)")
def tidy(event: CloudWatchEvent) -> dict[str, int]:
    """Remove artifacts past their time, and what deletions left."""
    done = asdict(upkeep.tidy(wiring.upkeep(wiring.services()), seconds=_seconds(event)))
    log.info("tidied: %s", done)
    return done


@events.schedule("rate(1 hour)")
def collect(event: CloudWatchEvent) -> dict[str, int]:
    """Remove what deletions left: a day of them may be more than one call has time for."""
    done = asdict(upkeep.collect(wiring.upkeep(wiring.services()), seconds=_seconds(event)))
    log.info("collected: %s", done)
    return done


def _seconds(event: CloudWatchEvent) -> float:
    """How long to work: what the function has left, less what the last request may take."""
    context: Any = event.context
    if context is None:
        return DEFAULT_S
    return max(1.0, context.get_remaining_time_in_millis() / 1000 - LAST_REQUEST_S)
