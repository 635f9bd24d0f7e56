"""Requests without an idempotency key, as of MLflow's clients, of which the store's answer is lost.

Whether they were done is found out at once: who has to send one again has it done twice, or is told
that there is nothing to do it to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from chalicelib.core.context import Context
from chalicelib.core.errors import Unavailable
from chalicelib.core.ids import made_ms

T = TypeVar("T")


def again_if_lost(context: Context, attempt: Callable[[], T]) -> T:
    """What `attempt` answers, which is called once more where the store did not answer it and there
    is time. It must know what it did before. Raises Unavailable, and what it raises."""
    try:
        return attempt()
    except Unavailable:
        if context.clock.monotonic_s() > context.deadline_s:
            raise
    return attempt()


def made_once(context: Context, make: Callable[[Context], T]) -> T:
    """As `again_if_lost`, of a creation: `make` is given a context with the same ids each time."""
    seed, is_repeat = context.new_id(), False

    def attempt() -> T:
        nonlocal is_repeat
        settled = context.settled(seed.encode(), made_ms(seed), is_repeat=is_repeat)
        is_repeat = True
        return make(settled)

    return again_if_lost(context, attempt)
