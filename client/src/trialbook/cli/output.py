"""What commands print: tables and details for people, tab-separated text for pipes, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from trialbook._json import spell
from trialbook.cli.failures import say
from trialbook.cli.session import Session
from trialbook.cli.texts import exact, local_time, number, one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


_LEAST: Final = 12
_GAP: Final = 2


@dataclass(frozen=True)
class Column:
    """`keep`: shown however narrow the terminal is. `cut`: may be cut short."""

    title: str
    keep: bool = False
    right: bool = False
    cut: bool = False


@dataclass(frozen=True)
class Best:
    """A value that is marked as the best of its row."""

    value: float


def is_terminal() -> bool:
    """Whether a person reads stdout."""
    return sys.stdout.isatty()


def console(session: Session) -> Console:
    """On stdout, as wide as the terminal."""
    from rich.console import Console

    return Console(no_color=session.is_plain, highlight=False, emoji=False, markup=False)


def print_json(value: object) -> None:
    """Models, artifacts and what is made of them, whole; a list becomes an array."""
    print(json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def plain(value: object) -> Any:
    """As JSON has it: times are RFC 3339 in UTC, NaN and the infinities strings."""
    if isinstance(value, bool | str | int) or value is None:
        return value
    if isinstance(value, float):
        return spell(value)
    if isinstance(value, datetime):
        text = value.astimezone(UTC).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        entries = cast("Mapping[Any, object]", value)
        return {str(key): plain(inner) for key, inner in entries.items()}
    # of models and artifacts; a model is iterable too: over its fields
    if (dump := getattr(value, "model_dump", None)) is not None:
        return plain(dump(by_alias=True))
    if (to_dict := getattr(value, "to_dict", None)) is not None:
        return plain(to_dict())
    if isinstance(value, Iterable):
        return [plain(each) for each in cast("Iterable[object]", value)]
    raise TypeError(f"cannot be printed as JSON: {type(value).__name__}")


def hint(session: Session, text: str) -> None:
    """Something that helps a person, on stderr."""
    if not session.quiet and not session.as_json:
        say(text)


def print_table(
    session: Session,
    columns: Sequence[Column],
    rows: Sequence[Sequence[object]],
    *,
    empty: str = "nothing found",
) -> None:
    """On a terminal fitted to its width; else a line for each row, tabs between, all of it."""
    if not is_terminal():
        print("\t".join(column.title for column in columns))
        for row in rows:
            print("\t".join(_plain_cell(value) for value in row))
        return
    if not rows:
        hint(session, empty)
        return
    out = console(session)
    cells = [[_cell(value) for value in row] for row in rows]
    widths = _fitted(columns, cells, out.width)
    # a terminal that is too narrow for what is kept wraps it; rich would cut it
    out.width = max(out.width, sum(width + _GAP for width in widths.values()))
    out.print(_table(columns, rows, widths))
    left_out = ", ".join(column.title for n, column in enumerate(columns) if n not in widths)
    if left_out:
        hint(session, f"the terminal is too narrow for: {left_out}")


def print_details(session: Session, fields: Mapping[str, object]) -> None:
    """A line for each field that has a value: its name and it."""
    told = {name: value for name, value in fields.items() if value not in (None, "", {}, [])}
    lines = [(name, each) for name, value in told.items() for each in _lines(value)]
    if not is_terminal():
        for name, value in lines:
            print(f"{name}\t{_plain_cell(value)}")
        return
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    before = None
    for name, value in lines:
        grid.add_row(Text("" if name == before else name, "bold"), Text(_cell(value)))
        before = name
    console(session).print(grid)


def print_lines(session: Session, lines: Iterable[str]) -> None:
    """Text that is put together here."""
    if is_terminal():
        out = console(session)
        for line in lines:
            out.print(line, no_wrap=True, overflow="crop")
    else:
        for line in lines:
            print(line)


def _lines(value: object) -> list[object]:
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, object]", value)
        return [f"{key}={_cell(inner)}" for key, inner in entries.items()]
    if isinstance(value, list):
        return cast("list[object]", value)
    return [value]


def _fitted(columns: Sequence[Column], cells: Sequence[Sequence[str]], room: int) -> dict[int, int]:
    """Which columns are shown, and how wide.

    Text is cut, down to a dozen characters; then the last columns that are not kept are left out.
    """
    from rich.cells import cell_len

    natural = [
        max(cell_len(text) for text in (column.title, *(row[n] for row in cells)))
        for n, column in enumerate(columns)
    ]
    least = [
        min(width, _LEAST) if column.cut else width
        for width, column in zip(natural, columns, strict=True)
    ]
    shown = list(range(len(columns)))
    while sum(least[n] + _GAP for n in shown) - _GAP > room:
        spare = [n for n in shown if not columns[n].keep]
        if not spare:
            break
        shown.remove(spare[-1])
    widths = {n: least[n] for n in shown}
    left = room - sum(width + _GAP for width in widths.values()) + _GAP
    for n in shown:
        more = min(max(left, 0), natural[n] - least[n])
        widths[n] += more
        left -= more
    return widths


def _table(
    columns: Sequence[Column], rows: Sequence[Sequence[object]], widths: Mapping[int, int]
) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for n, width in widths.items():
        table.add_column(
            Text(one_line(columns[n].title)),
            width=width,
            no_wrap=True,
            overflow="ellipsis",
            justify="right" if columns[n].right else "left",
        )
    for row in rows:
        marked = [(_cell(row[n]), isinstance(row[n], Best)) for n in widths]
        table.add_row(*(Text(text, "bold green" if best else "") for text, best in marked))
    return table


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case Best():
            return f"{number(value.value)} *"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return number(value)
        case datetime():
            return local_time(value)
        case _:
            return one_line(str(value))


def _plain_cell(value: object) -> str:
    match value:
        case Best():
            return f"{exact(value.value)}*"
        case float():
            return exact(value)
        case _:
            return _cell(value)
