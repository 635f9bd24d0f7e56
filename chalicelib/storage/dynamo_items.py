"""Items as DynamoDB spells them: boto3's serializer is several times slower and has no floats."""

from __future__ import annotations

import base64
import struct
from decimal import Decimal
from typing import Any, TypeAlias, cast

from chalicelib.storage.item_size import DOUBLE_TAG, STAMP, read_number
from chalicelib.storage.table import Item, Key, Value

Spelled: TypeAlias = dict[str, Any]
"""An attribute value or a map of them, in the low-level API's spelling."""

_DOUBLE = struct.Struct(">d")


def spell(value: Value) -> Spelled:
    """One attribute's value. It was checked before, so nothing is refused here."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | Decimal():
            return {"N": format(value, "f") if isinstance(value, Decimal) else str(value)}
        case float():
            # DynamoDB's numbers are decimal: a double comes back bit for bit only as bytes
            return {"M": {DOUBLE_TAG: {"B": _DOUBLE.pack(value)}}}
        case bytes():
            return {"B": value}
        case list():
            return {"L": [spell(element) for element in value]}
        case dict():
            return {"M": spell_item(value)}


def spell_item(item: Item) -> Spelled:
    """A whole item or a nested dict."""
    return {name: spell(value) for name, value in item.items()}


def spell_key(key: Key) -> Spelled:
    """The primary key alone."""
    return {"pk": {"S": key.pk}, "sk": {"S": key.sk}}


def read_key(spelled: Spelled) -> Key:
    """The key of anything that has one."""
    return Key(spelled["pk"]["S"], spelled["sk"]["S"])


def read_item(spelled: Spelled) -> Item:
    """The inverse of `spell_item`, without the adapter's own attribute."""
    item = {name: _read(value) for name, value in spelled.items()}
    item.pop(STAMP, None)
    return item


def _read(spelled: Spelled) -> Value:
    ((tag, value),) = spelled.items()
    match tag:
        case "S" | "BOOL":
            return cast("Value", value)
        case "N":
            return read_number(value)
        case "B":
            return _read_bytes(value)
        case "NULL":
            return None
        case "L":
            return [_read(element) for element in value]
        case _:
            if DOUBLE_TAG in value:
                (double,) = _DOUBLE.unpack(_read_bytes(value[DOUBLE_TAG]["B"]))
                return double
            return {name: _read(element) for name, element in value.items()}


def _read_bytes(value: bytes | str) -> bytes:
    # the event of a stream's function is JSON, with base64 where the API has bytes
    return base64.b64decode(value) if isinstance(value, str) else value
