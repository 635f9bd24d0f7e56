"""How an item becomes bytes in SQLite, with the checks of `storage.item_size` made cheap."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import ormsgpack

from chalicelib.storage.item_size import (
    DOUBLE_TAG,
    MAX_DEPTH,
    check_item,
    check_key,
    check_reserved,
    key_of,
    number_bytes,
    read_number,
    written_key,
)
from chalicelib.storage.table import MAX_ITEM_BYTES, Item, Value, When, Write

_NUMBER: Final = 1
"""MessagePack extension: a number past 64 bits or with a fraction, in decimal text."""
_OPTIONS: Final = (
    ormsgpack.OPT_PASSTHROUGH_BIG_INT
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
_SURELY_SMALL_BYTES: Final = MAX_ITEM_BYTES // 4
"""DynamoDB counts at most four bytes for one of MessagePack's (an empty list in a list)."""
_SUSPECTS: Final = (b"\xcb\x7f", b"\xcb\xff", DOUBLE_TAG.encode())
"""How a float that is not finite begins, and the reserved name; other bytes may look like them."""
_CONTAINERS: Final = (dict, list)


def encode(item: Item) -> bytes:
    """The whole item as MessagePack. Raises ValueError and TooLarge as `check_item` does.

    The exact check walks every value; here it runs only on items for which one C-speed pass over
    the encoded bytes could not rule out a violation.
    """
    check_key(key_of(item))
    check_reserved(item)
    _check_shape(item)
    try:
        body = ormsgpack.packb(item, _encode_other, _OPTIONS)
    except TypeError as error:
        check_item(item)  # says what is wrong
        raise ValueError("cannot store that item") from error
    if len(body) > _SURELY_SMALL_BYTES or any(suspect in body for suspect in _SUSPECTS):
        check_item(item)
    return body


def decode(body: bytes) -> Item:
    """The item that `encode` was given; whole numbers come back as int."""
    return ormsgpack.unpackb(body, ext_hook=_decode_other)


def packed_write(write: Write, body: bytes) -> bytes:
    """What tells one write from another; `body` is the encoded item, empty when there is none."""
    when = write.when
    condition = when.value if isinstance(when, When) else when
    return ormsgpack.packb([type(write).__name__, *written_key(write), condition, body])


def _encode_other(value: Any) -> int | ormsgpack.Ext:
    if type(value) is not Decimal and type(value) is not int:
        raise ValueError(f"cannot store a {type(value).__name__}")
    number_bytes(value)
    exact = read_number(str(value))
    if type(exact) is int and -(2**63) <= exact < 2**64:
        return exact
    return ormsgpack.Ext(_NUMBER, str(exact).encode())


def _decode_other(_tag: int, data: bytes) -> int | Decimal:
    return read_number(data.decode())


def _check_shape(item: Item) -> None:
    level: list[dict[str, Value] | list[Value]] = [item]
    for depth in range(MAX_DEPTH + 1):
        inner: list[dict[str, Value] | list[Value]] = []
        for container in level:
            values = container
            if isinstance(container, dict):
                if "" in container:
                    raise ValueError("an attribute name must be a non-empty string")
                values = container.values()
            inner += [each for each in values if isinstance(each, _CONTAINERS)]
            # on AWS a float is spelled as a dict
            if depth == MAX_DEPTH and any(isinstance(each, float) for each in values):
                raise ValueError(f"nested deeper than {MAX_DEPTH}")
        if not inner:
            return
        level = inner
    raise ValueError(f"nested deeper than {MAX_DEPTH}")
