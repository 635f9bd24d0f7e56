"""Calls to the service: the key, retries, idempotency keys, errors."""

from __future__ import annotations

import asyncio
import importlib
import json
import random
import ssl
import uuid
import weakref
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from copy import copy
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import urlsplit

from trialbook._json import encode
from trialbook.errors import ConnectionFailed, NotConfigured, TrialbookError, error_of
from trialbook.version import __version__

# httpx is imported by the first call: it takes half the time of `import trialbook`, and where its
# command line is installed it brings rich
if TYPE_CHECKING:
    import httpx

_RETRIED: Final = frozenset({429, 500, 502, 503, 504})
_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 10.0
_LONGEST_RETRY_AFTER_S: Final = 60.0
_KEYS: Final = "/api/v1/keys"
"""Refuses idempotency keys: a remembered answer would hold a secret."""

_OF_REQUESTS: Final = (
    "encodings.idna",
    "httpx",
    "httpcore",
    "h11",
    "anyio",
    "anyio._backends._asyncio",
)

Transport: TypeAlias = "httpx.AsyncBaseTransport | None"


class Api:
    """One service, one key. May be used from several event loops: each has its own connections."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        timeout_s: float = 30.0,
        attempts: int = 6,
        transport: Transport = None,
        bytes_transport: Transport = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        """`transport` and `bytes_transport` replace the network, in every event loop.

        Raises NotConfigured when url or key cannot be right.
        """
        self.url = _checked_url(url)
        self._key = _checked_key(api_key)
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._transport = transport
        self._bytes_transport = bytes_transport
        self._sleep = sleep
        self._random = random
        self._clients: _PerLoop = weakref.WeakKeyDictionary()
        self._bytes_clients: _PerLoop = weakref.WeakKeyDictionary()

    def __repr__(self) -> str:
        return f"Api({self.url!r})"

    @property
    def key_id(self) -> str:
        """The public part of the key: `tb_<key_id>_<secret>`."""
        return self._key.split("_")[1] if self._key.count("_") > 1 else ""

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        counts_once: bool = False,
    ) -> Any:
        """The answer's JSON, None when it is empty.

        `path` is percent-encoded; `query` leaves out what is None and repeats lists. A POST is
        given an idempotency key, the same for all attempts, unless it `counts_once` by what is in
        it: then the service need not remember its answer. Connections that fail, timeouts, 429,
        5xx and a 409 with Retry-After are tried again with exponential backoff and full jitter.
        Raises TrialbookError.
        """
        sent = {**(headers or {})}
        content = None
        if body is not None:
            content = encode(body)
            sent["content-type"] = "application/json"
        if method == "POST" and path != _KEYS and not counts_once:
            sent["idempotency-key"] = idempotency_key or str(uuid.uuid4())
        params = {k: v for k, v in (query or {}).items() if v is not None}
        request = self._client().build_request(
            method, path, content=content, params=params or None, headers=sent
        )
        return await self._tried(request)

    def trying(self, attempts: int) -> Api:
        """The same, over the same connections, with this many attempts."""
        other = copy(self)
        other._attempts = attempts  # noqa: SLF001  # it is of this class
        return other

    async def _tried(self, request: httpx.Request) -> Any:
        import httpx

        # what trying again cannot help
        ours_to_mend = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
        for attempt in range(1, self._attempts + 1):
            retry_after_s = 0.0
            try:
                response = await self._client().send(request)
            except httpx.RequestError as error:
                failure: TrialbookError = ConnectionFailed(
                    f"the service at {self.url} did not answer: {_reason(error)}",
                    code="connection_failed",
                )
                again = not isinstance(error, ours_to_mend)
            else:
                if response.is_success:
                    return self._parsed(response)
                failure = _refusal(response)
                waits = response.headers.get("retry-after")
                retry_after_s = _seconds(waits)
                again = response.status_code in _RETRIED or (
                    response.status_code == 409 and waits is not None
                )
            if not again or attempt == self._attempts:
                raise failure from None
            await self._sleep(self._pause_s(attempt, retry_after_s))
        raise AssertionError("unreachable")

    async def pause(self, attempt: int) -> None:
        """Wait as between the attempts of a call: for transfers, which try again themselves."""
        await self._sleep(self._pause_s(attempt, 0.0))

    def _pause_s(self, attempt: int, retry_after_s: float) -> float:
        """Full jitter, after what the service asked for."""
        longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (attempt - 1))
        return retry_after_s + self._random() * longest

    def _parsed(self, response: httpx.Response) -> Any:
        if not response.content:
            return None
        try:
            return json.loads(response.content)
        except ValueError:
            raise TrialbookError(
                f"{self.url} does not answer in JSON: is it the address of a Trialbook service?",
                status=response.status_code,
            ) from None

    @property
    def bytes(self) -> httpx.AsyncClient:
        """For presigned URLs: sends no key, follows nothing, waits long."""
        return _of_loop(self._bytes_clients, self._new_bytes_client)

    def _client(self) -> httpx.AsyncClient:
        return _of_loop(self._clients, self._new_client)

    def _new_client(self) -> httpx.AsyncClient:
        import httpx

        return httpx.AsyncClient(
            base_url=self.url,
            headers={
                "x-api-key": self._key,
                "accept": "application/json",
                "user-agent": f"trialbook/{__version__}",
            },
            timeout=httpx.Timeout(self._timeout_s, pool=None),
            limits=httpx.Limits(max_connections=32, keepalive_expiry=30),
            transport=self._transport,
            verify=_tls(),
        )

    def _new_bytes_client(self) -> httpx.AsyncClient:
        import httpx

        return httpx.AsyncClient(
            headers={"user-agent": f"trialbook/{__version__}"},
            timeout=httpx.Timeout(300, connect=self._timeout_s, pool=None),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64),
            transport=self._bytes_transport,
            verify=_tls(),
        )

    async def close(self) -> None:
        """Close this event loop's connections; the next call opens new ones."""
        loop = asyncio.get_running_loop()
        for clients in (self._clients, self._bytes_clients):
            client = clients.pop(loop, None)
            if client is not None:
                await client.aclose()


