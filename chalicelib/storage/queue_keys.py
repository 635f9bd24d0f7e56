"""Keys of messages in the table, and of what is parked beside a queue: builder beside parser."""

from __future__ import annotations

from chalicelib.storage.table import Key


def queue(name: str) -> str:
    """Partition of a queue's messages, in the order in which they are due."""
    return f"queue#{name}"


def message(name: str, due_ms: int, message_id: str) -> Key:
    return Key(queue(name), f"{due_ms:015d}#{message_id}")


def parse_message(sk: str) -> tuple[int, str]:
    """When it is due and its id; inverse of `message`'s sort key."""
    due, _, message_id = sk.partition("#")
    return int(due), message_id


def due_until(now_ms: int) -> str:
    """Upper bound of the sort keys of what is due by now."""
    return f"{now_ms:015d}$"


def undelivered(change_id: str, part: str) -> str:
    """Object key of a change of the feed of which this part could not be projected."""
    return f"undelivered/{change_id}.{part}.json"
