"""`trialbook compare`."""

from __future__ import annotations

from typing import Annotated

import typer

from trialbook.cli.completion import complete_run
from trialbook.cli.failures import usage
from trialbook.cli.options import command, goals
from trialbook.cli.output import Best, Column, print_json, print_table
from trialbook.cli.session import Session
from trialbook.models import Comparison


def register(app: typer.Typer, panel: str) -> None:
    command(app, "compare", panel=panel)(compare)


def compare(
    session: Session,
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN…", help="2 to 10 runs, of any experiments.", autocompletion=complete_run
        ),
    ],
    metric: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="Only this one; may be repeated.")
    ] = None,
    goal: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC=max|min", help="What is better; may be repeated."),
    ] = None,
) -> None:
    """Compare runs: their metrics, the best value of each marked with *, and params that differ.

    \b
    Examples:
      trialbook compare 0197a… 0197b… --metric loss --goal loss=min
    """
    if not 2 <= len(runs) <= 10:
        raise usage(f"2 to 10 runs can be compared, not {len(runs)}")
    if len(set(runs)) < len(runs):
        raise usage("a run is named twice")
    wanted = goals(goal)
    with session.client() as client:
        found = client.runs.compare(runs, metrics=metric or None, goals=wanted or None)
    if session.as_json:
        print_json(found)
    else:
        _print(session, found)


def _print(session: Session, found: Comparison) -> None:
    marks = [str(number) for number in range(1, len(found.runs) + 1)]
    summary = found.comparison
    print_table(
        session,
        [
            Column("#"),
            Column("ID", keep=True),
            Column("NAME", cut=True),
            Column("STATUS"),
            Column("BEST"),
        ],
        [
            (mark, run.run_id, run.name, run.status, "*" if run.run_id == summary.best_run else "")
            for mark, run in zip(marks, found.runs, strict=True)
        ],
    )
    columns = [Column(mark, right=True) for mark in marks]
    print()
    print_table(
        session,
        [Column("METRIC", keep=True), Column("GOAL"), *columns],
        [
            (
                key,
                metric.goal,
                *(
                    Best(metric.all_values[run.run_id])
                    if run.run_id == metric.best_run_id
                    else metric.all_values.get(run.run_id)
                    for run in found.runs
                ),
            )
            for key, metric in summary.metric_comparison.items()
        ],
        empty="no metric to compare",
    )
    if summary.param_differences:
        print()
        print_table(
            session,
            [Column("PARAM", keep=True), *columns],
            [
                (key, *(values.get(run.run_id) for run in found.runs))
                for key, values in summary.param_differences.items()
            ],
        )
