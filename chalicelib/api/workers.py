"""Event handlers: the change feed, and what is due by the clock."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from chalice.app import Blueprint, CloudWatchEvent, DynamoDBEvent, SQSEvent

from chalicelib import wiring
from chalicelib.api import request_log
from chalicelib.api.request_log import WorkerWork
from chalicelib.domain import arrivals, compaction, feed, search_upkeep, upkeep

events = Blueprint(__name__)
STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/trialbook/stream/0"
"""A placeholder, for Chalice wants a literal: packaging puts the table's own stream there."""
ARRIVALS = "arn:aws:sqs:us-east-1:000000000000:arrivals"
"""Another, for the queue of objects that came to be in the bucket."""
DEFAULT_S = 60.0
INGEST_SHARE = 0.8
"""Of a function's time: a window of lines that was begun before may take a minute."""
LAST_REQUEST_S = 5.0

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # Lambda imports a worker from this module: app.py, which does the same, is not there.
    request_log.in_functions(os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", ""))


@events.on_dynamodb_record(stream_arn=STREAM, batch_size=500, starting_position="TRIM_HORIZON")
def project_changes(event: DynamoDBEvent) -> dict[str, Any]:
    """Project a batch of the change feed. Where a store does not serve, the batch is delivered
    again from there on."""
    # Imported here: on a laptop the feed is pulled, and nothing needs the SDK behind this.
    from chalicelib.storage.dynamo_stream import change_of

    with WorkerWork("project_changes", event.context) as work:
        services = wiring.services()
        records: list[dict[str, Any]] = event.to_dict()["Records"]
        changes = [(record, change_of(record)) for record in records]
        wanted = [(record, change) for record, change in changes if change is not None]
        work.metrics["FeedLag"] = _lag_ms(records, services.clock.now_ms())
        to = wiring.projections(services)
        try:
            feed.dispatch(to, [change for _, change in wanted])
        except feed.Interrupted as error:
            work.error = error
            numbers = {change.id: record["dynamodb"]["SequenceNumber"] for record, change in wanted}
            return {"batchItemFailures": [{"itemIdentifier": numbers[error.change.id]}]}
        finally:
            work.metrics["ParkedChanges"] = to.parked.count
        work.metrics["ChangesProjected"] = len(wanted)
        return {"batchItemFailures": []}


@events.on_sqs_message(queue_arn=ARRIVALS, batch_size=1)
def take_arrivals(event: SQSEvent) -> dict[str, Any]:
    """Handle objects that came to be in the bucket. A message that fails is delivered again."""
    # Imported here: no other function reads lines.
    from chalicelib.api.v1 import ingest_lines

    failed: list[dict[str, str]] = []
    applied = refused = 0
    with WorkerWork("take_arrivals", event.context) as work:
        services = wiring.services()
        to = wiring.arrivals(services, ingest_lines.parse)
        deadline_s = services.clock.monotonic_s() + _seconds(event) * INGEST_SHARE
        records: list[dict[str, Any]] = event.to_dict()["Records"]
        for record in records:
            tries = int(record["attributes"]["ApproximateReceiveCount"])
            try:
                done = arrivals.handle(to, record["body"], tries, deadline_s=deadline_s)
            except Exception as error:  # noqa: BLE001 # whatever it is, the others have their turn
                work.error = error
                failed.append({"itemIdentifier": record["messageId"]})
            else:
                applied += done.applied
                refused += done.refused
        work.metrics |= {"IngestedLines": applied, "RefusedLines": refused}
    return {"batchItemFailures": failed}


@events.schedule("rate(5 minutes)")
def compact_points(event: CloudWatchEvent) -> dict[str, int]:
    """Merge the chunks of runs whose time has come."""
    with WorkerWork("compact_points", event.context) as work:
        services = wiring.services()
        compacted = compaction.compact_due(services.points, services.clock.now_ms())
        work.fields["compacted"] = compacted
        return {"compacted": compacted}


@events.schedule("rate(5 minutes)")
def index_artifacts(event: CloudWatchEvent) -> dict[str, int]:
    """Publish the search indexes of tenants whose artifacts changed."""
    with WorkerWork("index_artifacts", event.context) as work:
        of = wiring.services()
        published = search_upkeep.publish_due(
            of.search, of.snapshots, of.clock, seconds=_seconds(event)
        )
        work.fields["published"] = published
        return {"published": published}


@events.schedule("rate(1 day)")
def tidy(event: CloudWatchEvent) -> dict[str, int]:
    """Remove artifacts past their time, and what deletions left."""
    with WorkerWork("tidy", event.context) as work:
        of = wiring.upkeep(wiring.services())
        done = asdict(upkeep.tidy(of, seconds=_seconds(event)))
        work.fields |= done
        return done


@events.schedule("rate(1 hour)")
def collect(event: CloudWatchEvent) -> dict[str, int]:
    """Remove what deletions left: a day of them may be more than one call has time for."""
    with WorkerWork("collect", event.context) as work:
        of = wiring.upkeep(wiring.services())
        done = asdict(upkeep.collect(of, seconds=_seconds(event)))
        work.fields |= done
        return done


def _lag_ms(records: Sequence[Mapping[str, Any]], now_ms: int) -> int:
    """How long ago the first of these was written, to the second."""
    written_s = min(record["dynamodb"]["ApproximateCreationDateTime"] for record in records)
    return max(0, now_ms - int(written_s * 1000))


def _seconds(event: CloudWatchEvent | SQSEvent) -> float:
    """How long to work: what the function has left, less what the last request may take."""
    context: Any = event.context
    if context is None:
        return DEFAULT_S
    return max(1.0, context.get_remaining_time_in_millis() / 1000 - LAST_REQUEST_S)
