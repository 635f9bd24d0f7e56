"""The operator's command that gives back what could not be delivered.

The queue `undelivered` holds messages of arrivals that were given up, parked changes of the feed,
and, on AWS, what Lambda tells of batches of the feed whose function died.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast
from urllib.parse import unquote_plus

from chalicelib.core.errors import Invalid, NotFound
from chalicelib.domain import feed
from chalicelib.storage.parked_changes import parked_of
from chalicelib.storage.queue import MAX_RECEIVED, Message

if TYPE_CHECKING:
    from chalicelib.wiring import Services

Say: TypeAlias = Callable[[str], None]
Row: TypeAlias = dict[str, Any]
HIDDEN_S: Final = 31
"""A message that somebody looked at is hidden for half a minute."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the options of `redrive`."""
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be given back")
    parser.add_argument("--limit", type=_count, default=None, metavar="N", help="at most so many")
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(options: argparse.Namespace, services: Services, say: Say) -> int:
    """Run the command; the exit status is 1 when something could not be given back."""
    rows: list[Row] = []
    for row in _redriven(options, services):
        rows.append(row)
        if not options.json:
            _tell(row, say, dry_run=options.dry_run)
    done = sum(row["error"] is None for row in rows)
    left = services.undelivered.depth()
    if options.json:
        told = {"dry_run": options.dry_run, "messages": rows, "left": left}
        say(json.dumps(told, indent=2))
    else:
        say(f"{_verb(options.dry_run)} {done} of {len(rows)} messages; the queue has {left}")
    return 0 if done == len(rows) else 1


def _redriven(options: argparse.Namespace, services: Services) -> Iterator[Row]:
    """Give back what is in the queue now, a message at a time; each is removed once that went well.
    What fails stays, and its row says why in `error`."""
    failed = set[str]()
    for message in _received(options, services):
        if message.body in failed:
            continue  # it was hidden for long enough to come again
        row: Row = {
            "what": _described(message.body),
            "reason": message.reason,
            "tries": message.tries,
        }
        if not options.dry_run:
            try:
                _give_back(message.body, services)
            except Exception as error:  # noqa: BLE001 (the others are given back all the same)
                failed.add(message.body)
                yield {**row, "error": f"{type(error).__name__}: {error}"}
                continue
            services.undelivered.delete(message)
        yield {**row, "error": None}


def _tell(row: Row, say: Say, *, dry_run: bool) -> None:
    """A row in words."""
    say(f"{_verb(dry_run) if row['error'] is None else 'left'} {row['what']}")
    for name in ("reason", "error"):
        if row[name] is not None:
            say(f"  {name}: {row[name]}")


def _verb(dry_run: bool) -> str:
    return "would give back" if dry_run else "gave back"


def _received(options: argparse.Namespace, services: Services) -> Iterator[Message]:
    """As many as are in the queue at the beginning, at most. What is hidden is waited for."""
    queue, waited_s = services.undelivered, 0
    left = queue.depth()
    if options.limit is not None:
        left = min(left, options.limit)
    # One by one, so that each has all of its time; what is only looked at needs none.
    at_once = MAX_RECEIVED if options.dry_run else 1
    while left > 0 and waited_s < HIDDEN_S:
        some = queue.receive(min(left, at_once))
        yield from some
        left -= len(some)
        if some:
            waited_s = 0
            continue
        if queue.depth() == 0:
            return
        if waited_s == 0:
            sys.stderr.write("trialbook: waiting for messages that somebody looked at\n")
        services.clock.sleep_s(1)
        waited_s += 1


def _give_back(body: str, services: Services) -> None:
    """Raises what tells that it cannot be."""
    from chalicelib import wiring

    document = _document(body)
    parked = parked_of(document)
    if parked is not None:
        feed.give_back(wiring.projections(services), parked)
    elif "DDBStreamBatchInfo" in document:
        if services.read_batch is None:
            raise NotFound("there is no stream here")
        feed.dispatch(wiring.projections(services), services.read_batch(document))
    elif "Records" in document:
        services.arrivals.send(body)
    else:
        raise Invalid("nothing that this version knows; remove it by hand")


def _described(body: str) -> str:
    document = _document(body)
    try:
        parked = parked_of(document)
        if parked is not None:
            return f"change {parked.change_id} ({parked.part})"
        batch = document.get("DDBStreamBatchInfo")
        if batch is not None:
            return f"{batch['batchSize']} changes of {batch['shardId']}"
        found = [unquote_plus(one["s3"]["object"]["key"]) for one in document["Records"]]
    except (KeyError, TypeError, AttributeError):
        return f"unknown message {body[:80]!r}"
    return f"arrival of {', '.join(found)}"


def _document(body: str) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return cast("dict[str, Any]", document) if isinstance(document, dict) else {}


def _count(text: str) -> int:
    count = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 on: {text!r}")
    return count