_PerLoop: TypeAlias = "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient]"


def _of_loop(clients: _PerLoop, new: Callable[[], httpx.AsyncClient]) -> httpx.AsyncClient:
    """A pool belongs to the loop that opened it. After a fork the loop, and so the pool, is new."""
    loop = asyncio.get_running_loop()
    found = clients.get(loop)
    if found is None:
        found = clients[loop] = new()
    return found


@cache
def load() -> None:
    """Import what the first request does, in the caller's thread.

    A process that is forked while another thread imports has half of a module for ever. Cost:
    0.1 s, once.
    """
    for name in _OF_REQUESTS:
        with suppress(ImportError):  # what another version of httpx does without
            importlib.import_module(name)


@cache
def _tls() -> ssl.SSLContext:
    """One for all clients: loading the certificates takes 20 ms."""
    import httpx

    return httpx.create_ssl_context()


def _refusal(response: httpx.Response) -> TrialbookError:
    if response.is_redirect:
        return TrialbookError(
            "the service redirects elsewhere, and the key is not sent there; use the address it "
            f"names as the url: {response.headers.get('location', '')}",
            status=response.status_code,
        )
    try:
        answer = json.loads(response.content)
    except ValueError:
        answer = None
    return error_of(response.status_code, answer, response.headers.get("x-request-id"))


def _reason(error: httpx.RequestError) -> str:
    name = type(error).__name__
    text = " ".join(str(error).split())
    return f"{name}: {text}" if text else name


def _seconds(retry_after: str | None) -> float:
    """Of a Retry-After in seconds; dates count as none."""
    try:
        seconds = float(retry_after or 0)
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_S)


def _checked_url(url: str) -> str:
    url = url.strip()
    parts = urlsplit(url)
    if not url.isprintable() or " " in url:
        raise NotConfigured(f"the url must hold no spaces or control characters: {url!r}")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise NotConfigured(f"the url must begin with http:// or https://: {url!r}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise NotConfigured("the url must have no user, password, query or fragment in it")
    return url.rstrip("/")


def _checked_key(api_key: str) -> str:
    # said without the key: what is said is logged
    if not api_key or not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        raise NotConfigured("the API key must be printable ASCII without spaces: tb_<id>_<secret>")
    return api_key
