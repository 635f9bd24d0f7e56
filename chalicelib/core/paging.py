"""Cursors: where a page ended, opaque to the caller and refused when anybody changed it."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias, cast

from chalicelib.core.errors import Invalid

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
JsonInput: TypeAlias = (
    "bool | int | float | str | Sequence[JsonInput] | Mapping[str, JsonInput] | None"
)

_MAC_BYTES: Final = 16
_PURPOSE: Final = b"trialbook cursor 1\0"


class CursorCodec:
    """Turns positions into cursors and back; cursors are signed, not encrypted.

    A scope names everything the cursor belongs to: the tenant, the route and the query. A cursor
    is good in its own scope only.
    """

    def __init__(self, secret: bytes) -> None:
        """Raises ValueError for an empty secret."""
        if not secret:
            raise ValueError("a cursor needs a secret to be signed with")
        self._secret = secret

    def encode(self, scope: str, position: JsonInput) -> str:
        """URL-safe text. Raises ValueError for NaN and infinities, which JSON cannot spell."""
        text = json.dumps(position, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        payload = text.encode("utf-8", "surrogatepass")
        return _to_text(self._mac(scope, payload) + payload)

    def decode(self, scope: str, text: str) -> JsonValue:
        """What was encoded. Raises Invalid, naming `cursor`, for any other text or scope."""
        try:
            signed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            signed = b""
        mac, payload = signed[:_MAC_BYTES], signed[_MAC_BYTES:]
        # base64 leaves bits unused: only the one spelling that was given out is accepted
        if _to_text(signed) != text or not hmac.compare_digest(mac, self._mac(scope, payload)):
            raise Invalid.field(
                "cursor",
                "not one that this query gave; send next_cursor unchanged, with the same query, "
                "or leave it out to start over",
            )
        return cast("JsonValue", json.loads(payload.decode("utf-8", "surrogatepass")))

    def _mac(self, scope: str, payload: bytes) -> bytes:
        """HMAC-SHA256, cut to 128 bits. The length keeps scope and payload apart."""
        scope_bytes = scope.encode("utf-8", "surrogatepass")
        message = _PURPOSE + len(scope_bytes).to_bytes(8, "big") + scope_bytes + payload
        return hmac.digest(self._secret, message, "sha256")[:_MAC_BYTES]


def _to_text(signed: bytes) -> str:
    return urlsafe_b64encode(signed).rstrip(b"=").decode("ascii")
