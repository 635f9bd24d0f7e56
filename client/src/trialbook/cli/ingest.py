"""`trialbook ingest`, and `trialbook ingestions …` to look back."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from trialbook.cli.failures import Failed, code_of, usage
from trialbook.cli.options import command
from trialbook.cli.output import Column, hint, plain, print_details, print_json, print_table
from trialbook.cli.session import Session
from trialbook.cli.texts import one_line, size

if TYPE_CHECKING:
    from trialbook.models import IngestReport
    from trialbook.sync import Client

_STDIN: Final = "-"

app = typer.Typer(no_args_is_help=True, help="Look back at files that were ingested.")


def register(app: typer.Typer, panel: str) -> None:
    command(app, "ingest", panel=panel)(ingest)


@dataclass(frozen=True)
class _Given:
    """A file as it was named, where its bytes are, and the name that the service is told."""

    label: str
    path: Path
    name: str | None = None


def ingest(
    session: Session,
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="JSON Lines, plain or gzip; - reads stdin."),
    ],
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Do not wait until the lines are applied.")
    ] = False,
) -> None:
    """Have the service apply each line of files of JSON Lines: runs, metrics, params, tags, logs.

    One file after another. A line that cannot be applied is refused, told with its number, and the
    rest goes on. Ends with 1 when a line was refused or a file could not be read to its end. The
    same file again is another file: its points count once more.

    \b
    Examples:
      trialbook ingest runs.jsonl points.jsonl.gz
      zcat night-*.gz | trialbook ingest -
      trialbook ingest --no-wait large.jsonl; trialbook ingestions list
    """
    if files.count(_STDIN) > 1:
        raise usage("- is given twice, and stdin can be read once")
    with _given(files) as given, session.client() as client:
        _check(given)
        made: list[dict[str, Any]] = []
        refused = failed = 0
        try:
            for report, told in _each(session, client, given, not no_wait):
                made.append({"file": told.label, **plain(report)})
                refused += report.refused
                failed += report.state == "failed"
                if not session.as_json:
                    _tell(told.label, report)
        finally:
            if session.as_json and made:
                print_json(made)
    if no_wait:
        hint(session, "`trialbook ingestions list` tells how far they are")
    if refused or failed:
        raise Failed(f"lines refused: {refused}; files failed: {failed}")


@command(app, "list")
def list_ingestions(
    session: Session,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
) -> None:
    """List files that were ingested, the newest first.

    \b
    Examples:
      trialbook ingestions list --json | jq -r '.[] | select(.refused > 0) | .ingest_id'
    """
    with session.client() as client:
        found = client.ingestions(limit + 1)
    shown = found[:limit]
    if session.as_json:
        print_json(shown)
        return
    columns = [
        Column("ID", keep=True),
        Column("STATE"),
        Column("FILE", cut=True),
        Column("LINES", right=True),
        Column("APPLIED", right=True),
        Column("REFUSED", right=True),
        Column("BEGUN"),
        Column("BY", cut=True),
        Column("REASON", cut=True),
    ]
    rows = [
        (
            *(each.ingest_id, each.state, each.name, each.lines, each.applied, each.refused),
            *(each.begun_at, each.created_by, each.reason or ""),
        )
        for each in shown
    ]
    print_table(session, columns, rows, empty="no files were ingested")
    if len(found) > limit:
        hint(session, f"{limit} are shown; ask for more with --limit")


@command(app, "show")
def show(
    session: Session,
    ingest_id: Annotated[str, typer.Argument(metavar="ID", help="The file's id.")],
) -> None:
    """Show how far a file has come, and which of its lines were refused."""
    with session.client() as client:
        found = client.ingestion(ingest_id)
    if session.as_json:
        print_json(found)
        return
    fields: dict[str, object] = {
        "id": found.ingest_id,
        "file": found.name,
        "key": found.key,
        "state": found.state,
        "reason": found.reason,
        "size": size(found.size_bytes),
        "lines": found.lines,
        "applied": found.applied,
        "refused": found.refused,
        "begun": found.begun_at,
        "ended": found.ended_at,
        "by": found.created_by,
        "errors": _refused(found),
    }
    print_details(session, fields)


def _check(given: Sequence[_Given]) -> None:
    """Before any file is sent."""
    from trialbook.ingest import look_at

    for each in given:
        try:
            look_at(each.path, each.name)
        except FileNotFoundError:
            raise usage(f"there is no such file: {each.label}") from None


@contextmanager
def _given(files: Sequence[str]) -> Generator[list[_Given]]:
    """What stdin has is kept in a file meanwhile: its size must be known before it is sent."""
    if _STDIN not in files:
        yield [_Given(file, Path(file)) for file in files]
        return
    with tempfile.TemporaryDirectory(prefix="trialbook-") as folder:
        stdin = _Given(_STDIN, Path(folder) / "lines", "stdin.jsonl")
        with stdin.path.open("wb") as spooled:
            shutil.copyfileobj(sys.stdin.buffer, spooled)
        yield [stdin if file == _STDIN else _Given(file, Path(file)) for file in files]


def _each(
    session: Session, client: Client, given: Sequence[_Given], wait: bool
) -> Iterator[tuple[IngestReport, _Given]]:
    for count, each in enumerate(given):
        with _Watch(session, each.label) as watch:
            try:
                report = client.ingest(
                    each.path, name=each.name, wait=wait, check=False, watch=watch
                )
            except Exception as error:
                if len(given) == 1:
                    raise
                told = f"{count} of {len(given)} files are sent; then {each.label}: {error}"
                raise Failed(told, code_of(error)) from error
        yield report, each


class _Watch:
    """On a terminal, a line that says how far the service is."""

    def __init__(self, session: Session, label: str) -> None:
        self._session = session
        self._label = one_line(label)
        self._seen: IngestReport | None = None
        self._status: Any = None

    def __call__(self, report: IngestReport) -> None:
        self._seen = report
        if self._session.quiet or report.is_over or not sys.stderr.isatty():
            return
        if self._status is None:
            from rich.console import Console

            console = Console(stderr=True, no_color=self._session.is_plain, markup=False)
            # begins here: until now a bar may have been shown
            self._status = console.status("")
            self._status.start()
        self._status.update(f"{self._label}: {report.state}, {report.lines} lines")

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._status is not None:
            self._status.stop()
        if kind is not None and self._seen is not None:
            hint(
                self._session,
                f"{self._label} is sent, and the service goes on with it: "
                f"`trialbook ingestions show {self._seen.ingest_id}`",
            )


def _tell(label: str, report: IngestReport) -> None:
    counts = f"applied {report.applied}, refused {report.refused}"
    if report.state == "failed":
        counts = f"failed: {one_line(report.reason or '')}; {counts}"
    elif not report.is_over:
        counts = f"{report.state}  {report.ingest_id}"
    print(f"{one_line(label)}  {counts}", flush=True)
    for line in _refused(report):
        print(f"  {one_line(line)}")


def _refused(report: IngestReport) -> list[str]:
    """`line 17: reason`, and how many more there are."""
    told = [f"line {error.line}: {error.reason}" for error in report.errors]
    more = report.refused - len(told)
    return [*told, f"and {more} more"] if more > 0 else told
