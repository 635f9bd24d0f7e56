"""Filtering and ordering logged models, registered models and their versions, which are few enough
to be looked at one by one. The syntax and the meaning of operators are those of runs (`filters`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isnan
from typing import Final, TypeAlias, TypeVar

from chalicelib.core.errors import FieldError, Invalid
from chalicelib.domain.filter_parser import Clause, Field, Language, parse_order
from chalicelib.domain.filters import comparison

T = TypeVar("T")
MAX_ORDER_CLAUSES: Final = 8
Read: TypeAlias = Callable[[T, Field], "Sequence[str | float]"]
"""The values that a thing has of a field: none where it has none, several of a metric."""

LOGGED_MODELS: Final = Language(
    ("metric", "param", "tag", "attribute"),
    (
        "model_id", "name", "model_type", "status", "source_run_id", "experiment_id",
        "creation_timestamp", "last_updated_timestamp",
    ),
    {
        "creation_time": "creation_timestamp",
        "creation_timestamp_ms": "creation_timestamp",
        "last_updated_timestamp_ms": "last_updated_timestamp",
    },
)  # fmt: skip
REGISTERED_MODELS: Final = Language(
    ("tag", "attribute"),
    ("name", "creation_timestamp", "last_updated_timestamp"),
    {"timestamp": "last_updated_timestamp"},
)
MODEL_VERSIONS: Final = Language(
    ("tag", "attribute"),
    (
        "name", "version_number", "run_id", "source_path", "model_id", "current_stage",
        "creation_timestamp", "last_updated_timestamp",
    ),
    {"version": "version_number", "source": "source_path"},
)  # fmt: skip


def kept(clauses: Iterable[Clause], things: Iterable[T], read: Read[T]) -> list[T]:
    """The things of which each clause holds, in their order: of one of their values at least."""
    left = list(things)
    for clause in clauses:
        left = _narrow(clause, left, read)
    return left


def _narrow(clause: Clause, things: list[T], read: Read[T]) -> list[T]:
    field = clause.field
    if clause.operator in ("IS NULL", "IS NOT NULL"):
        absent = clause.operator == "IS NULL"
        return [thing for thing in things if (not read(thing, field)) is absent]
    fits = comparison(clause)
    return [thing for thing in things if any(map(fits, read(thing, field)))]


def parse_orders(texts: Sequence[str], language: Language) -> list[tuple[Field, bool]]:
    """Attributes, and whether each is descending. Raises Invalid, also for one named twice."""
    orders = [
        parse_order(text, f"order_by.{at}", language)
        for at, text in enumerate(texts[: MAX_ORDER_CLAUSES + 1])
    ]
    named = {field for field, _ in orders if field.kind == "attribute"}
    if len(orders) > MAX_ORDER_CLAUSES or len(named) < len(orders):
        message = f"order_by: at most {MAX_ORDER_CLAUSES} attributes, each once"
        raise Invalid(message, [FieldError("order_by", message)])
    return orders


def arranged(
    things: Iterable[T],
    orders: Sequence[tuple[Callable[[T], str | float | None], bool]],
) -> list[T]:
    """In order of values, the first counts most, each ascending or (True) descending; then NaN,
    then what has none."""
    found = list(things)
    for value_of, descending in reversed(orders):
        there = [(value, thing) for thing in found if (value := value_of(thing)) is not None]
        numbers = [pair for pair in there if not _is_nan(pair[0])]
        numbers.sort(key=lambda pair: pair[0], reverse=descending)
        found = [
            *(thing for _, thing in numbers),
            *(thing for value, thing in there if _is_nan(value)),
            *(thing for thing in found if value_of(thing) is None),
        ]
    return found


def _is_nan(value: str | float) -> bool:
    return isinstance(value, float) and isnan(value)
