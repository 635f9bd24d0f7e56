"""`Idempotency-Key`: the first 2xx answer to a request is kept for a day and given again.

An attempt that ends without one may have written something all the same: the store could not
confirm it, or the function died. Its repeat makes the same ids, and so finds what is there.
"""

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
from chalicelib.core.ids import TenantId, made_ms
from chalicelib.storage.answers import AnswerStore, Entry

KEEP_S = 24 * 3600
"""An answer from when it is given; the ids of attempts from the first one on."""
IN_FLIGHT_S = 60
"""Longer than any request may take: past it an attempt is dead and may be repeated."""
_UNSURE = (Throttled, Unavailable)
"""Errors of requests that may have written something."""
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
    run: Callable[[Context], Remembered],
) -> Remembered:
    """Run the request, or give the answer it had before. Two writes the first time, one failed
    write and one read later, and two writes more where the request runs again.

    `path` is method, full path and query. `run` is given the context whose ids are settled by the
    key's claim. Raises Conflict when the key came with another body, or while an attempt is in
    flight; Invalid for a malformed key. A request that is refused is forgotten, so it may be sent
    corrected; what fails otherwise, or was tried before, is kept for its repeat.
    """
    if _PRINTABLE.fullmatch(key) is None:
        raise Invalid.field("Idempotency-Key", "must be 1 to 255 printable ASCII characters")
    digest = hashlib.sha256("\n".join((context.user, path, key)).encode()).hexdigest()
    now_s = context.now_ms() // 1000
    token = context.new_id()
    try:
        known = _claimed(store, context, digest, Entry(body_sha256, None, seed=token), token)
    except Contended as error:
        raise Throttled("the key's claim is held by another; send it again") from error
    except Unavailable:
        _end(store.release, context, digest, token)  # it may have been made, and be in the way
        raise
    if known is None or not known.is_claimed_by(token):
        return _again(known, body_sha256)
    is_repeat = known.seed != token
    try:
        answer = run(context.settled(known.seed.encode(), made_ms(known.seed), is_repeat=is_repeat))
    except BaseException as error:
        wrote_nothing = isinstance(error, TrialbookError) and not isinstance(error, _UNSURE)
        end = store.forget if wrote_nothing and not is_repeat else store.release
        _end(end, context, digest, token)
        raise
    entry = Entry(body_sha256, answer.status, answer.body, answer.headers)
    # The work is done: an error now would only make the client send it again.
    with suppress(Throttled, Unavailable, Contended):
        store.finish(context.tenant, digest, token, entry, now_s + KEEP_S)
    return answer


def _claimed(
    store: AnswerStore, context: Context, digest: str, claim: Entry, token: str
) -> Entry | None:
    """The claim of the attempt with this token, with the seed of one that it took over; what is
    known instead where it has none."""
    now_s = context.now_ms() // 1000
    claim = replace(claim, busy_until=now_s + IN_FLIGHT_S)
    try:
        return store.claim(context.tenant, digest, token, claim, now_s + KEEP_S)
    except ConditionFailed:
        # Ours, perhaps: the store's client sends it again when the first answer got lost.
        known = store.get(context.tenant, digest)
    if (
        known is None
        or known.status is not None
        or known.body_sha256 != claim.body_sha256
        or known.busy_until > now_s
    ):
        return known
    # Not longer for being repeated: it is over before what attempts left behind is cleared away.
    expires_at = made_ms(known.seed) // 1000 + KEEP_S
    try:
        claim = replace(claim, seed=known.seed)
        return store.claim(context.tenant, digest, token, claim, expires_at, known)
    except ConditionFailed:
        return store.get(context.tenant, digest)


def _end(
    end: Callable[[TenantId, str, str], None], context: Context, digest: str, token: str
) -> None:
    with suppress(TrialbookError, Contended):  # else the attempt ends by itself
        end(context.tenant, digest, token)


def _again(known: Entry | None, body_sha256: str) -> Remembered:
    if known is not None and known.body_sha256 != body_sha256:
        raise Conflict("this idempotency key was used with another body; take a new one")
    if known is None or known.status is None:
        raise Conflict("the first request with this key is still in flight", retry_after_s=1)
    return replace(Remembered(known.status, known.body, known.headers), is_replay=True)
