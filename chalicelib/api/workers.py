"""Event handlers: the change feed, and what is due by the clock."""

from __future__ import annotations

import logging
from typing import Any

from chalice.app import Blueprint, CloudWatchEvent, DynamoDBEvent

from chalicelib import wiring
from chalicelib.core.errors import TrialbookError
from chalicelib.domain import compaction, feed

events = Blueprint(__name__)
STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/trialbook/stream/0"
"""A placeholder, for Chalice wants a literal: packaging puts the table's own stream there."""
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
