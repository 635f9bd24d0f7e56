"""`Idempotency-Key`: the first 2xx answer to a request is kept for a day and given again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from chalicelib.core.context import Context
from chalicelib.core.errors import (
    ConditionFailed,
    Conflict,
    Contended,
    Invalid,
    Throttled,
    TrialbookError,
    Unavailable,
)
from chalicelib.storage.answers import AnswerStore, Entry

KEEP_S = 24 * 3600
IN_FLIGHT_S = 60
"""Longer than any request may take: past it the first attempt is dead and may be tried again."""
_PRINTABLE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer; `is_replay` when it was given before."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict[str, str])
    is_replay: bool = False


def once(
    store: AnswerStore,
    context: Context,
    path: str,
    key: str,
    body_sha256: str,
    run: Callable[[], Remembered],
) -> Remembered:
    """Run the request, or give the answer it had before. Two writes the first time, one failed
    write and one read later.

    `path` is method, full path and query. Raises Conflict when the key came with another body, or
    while the first request is in flight; Invalid for a malformed key. A request that fails is
    forgotten, so it may be sent again.
    """
    if _PRINTABLE.fullmatch(key) is None:
        raise Invalid.field("Idempotency-Key", "must be 1 to 255 printable ASCII characters")
    digest = hashlib.sha256("\n".join((context.user, path, key)).encode()).hexdigest()
    now_s = context.now_ms() // 1000
    token = context.new_id()
    try:
        store.begin(context.tenant, digest, body_sha256, token, now_s + IN_FLIGHT_S)
    except ConditionFailed:
        known = store.get(context.tenant, digest)
        if known is None or not known.is_claimed_by(token):
            return _again(known, body_sha256)
        # The claim is ours: the store's client sent it again when the first answer got lost.
    except Contended as error:
        raise Throttled("the key's claim is held by another; send it again") from error
    except Unavailable:
        _forget(store, context, digest, token)  # it may have been made, and would stay for a minute
        raise
    try:
        answer = run()
    except BaseException:
        _forget(store, context, digest, token)
        raise
    entry = Entry(body_sha256, answer.status, answer.body, answer.headers)
    # The work is done: an error now would only make the client send it again.
    with suppress(Throttled, Unavailable, Contended):
        store.finish(context.tenant, digest, token, entry, now_s + KEEP_S)
    return answer


def _forget(store: AnswerStore, context: Context, digest: str, token: str) -> None:
    with suppress(TrialbookError, Contended):  # else the claim ends by itself
        store.forget(context.tenant, digest, token)


def _again(known: Entry | None, body_sha256: str) -> Remembered:
    if known is not None and known.body_sha256 != body_sha256:
        raise Conflict("this idempotency key was used with another body; take a new one")
    if known is None or known.status is None:
        raise Conflict("the first request with this key is still in flight", retry_after_s=1)
    return replace(Remembered(known.status, known.body, known.headers), is_replay=True)
