"""Item sizes and checks as DynamoDB makes them, so that every adapter refuses the same items.

Sizes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

from chalicelib.core.errors import TooLarge
from chalicelib.storage.table import (
    MAX_ADD_ATTRIBUTES,
    MAX_GET_MANY,
    MAX_ITEM_BYTES,
    MAX_PK_BYTES,
    MAX_SK_BYTES,
    MAX_TRANSACTION_BYTES,
    MAX_TRANSACTION_WRITES,
    Add,
    Item,
    Key,
    Put,
    Query,
    Value,
    When,
    Write,
)

MAX_DEPTH = 31
"""Lists and dicts around a value; DynamoDB counts the attribute itself as the first of its 32."""
DOUBLE_TAG = "~double"
"""A dict with this only key is how the DynamoDB adapter spells a float; nobody else may use it."""
STAMP = "csk"
"""Sort key of the change-ordered index: the DynamoDB adapter's own attribute."""
STAMP_BYTES = 24
"""What the stamp takes of an item that carries `cpk`, its name included, rounded up."""
_TYPES = frozenset({type(None), bool, str, bytes, int, Decimal, float, list, dict})
_SMALL_INT = 10**18


def read_number(text: str) -> int | Decimal:
    """What a stored number comes back as: an int when it is whole, else a Decimal."""
    try:
        return int(text)
    except ValueError:
        exact = Decimal(text)
        whole = int(exact)
        return whole if whole == exact else exact


def number_bytes(number: int | Decimal) -> int:
    """Size of a number in bytes. Raises ValueError for one that cannot be kept exactly."""
    exact = Decimal(number)
    if not exact.is_finite():
        raise ValueError("a decimal must be finite")
    digits = "".join(map(str, exact.as_tuple().digits)).strip("0")
    if len(digits) > 38:
        raise ValueError(f"a number has at most 38 significant digits: {number}")
    magnitude = exact.adjusted() if exact else 0
    if magnitude > 125 or magnitude < -130:
        raise ValueError(f"a number's magnitude must be 1e-130 to 1e126: {number}")
    return (len(digits) + 1) // 2 + 1 + (exact < 0)


def value_bytes(value: Value, depth: int = 0) -> int:
    """Size of an attribute's value in bytes. Raises ValueError for what cannot be stored.

    Subclasses (an enum, say) are refused: they would come back as something else.
    """
    if type(value) not in _TYPES:
        raise ValueError(f"cannot store a {type(value).__name__}")
    match value:
        case None | bool():
            return 1
        case str():
            return len(value) if value.isascii() else len(value.encode())
        case bytes():
            return len(value)
        case int() if -_SMALL_INT < value < _SMALL_INT:
            return len(str(value)) // 2 + 2
        case int() | Decimal():
            return number_bytes(value)
        case list() | dict() | float() if depth == MAX_DEPTH:
            # a float is one deeper than it looks: the DynamoDB adapter spells it as a dict
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
        case float():
            if not math.isfinite(value):
                raise ValueError("a float must be finite; spell NaN and infinities above the table")
            return 8 + len(DOUBLE_TAG) + 4
        case list():
            return 3 + sum(1 + value_bytes(element, depth + 1) for element in value)
        case dict():
            return 3 + sum(
                1 + name_bytes(name) + value_bytes(element, depth + 1)
                for name, element in value.items()
            )


def name_bytes(name: str) -> int:
    """Size of an attribute's name in bytes. Raises ValueError for one that is not allowed."""
    if type(name) is not str or not name:
        raise ValueError("an attribute name must be a non-empty string")
    if name == DOUBLE_TAG:
        raise ValueError(f"the attribute name {DOUBLE_TAG} is reserved")
    return len(name) if name.isascii() else len(name.encode())


def item_bytes(item: Item) -> int:
    """Size of an item in bytes, attribute names included."""
    stamp = STAMP_BYTES if "cpk" in item else 0
    return stamp + sum(name_bytes(name) + value_bytes(value) for name, value in item.items())


def check_key(key: Key) -> None:
    """Raises ValueError for an empty or overlong key."""
    for name, text, limit in (("pk", key.pk, MAX_PK_BYTES), ("sk", key.sk, MAX_SK_BYTES)):
        if not text:
            raise ValueError(f"{name} must not be empty")
        if len(text) * 4 > limit and len(text.encode()) > limit:
            raise ValueError(f"{name} must be at most {limit} bytes")


