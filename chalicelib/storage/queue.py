"""The Queue seam: messages that are delivered at least once, in no order.

Adapters: `sqs_queue.SqsQueue` (AWS), `table_queue.TableQueue` (laptop). Both pass
`tests/contract/test_queue_contract.py`. On AWS a function is handed the messages of a queue and
never receives; a laptop's thread and an operator's command do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

MAX_BODY_BYTES: Final = 200 * 1024
MAX_REASON_CHARACTERS: Final = 1000
MAX_RECEIVED: Final = 10


@dataclass(frozen=True, slots=True)
class Message:
    """`tries` counts this delivery, from 1; `reason` says why it was given up, where it was;
    `receipt` is what `delete` wants."""

    body: str
    tries: int
    receipt: str
    reason: str | None = None


class Queue(Protocol):
    """Every call may raise Throttled and Unavailable."""

    def send(self, body: str, reason: str | None = None) -> None:
        """Durable when it returns. ValueError for a body over `MAX_BODY_BYTES`; a longer reason is
        cut."""
        ...

    def receive(self, limit: int = MAX_RECEIVED) -> Sequence[Message]:
        """At most `MAX_RECEIVED` of the messages that are due, hidden from others for the queue's
        visibility time. An empty answer does not mean that there is none."""
        ...

    def delete(self, message: Message) -> None:
        """It is done with; again is fine."""
        ...

    def depth(self) -> int:
        """About how many messages it holds, hidden ones included."""
        ...
