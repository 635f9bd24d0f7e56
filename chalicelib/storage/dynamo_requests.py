"""The Table's writes and queries as arguments of DynamoDB's low-level API."""

from __future__ import annotations

import zlib
from typing import Any, Final

from chalicelib.storage.dynamo_items import Spelled, spell, spell_item, spell_key
from chalicelib.storage.item_size import STAMP
from chalicelib.storage.table import (
    Add,
    Check,
    Condition,
    Delete,
    Item,
    Key,
    Put,
    Query,
    When,
    Write,
)

CHANGED_INDEX: Final = "changed"
_LIVE: Final = "(attribute_not_exists(#expires) OR #expires > :now)"
_CONDITIONS: Final = {
    When.ABSENT: "attribute_not_exists(#pk) OR #expires <= :now",
    When.PRESENT: f"attribute_exists(#pk) AND {_LIVE}",
}


def table_definition(name: str) -> dict[str, Any]:
    """Arguments of CreateTable. Time to live, on `expires_at`, is switched on separately."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": attribute, "AttributeType": "S"}
            for attribute in ("pk", "sk", "lpk", "lsk", "cpk", STAMP)
        ],
        "KeySchema": _key_schema("pk", "sk"),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "listed",
                "KeySchema": _key_schema("lpk", "lsk"),
                "Projection": {"ProjectionType": "ALL"},
            },
            {
                "IndexName": CHANGED_INDEX,
                "KeySchema": _key_schema("cpk", STAMP),
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
        ],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    }


def stamp_of(second: int) -> str:
    """The least stamp of a second since the epoch."""
    return f"{second:010d}"


def second_of(stamp: str) -> int:
    """The second that a stamp was made in."""
    return int(stamp[:10])


def put_arguments(item: Item, when: Condition, now_s: int) -> Spelled:
    """Arguments of PutItem, or of a transaction's Put, but for the table."""
    spelled = spell_item(item)
    if "cpk" in item:
        spelled[STAMP] = _stamp(spelled["pk"]["S"], spelled["sk"]["S"], now_s)
    return {"Item": spelled, **_condition(when, now_s)}


def key_arguments(key: Key, when: Condition, now_s: int) -> Spelled:
    """Arguments of DeleteItem, or of a transaction's Delete, but for the table."""
    return {"Key": spell_key(key), **_condition(when, now_s)}


def sweep_arguments(key: Key, now_s: int) -> Spelled:
    """Arguments of a DeleteItem that removes the item only when it has expired."""
    return {
        "Key": spell_key(key),
        "ConditionExpression": "#expires <= :now",
        "ExpressionAttributeNames": {"#expires": "expires_at"},
        "ExpressionAttributeValues": {":now": {"N": str(now_s)}},
    }


def add_arguments(write: Add, now_s: int) -> Spelled:
    """Arguments of UpdateItem, or of a transaction's Update, but for the table.

    Without a condition of its own it fails on an expired item: that must go first, or its amounts
    would count.
    """
    names = {"#expires": "expires_at", "#stamp": STAMP}
    # whether the stored item carries cpk is not known here; alone the stamp is in no index
    values: Spelled = {":now": {"N": str(now_s)}, ":stamp": _stamp(*write.key, now_s)}
    sums: list[str] = []
    sets = ["#stamp = :stamp"]
    for position, (name, amount) in enumerate(write.amounts.items()):
        names[f"#a{position}"], values[f":a{position}"] = name, spell(amount)
        sums.append(f"#a{position} :a{position}")
    for position, (name, value) in enumerate(write.also.items()):
        names[f"#s{position}"], values[f":s{position}"] = name, spell(value)
        sets.append(f"#s{position} = :s{position}")
    addition = f" ADD {', '.join(sums)}" if sums else ""
    condition = _LIVE
    if write.when is When.PRESENT:
        names["#pk"] = "pk"
        condition = _CONDITIONS[When.PRESENT]
    elif isinstance(write.when, int):
        names["#version"], values[":version"] = "version", {"N": str(write.when)}
        condition = f"#version = :version AND {_LIVE}"
    return {
        "Key": spell_key(write.key),
        "UpdateExpression": f"SET {', '.join(sets)}{addition}",
        "ConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }


def transaction_arguments(table_name: str, write: Write, now_s: int) -> Spelled:
    """One of TransactWriteItems' actions."""
    match write:
        case Put(item, when):
            action, arguments = "Put", put_arguments(item, when, now_s)
        case Delete(key, when):
            action, arguments = "Delete", key_arguments(key, when, now_s)
        case Check(key, when):
            action, arguments = "ConditionCheck", key_arguments(key, when, now_s)
        case Add():
            action, arguments = "Update", add_arguments(write, now_s)
    if action == "ConditionCheck" and "ConditionExpression" not in arguments:
        # a check of nothing still has to say something
        arguments["ConditionExpression"] = "attribute_exists(#pk) OR attribute_not_exists(#pk)"
        arguments["ExpressionAttributeNames"] = {"#pk": "pk"}
    return {action: {"TableName": table_name, **arguments}}


def query_arguments(query: Query) -> Spelled:
    """Arguments of Query, but for the table."""
    partition, sort = ("pk", "sk") if query.index is None else ("lpk", "lsk")
    values: Spelled = {":pk": {"S": query.pk}}
    bounds = {":prefix": query.prefix, ":start": query.start, ":stop": query.stop}
    values |= {name: {"S": bound} for name, bound in bounds.items() if bound is not None}
    condition = "#pk = :pk"
    if query.prefix is not None:
        condition += " AND begins_with(#sk, :prefix)"
    elif query.start is not None and query.stop is not None:
        condition += " AND #sk BETWEEN :start AND :stop"
    elif query.start is not None:
        condition += " AND #sk >= :start"
    elif query.stop is not None:
        condition += " AND #sk <= :stop"
    names = {"#pk": partition}
    if "#sk" in condition:
        names["#sk"] = sort
    arguments: Spelled = {
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
        "ScanIndexForward": not query.reverse,
    }
    if query.index is None:
        arguments["ConsistentRead"] = True
    else:
        arguments["IndexName"] = query.index.value
    if query.limit is not None:
        arguments["Limit"] = query.limit
    if query.after is not None:
        arguments["ExclusiveStartKey"] = _start_key(query.pk, query.after)
    return arguments


def cursor_of(query: Query, last: Spelled) -> tuple[str, ...]:
    """The `next` of a page, from its LastEvaluatedKey."""
    names = ("sk",) if query.index is None else ("lsk", "pk", "sk")
    return tuple(last[name]["S"] for name in names)


def _start_key(partition: str, after: tuple[str, ...]) -> Spelled:
    if len(after) == 1:
        return spell_key(Key(partition, after[0]))
    sort, pk, sk = after
    return {"lpk": {"S": partition}, "lsk": {"S": sort}, **spell_key(Key(pk, sk))}


def _condition(when: Condition, now_s: int) -> Spelled:
    if when is None:
        return {}
    names = {"#expires": "expires_at"}
    values: Spelled = {":now": {"N": str(now_s)}}
    if isinstance(when, When):
        names["#pk"] = "pk"
        expression = _CONDITIONS[when]
    else:
        names["#version"] = "version"
        values[":version"] = {"N": str(when)}
        expression = f"#version = :version AND {_LIVE}"
    return {
        "ConditionExpression": expression,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }


def _stamp(pk: str, sk: str, now_s: int) -> Spelled:
    # coarse, and one per item and second, so that a busy item rewrites the index once a second
    return {"S": f"{stamp_of(now_s)}#{zlib.crc32(f'{pk} {sk}'.encode()):08x}"}


def _key_schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]
