"""Trying a transfer again, and signing its URL anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import httpx

from trialbook._http import Api
from trialbook.errors import AWAY
from trialbook.transfer.failures import StoreRefused

T = TypeVar("T")

ATTEMPTS: Final = 8
_TRIED_AGAIN: Final = frozenset({408, 409, 429, 500, 502, 503, 504})


class UrlDied(Exception):
    """403: the URL has expired, or the store's keys have changed; ask for another."""


async def attempted(api: Api, once: Callable[[], Awaitable[T]], renew: Callable[[], object]) -> T:
    """`once` until it succeeds, at most 8 times, with exponential backoff and full jitter.

    Tried again: connections that fail, also to the service that signs, and answers that pass: 429,
    5xx, and twice a 400, which S3 gives for a body that was too slow or came damaged. After a 403
    `renew` forgets the URL first. Raises StoreRefused.
    """
    attempt = 1
    while True:
        try:
            return await once()
        except UrlDied as error:
            if attempt == ATTEMPTS:
                raise StoreRefused(f"the store refuses its own URL: {error}", status=403) from None
            renew()
            if attempt == 1:
                attempt += 1
                continue  # an old URL is no reason to wait
        except (httpx.RequestError, *AWAY) as error:
            if attempt == ATTEMPTS:
                raise _silent(error) from None
            if attempt > 1:
                # a store that refuses a body may close before it says so
                renew()
        except StoreRefused as error:
            passes = error.status in _TRIED_AGAIN or (error.status == 400 and attempt < 3)
            if attempt == ATTEMPTS or not passes:
                raise
        await api.pause(attempt)
        attempt += 1


def _silent(error: Exception) -> Exception:
    if isinstance(error, httpx.RequestError):
        return StoreRefused(f"the store did not answer: {type(error).__name__} {error}".rstrip())
    return error


def check_status(response: httpx.Response, body: bytes = b"") -> None:
    """Raises UrlDied for 403 and StoreRefused for anything else that is no success."""
    if response.is_success:
        return
    told = " ".join(body[:300].decode("utf-8", "replace").split())
    if response.status_code == 403:
        raise UrlDied(told or "403")
    raise StoreRefused(
        f"the store answered {response.status_code} {told}".rstrip(), status=response.status_code
    )
