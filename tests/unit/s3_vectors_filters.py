"""Filters of metadata as Amazon's guide to S3 Vectors tells them ("Metadata filtering")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

Filter: TypeAlias = Mapping[str, Any]
_BOTH: Mapping[str, Callable[[Any], bool]] = {"$and": all, "$or": any}
_ORDERED: Mapping[str, Callable[[float, float], bool]] = {
    "$gt": lambda one, other: one > other,
    "$gte": lambda one, other: one >= other,
    "$lt": lambda one, other: one < other,
    "$lte": lambda one, other: one <= other,
}


class Refused(Exception):
    """The service would answer with ValidationException."""


def passes(wanted: Filter, metadata: Mapping[str, Any]) -> bool:
    """Whether the metadata is what the filter asks for. Raises Refused."""
    parts = [
        _BOTH[name]([passes(one, metadata) for one in _filters(condition)])
        if name in _BOTH
        else _is(metadata, name, condition)
        for name, condition in wanted.items()
    ]
    return all(parts)


def fields_of(wanted: Filter) -> set[str]:
    """The keys of metadata that the filter names."""
    found: set[str] = set()
    for name, condition in wanted.items():
        if name in _BOTH:
            found.update(*(fields_of(one) for one in _filters(condition)))
        else:
            found.add(name)
    return found


def constraints(wanted: Filter) -> int:
    """How many values it evaluates."""
    count = 0
    for name, condition in wanted.items():
        if name in _BOTH:
            count += sum(constraints(one) for one in _filters(condition))
        elif isinstance(condition, Mapping):
            values = cast("Filter", condition).values()
            count += sum(
                len(cast("list[Any]", one)) if isinstance(one, list) else 1 for one in values
            )
        else:
            count += 1
    return count


def _filters(of: object) -> list[Filter]:
    if not isinstance(of, list) or not of:
        raise Refused("$and and $or take a list that is not empty")
    return cast("list[Filter]", of)


def _is(metadata: Mapping[str, Any], name: str, condition: object) -> bool:
    if name.startswith("$"):
        raise Refused(f"unknown operator {name}")
    operators = cast("Filter", condition if isinstance(condition, Mapping) else {"$eq": condition})
    value: object = metadata.get(name)
    members = cast("list[object]", value if isinstance(value, list) else [value])
    there = members if name in metadata else []
    compared = [_compares(there, operator, other) for operator, other in operators.items()]
    return all(compared)


def _compares(members: list[Any], operator: str, other: Any) -> bool:
    """Of a list in the metadata, one member is enough."""
    if operator == "$exists":
        return bool(members) is _a(bool, other)
    if operator in _ORDERED:
        number = _a((int, float), other)
        return any(
            isinstance(one, int | float) and _ORDERED[operator](one, number) for one in members
        )
    if operator in {"$in", "$nin"}:
        if not isinstance(other, list) or not other:
            raise Refused(f"{operator} takes a list that is not empty")
        has_one = any(_same(one, each) for one in members for each in cast("list[Any]", other))
        return has_one if operator == "$in" else bool(members) and not has_one
    if operator in {"$eq", "$ne"}:
        value = _a((str, int, float), other)
        has_it = any(_same(one, value) for one in members)
        return has_it if operator == "$eq" else bool(members) and not has_it
    raise Refused(f"unknown operator {operator}")


def _same(one: object, other: object) -> bool:
    """true is no number."""
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def _a(kind: type | tuple[type, ...], value: Any) -> Any:
    if not isinstance(value, kind):
        raise Refused(f"{value} is not of the type that the operator takes")
    return value
