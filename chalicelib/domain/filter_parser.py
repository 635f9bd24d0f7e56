"""The syntax of MLflow's search language: text in, clauses with their fields out.

    metrics.loss < 0.5 and params.lr = '0.01' and tags.`team name` LIKE '%x%'

Clauses are joined by AND only. A superset of what an MLflow server takes: entity and attribute
names in either case, `-`, `/`, `:` and `@` in unquoted keys, IN for every string field, IS [NOT]
NULL for every field, and a doubled quote inside quotes (`'it''s'`) stands for one. What the clauses
mean is in `filters.py` and `ordering.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NoReturn

from chalicelib.core.errors import FieldError, Invalid

MAX_CHARACTERS: Final = 10_000
MAX_CLAUSES: Final = 100

Kind = Literal["metric", "param", "tag", "attribute", "dataset"]
Operator = Literal[
    "=", "!=", "<", "<=", ">", ">=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"
]

_ENTITIES: Final[dict[str, Kind]] = {
    **dict.fromkeys(("metric", "metrics"), "metric"),
    **dict.fromkeys(("param", "params", "parameter", "parameters"), "param"),
    **dict.fromkeys(("tag", "tags"), "tag"),
    **dict.fromkeys(("attribute", "attributes", "attr", "run"), "attribute"),
    **dict.fromkeys(("dataset", "datasets"), "dataset"),
}
_NUMBER_ATTRIBUTES: Final = (
    "start_time",
    "end_time",
    "duration_ms",
    "creation_timestamp",
    "last_updated_timestamp",
    "version_number",
    "creation_time",
    "last_update_time",
)


@dataclass(frozen=True, slots=True)
class Language:
    """What filters on one kind of thing may name. An alias stands for an attribute."""

    kinds: tuple[Kind, ...]
    attributes: tuple[str, ...]
    aliases: Mapping[str, str]


RUNS: Final = Language(
    ("metric", "param", "tag", "attribute", "dataset"),
    (
        "run_id",
        "run_name",
        "user_id",
        "created_by",
        "status",
        "artifact_uri",
        *_NUMBER_ATTRIBUTES[:3],
    ),
    {"run name": "run_name", "name": "run_name", "created": "start_time"},
)
_DATASET_KEYS: Final = ("name", "digest", "context")

_COMPARISONS: Final[dict[str, Operator]] = {
    "=": "=",
    "==": "=",
    "!=": "!=",
    "<>": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
    "LIKE": "LIKE",
    "ILIKE": "ILIKE",
}
_NUMBER_OPERATORS: Final = ("=", "!=", "<", "<=", ">", ">=")
_STRING_OPERATORS: Final = ("=", "!=", "LIKE", "ILIKE")

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"\w+")
_BARE_KEY = re.compile(r"[\w.$@:/-]+")
_SYMBOL = re.compile(r"[<>=!]{1,2}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.])")
_STRING = re.compile(r"'((?:[^']|'')*)'|\"((?:[^\"]|\"\")*)\"")
_QUOTED_INTEGER = re.compile(r"'[+-]?[0-9]+'|\"[+-]?[0-9]+\"")
_QUOTED_NAME = re.compile(r"`((?:[^`]|``)*)`|\"((?:[^\"]|\"\")*)\"")


@dataclass(frozen=True, slots=True)
class Field:
    """What a clause compares or orders by; aliases are already resolved (`name` is `run_name`)."""

    kind: Kind
    key: str

    @property
    def is_number(self) -> bool:
        return self.kind == "metric" or (
            self.kind == "attribute" and self.key in _NUMBER_ATTRIBUTES
        )


_VERSION_NUMBER: Final = Field("attribute", "version_number")


@dataclass(frozen=True, slots=True)
class Clause:
    """`value` fits the operator: a number, a string, the strings of an IN list, None for IS."""

    field: Field
    operator: Operator
    value: float | str | tuple[str, ...] | None


def parse_clauses(text: str, language: Language = RUNS) -> tuple[Clause, ...]:
    """The clauses of a filter in the order they were written; none when it is blank.

    Raises Invalid whose `details["position"]` is the 0-based offset of the first mistake.
    """
    scanner = _Scanner(text, "filter", language)
    clauses: list[Clause] = []
    while not scanner.at_end() or clauses:
        if len(clauses) == MAX_CLAUSES:
            scanner.fail(f"too many clauses; split the search: max={MAX_CLAUSES}")
        clauses.append(_clause(scanner))
        if scanner.at_end():
            break
        if not scanner.keyword("AND"):
            scanner.expected("AND or the end (OR and parentheses are not supported)")
    return tuple(clauses)


def parse_order(text: str, path: str, language: Language = RUNS) -> tuple[Field, bool]:
    """The field of one order_by clause and whether it is descending (ascending when not said).

    Raises Invalid about the body field `path`, with `position`.
    """
    scanner = _Scanner(text, path, language)
    field = _field(scanner)
    if field.kind == "dataset":
        scanner.fail("datasets have no order; order by a metric, param, tag or attribute", 0)
    descending = scanner.keyword("DESC")
    if not descending:
        scanner.keyword("ASC")
    if not scanner.at_end():
        scanner.expected("ASC, DESC or the end")
    return field, descending


class _Scanner:
    """A position in a text, and the mistakes that can be found there.

    The scanner is told what to look for, because the same characters mean different things in
    different places: "a" is a key before the comparison and a string after it.
    """

    def __init__(self, text: str, path: str, language: Language) -> None:
        self.text = text
        self.path = path
        self.language = language
        self.position = 0
        if len(text) > MAX_CHARACTERS:
            size = f"length={len(text)} max={MAX_CHARACTERS}"
            self.fail(f"too long; say it with less: {size}", MAX_CHARACTERS)

    def at_end(self) -> bool:
        self._skip_space()
        return self.position == len(self.text)

    def take(self, pattern: re.Pattern[str]) -> str | None:
        """The text that matches here after spaces, which is then behind the position."""
        self._skip_space()
        return self.take_adjacent(pattern)

    def take_adjacent(self, pattern: re.Pattern[str]) -> str | None:
        """As `take`, but not past spaces."""
        match = pattern.match(self.text, self.position)
        if match is None:
            return None
        self.position = match.end()
        return match.group()

    def keyword(self, *words: str) -> bool:
        """Take the words, in either case, when all of them come next."""
        start = self.position
        for word in words:
            found = self.take(_WORD)
            if found is None or found.upper() != word:
                self.position = start
                return False
        return True

    def expected(self, what: str) -> NoReturn:
        """Raise Invalid that says what should have been here, and what is."""
        self._skip_space()
        rest = self.text[self.position :].split(maxsplit=1)
        found = f"'{rest[0][:40]}'" if rest else "the end"
        self.fail(f"expected {what}, found {found}")

    def fail(self, problem: str, position: int | None = None) -> NoReturn:
        """Raise Invalid about `position`, by default the current one."""
        place = self.position if position is None else position
        message = f"{self.path}: {problem}, at position {place}"
        raise Invalid(message, [FieldError(self.path, message)], position=place)

    def _skip_space(self) -> None:
        match = _SPACE.match(self.text, self.position)
        self.position = match.end() if match else self.position


def _clause(scanner: _Scanner) -> Clause:
    field = _field(scanner)
    if scanner.keyword("IS", "NOT", "NULL"):
        return Clause(field, "IS NOT NULL", None)
    if scanner.keyword("IS", "NULL"):
        return Clause(field, "IS NULL", None)
    if field.is_number:
        operator = _comparison(scanner, _NUMBER_OPERATORS, "IS [NOT] NULL")
        return Clause(field, operator, _number(scanner, field))
    if scanner.keyword("IN"):
        return Clause(field, "IN", _string_list(scanner))
    if scanner.keyword("NOT", "IN"):
        return Clause(field, "NOT IN", _string_list(scanner))
    operator = _comparison(scanner, _STRING_OPERATORS, "[NOT] IN, IS [NOT] NULL")
    return Clause(field, operator, _string(scanner))


def _field(scanner: _Scanner) -> Field:
    """`entity.key` or a bare attribute name; either part may be in backticks."""
    scanner.at_end()
    start = scanner.position
    first = _name(scanner, _WORD)
    if first is None:
        scanner.expected("a field such as metrics.loss, params.lr, tags.team or status")
    if not scanner.text.startswith(".", scanner.position):
        return _attribute(scanner, first, start)
    kind = _ENTITIES.get(first.lower())
    if kind is None or kind not in scanner.language.kinds:
        kinds = [f"{kind}s" for kind in scanner.language.kinds]
        use = f"{', '.join(kinds[:-1])} or {kinds[-1]}"
        scanner.fail(f"unknown entity '{first[:40]}'; use {use}", start)
    scanner.position += 1
    start = scanner.position
    key = _name(scanner, _BARE_KEY)
    if not key:
        scanner.fail("expected a key after the dot, in backticks when it holds spaces", start)
    if kind == "attribute":
        return _attribute(scanner, key, start)
    if kind == "dataset" and key not in _DATASET_KEYS:
        scanner.fail(
            f"unknown dataset key '{key[:40]}'; use one of {', '.join(_DATASET_KEYS)}", start
        )
    return Field(kind, key)


def _attribute(scanner: _Scanner, name: str, start: int) -> Field:
    lower = name.lower()
    language = scanner.language
    key = language.aliases.get(lower, lower)
    if key not in language.attributes:
        scanner.fail(
            f"unknown attribute '{name[:40]}'; use one of {', '.join(language.attributes)}, "
            "or metrics., params. or tags. and a key",
            start,
        )
    return Field("attribute", key)


def _name(scanner: _Scanner, bare: re.Pattern[str]) -> str | None:
    """A name as `bare` has it, or anything in backticks or double quotes, which are taken off."""
    quoted = scanner.take_adjacent(_QUOTED_NAME)
    return scanner.take_adjacent(bare) if quoted is None else _unquoted(quoted)


def _comparison(scanner: _Scanner, allowed: tuple[str, ...], others: str) -> Operator:
    start = scanner.position
    found = scanner.take(_SYMBOL) or scanner.take(_WORD)
    operator = _COMPARISONS.get((found or "").upper())
    if operator is None or operator not in allowed:
        scanner.position = start
        scanner.expected(f"one of {', '.join(allowed)}, {others}")
    return operator


def _number(scanner: _Scanner, field: Field) -> float:
    number = scanner.take(_NUMBER)
    if number is None and field == _VERSION_NUMBER:  # often quoted, for its JSON is a string
        number = (scanner.take(_QUOTED_INTEGER) or "")[1:-1]
    if not number:
        scanner.expected("a number without quotes")
    return float(number)


def _string(scanner: _Scanner) -> str:
    quoted = scanner.take(_STRING)
    if quoted is None:
        scanner.expected("a string in single or double quotes")
    return _unquoted(quoted)


def _string_list(scanner: _Scanner) -> tuple[str, ...]:
    if scanner.take(_OPEN) is None:
        scanner.expected("a list such as ('a', 'b')")
    strings = [_string(scanner)]
    while scanner.take(_COMMA):
        if scanner.take(_CLOSE):  # as Python spells a tuple of one
            return tuple(strings)
        strings.append(_string(scanner))
    if scanner.take(_CLOSE) is None:
        scanner.expected("a comma or a closing parenthesis")
    return tuple(strings)


def _unquoted(text: str) -> str:
    quote = text[0]
    return text[1:-1].replace(quote * 2, quote)


_OPEN = re.compile(r"\(")
_CLOSE = re.compile(r"\)")
_COMMA = re.compile(r",")