def check_reserved(item: Item) -> None:
    """Raises ValueError when a reserved attribute other than the key has a wrong type or length."""
    if STAMP in item:
        raise ValueError(f"the attribute name {STAMP} is reserved")
    for name in ("version", "expires_at"):
        if name in item:
            number = item[name]
            if type(number) is not int or not -(2**63) <= number < 2**63:
                raise ValueError(f"{name} must be an int of 64 bits")
    for name, limit in (("lpk", MAX_PK_BYTES), ("lsk", MAX_SK_BYTES), ("cpk", MAX_PK_BYTES)):
        if name in item:
            text = item[name]
            if type(text) is not str or not text or len(text.encode()) > limit:
                raise ValueError(f"{name} must be a string of 1 to {limit} bytes")
    if ("lpk" in item) != ("lsk" in item):
        raise ValueError("lpk and lsk go together")
    if "feed" in item and type(item["feed"]) is not str:
        raise ValueError("feed must be a string")


def check_size(size_bytes: int) -> int:
    """The size itself; raises TooLarge when no item may have it."""
    if size_bytes > MAX_ITEM_BYTES:
        raise TooLarge(
            "item too large for the table", size_bytes=size_bytes, max_bytes=MAX_ITEM_BYTES
        )
    return size_bytes


def check_item(item: Item) -> int:
    """The item's size; raises ValueError for a bad item and TooLarge for an overlong one."""
    check_key(key_of(item))
    check_reserved(item)
    return check_size(item_bytes(item))


def check_add(write: Add) -> int:
    """The addition's size; raises ValueError when it can never be made."""
    check_key(write.key)
    if write.when is When.ABSENT:
        raise ValueError("an addition to what must be absent is a put")
    if not write.amounts.keys().isdisjoint(write.also):
        raise ValueError("an attribute is either added to or set, not both")
    change: Item = {**write.amounts, **write.also}
    if "pk" in change or "sk" in change:
        raise ValueError("a key cannot be changed")
    if any(type(amount) not in (int, Decimal) for amount in write.amounts.values()):
        raise ValueError("an amount must be an int or a Decimal")
    if len(change) > MAX_ADD_ATTRIBUTES:
        raise ValueError(f"an addition changes at most {MAX_ADD_ATTRIBUTES} attributes")
    check_reserved(change)
    return check_size(len(write.key.pk) + len(write.key.sk) + item_bytes(change))


def check_keys(keys: Sequence[Key]) -> None:
    """Raises ValueError for keys that cannot be read together."""
    if len(keys) > MAX_GET_MANY:
        raise ValueError(f"at most {MAX_GET_MANY} keys at once, not {len(keys)}")
    if len(set(keys)) < len(keys):
        raise ValueError("the keys must differ")
    for key in keys:
        check_key(key)


def check_query(query: Query) -> None:
    """Raises ValueError for a query that DynamoDB refuses."""
    if query.prefix is not None and not (query.start is None and query.stop is None):
        raise ValueError("a query has a prefix or a range, not both")
    if "" in (query.pk, query.prefix, query.start, query.stop):
        raise ValueError("a query's bounds must not be empty")
    if query.limit is not None and query.limit < 1:
        raise ValueError("a query's limit is at least 1")
    if query.after is not None and len(query.after) != (1 if query.index is None else 3):
        raise ValueError("that cursor belongs to another query")


def check_transaction(writes: Sequence[Write], token: str | None) -> None:
    """Raises ValueError for a transaction that can never be made, whatever its items are."""
    if not 1 <= len(writes) <= MAX_TRANSACTION_WRITES:
        raise ValueError(f"a transaction has 1 to {MAX_TRANSACTION_WRITES} writes")
    if len({written_key(write) for write in writes}) < len(writes):
        raise ValueError("a transaction writes an item once")
    if token is not None and not 1 <= len(token) <= 36:
        raise ValueError("a token has 1 to 36 characters")


def check_transaction_bytes(writes: Sequence[Write]) -> None:
    """Raises as `check_item` and `check_add` do, and TooLarge when the sum is too large."""
    size_bytes = 0
    for write in writes:
        if isinstance(write, Put):
            size_bytes += check_item(write.item)
        elif isinstance(write, Add):
            size_bytes += check_add(write)
        else:
            check_key(write.key)
    if size_bytes > MAX_TRANSACTION_BYTES:
        raise TooLarge(
            "transaction too large for the table",
            size_bytes=size_bytes,
            max_bytes=MAX_TRANSACTION_BYTES,
        )


def written_key(write: Write) -> Key:
    """The address that the write is about. Raises ValueError when it has none."""
    return key_of(write.item) if isinstance(write, Put) else write.key


def key_of(item: Item) -> Key:
    """The item's address. Raises ValueError when it has none."""
    pk, sk = item.get("pk"), item.get("sk")
    if type(pk) is not str or type(sk) is not str:
        raise ValueError("an item needs the strings pk and sk")
    return Key(pk, sk)
