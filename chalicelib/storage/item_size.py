"""Item sizes and checks as DynamoDB makes them, so that every adapter refuses the same items.

Sizes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from __future__ import annotations

import math
from decimal import Decimal

from chalicelib.core.errors import TooLarge
from chalicelib.storage.table import MAX_ITEM_BYTES, MAX_PK_BYTES, MAX_SK_BYTES, Item, Key, Value

MAX_DEPTH = 32
DOUBLE_TAG = "~double"
"""A dict with this only key is how the DynamoDB adapter spells a float; nobody else may use it."""


def _number_bytes(number: int | Decimal) -> int:
    exact = Decimal(number)
    if not exact.is_finite():
        raise ValueError("a decimal must be finite")
    _, digits, exponent = exact.as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).strip("0")
    if len(text) > 38:
        raise ValueError(f"a number has at most 38 significant digits: {number}")
    magnitude = exact.adjusted() if exact else 0
    if magnitude > 125 or magnitude < -130:
        raise ValueError(f"a number's magnitude must be 1e-130 to 1e126: {number}")
    return (len(text) + 1) // 2 + 1 + (exact < 0)


def value_bytes(value: Value, depth: int = 0) -> int:
    """Size of an attribute's value in bytes. Raises ValueError for what cannot be stored."""
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    match value:
        case None | bool():
            return 1
        case str():
            return len(value) if value.isascii() else len(value.encode())
        case bytes():
            return len(value)
        case int() | Decimal():
            return _number_bytes(value)
        case float():
            if not math.isfinite(value):
                raise ValueError("a float must be finite; spell NaN and infinities above the table")
            return 8 + len(DOUBLE_TAG) + 3
        case list():
            return 3 + sum(1 + value_bytes(element, depth + 1) for element in value)
        case dict():
            if DOUBLE_TAG in value:
                raise ValueError(f"the attribute name {DOUBLE_TAG} is reserved")
            return 3 + sum(
                1 + len(name.encode()) + value_bytes(element, depth + 1)
                for name, element in value.items()
            )
    raise ValueError(f"cannot store a {type(value).__name__}")


def item_bytes(item: Item) -> int:
    """Size of an item in bytes, attribute names included."""
    return sum(len(name.encode()) + value_bytes(value) for name, value in item.items())


def check_key(key: Key) -> None:
    """Raises ValueError for an empty or overlong key."""
    for name, text, limit in (("pk", key.pk, MAX_PK_BYTES), ("sk", key.sk, MAX_SK_BYTES)):
        if not text:
            raise ValueError(f"{name} must not be empty")
        if len(text) * 4 > limit and len(text.encode()) > limit:
            raise ValueError(f"{name} must be at most {limit} bytes")


def check_item(item: Item) -> int:
    """The item's size; raises ValueError for a bad item and TooLarge for an overlong one."""
    check_key(key_of(item))
    for name, limit in (("lpk", MAX_PK_BYTES), ("lsk", MAX_SK_BYTES), ("cpk", MAX_PK_BYTES)):
        text = item.get(name)
        if text is not None and (not isinstance(text, str) or not text or len(text.encode()) > limit):
            raise ValueError(f"{name} must be a string of 1 to {limit} bytes")
    if ("lpk" in item) != ("lsk" in item):
        raise ValueError("lpk and lsk go together")
    size = item_bytes(item)
    if size > MAX_ITEM_BYTES:
        raise TooLarge("item too large for the table", size_bytes=size, max_bytes=MAX_ITEM_BYTES)
    return size


def key_of(item: Item) -> Key:
    """The item's address. Raises ValueError when it has none."""
    pk, sk = item.get("pk"), item.get("sk")
    if not isinstance(pk, str) or not isinstance(sk, str):
        raise ValueError("an item needs the strings pk and sk")
    return Key(pk, sk)
