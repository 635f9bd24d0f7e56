"""Signed URLs of the local blob store; what S3's presigned URLs bind, these bind too.

    <base_url>/_blobs/<key>?op=…&expires=…&…&signature=<HMAC-SHA256 over key and parameters>

op=get    mime, disposition: the headers of the answer
op=put    size, sha256, mime: of the body, and the headers that must come with it
op=part   upload, part, and perhaps size and sha256
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from chalicelib.core.context import Clock
from chalicelib.core.errors import Forbidden

BLOB_PREFIX: Final = "/_blobs/"


class UrlSigner:
    """Makes and checks signatures; whoever holds `secret` may do anything to the blobs."""

    def __init__(self, base_url: str, secret: bytes, clock: Clock) -> None:
        self._base_url = base_url.rstrip("/")
        self._secret = secret
        self._clock = clock

    def url(self, key: str, expires_s: int, parameters: Mapping[str, str]) -> str:
        """Good for `expires_s` seconds."""
        expires = str(self._clock.now_ms() // 1000 + expires_s)
        signed = {**parameters, "expires": expires}
        query = urlencode({**signed, "signature": self._signature(key, signed)}, quote_via=quote)
        return f"{self._base_url}{BLOB_PREFIX}{quote(key, safe='/')}?{query}"

    def verify(self, raw_path: str, query: str) -> tuple[str, dict[str, str]]:
        """The key and the parameters of a URL that was signed here. Raises Forbidden."""
        try:
            key = unquote(raw_path.removeprefix(BLOB_PREFIX), errors="strict")
            pairs = parse_qsl(query, keep_blank_values=True, errors="strict")
        except UnicodeDecodeError:
            raise Forbidden("the URL is not one that was signed here") from None
        parameters = dict(pairs)
        given = parameters.pop("signature", "")
        right = self._signature(key, parameters)
        # A parameter named twice would be signed once: refuse it with what was tampered with.
        is_genuine = hmac.compare_digest(given.encode(), right.encode())
        if not is_genuine or len(pairs) != len(parameters) + 1:
            raise Forbidden("the URL's signature does not match; ask for a new URL")
        if self._clock.now_ms() >= int(parameters["expires"]) * 1000:
            raise Forbidden("the URL has expired; ask for a new one")
        return key, parameters

    def _signature(self, key: str, parameters: Mapping[str, str]) -> str:
        text = json.dumps([key, sorted(parameters.items())])
        return hmac.digest(self._secret, text.encode(), "sha256").hex()
