"""`trialbook results`: how the variants of an experiment compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from trialbook.cli.completion import complete_experiment, complete_variant
from trialbook.cli.failures import say
from trialbook.cli.options import command
from trialbook.cli.output import Column, console, is_terminal, print_json, print_table
from trialbook.cli.session import Session

if TYPE_CHECKING:
    from trialbook.results import MetricResult, Results, VariantResult


def register(app: typer.Typer, panel: str) -> None:
    command(app, "results", panel=panel)(results)


def results(
    session: Session,
    slug: Annotated[
        str,
        typer.Argument(
            metavar="SLUG", help="The experiment's slug.", autocompletion=complete_experiment
        ),
    ],
    metric: Annotated[str | None, typer.Option(metavar="KEY", help="Only this one.")] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="VARIANT",
            help="What the others are compared with; the first.",
            autocompletion=complete_variant,
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DAY", help="Units first seen on this day (UTC) or later.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="Units first seen on this day or earlier.")
    ] = None,
    confidence: Annotated[
        float, typer.Option(min=0.5, max=0.9999, help="Of the intervals.")
    ] = 0.95,
    dimension: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="By the values of this key of the context too."),
    ] = None,
    fixed: Annotated[
        bool,
        typer.Option(
            "--fixed", help="Welch's intervals too: valid only at the planned sample size."
        ),
    ] = False,
) -> None:
    """Compare the variants of an experiment: means, and the intervals of their differences.

    The intervals are always valid: look as often as you like, and stop when you like. One that is
    beside zero says that the variant is better, or worse, than the baseline.

    \b
    Examples:
      trialbook results checkout
      trialbook results checkout --metric latency_ms --since 2026-11-01 --dimension country
      trialbook results checkout --json | jq .srm
    """
    with session.client() as client:
        found = client.experiment(slug).results(
            metric,
            baseline=baseline,
            since=since,
            until=until,
            confidence=confidence,
            dimension=dimension,
        )
    if session.as_json:
        print_json(found)
    elif is_terminal():
        _draw(session, found, fixed)
    else:
        _print(session, found, fixed)


def _draw(session: Session, found: Results, fixed: bool) -> None:
    from rich.text import Text

    from trialbook.cli.intervals import ASCII, UNICODE, drawn

    out = console(session)
    glyphs = ASCII if out.options.ascii_only else UNICODE
    for line in drawn(found, width=out.width, glyphs=glyphs, fixed=fixed):
        out.print(Text.assemble(*line), soft_wrap=True)


def _print(session: Session, found: Results, fixed: bool) -> None:
    """A line for each metric and variant, warnings on stderr."""
    from trialbook.results_table import warnings

    if not session.quiet:
        for text in warnings(found):
            say(f"warning: {text}")
    titles = ["METRIC", "VARIANT", "UNITS", "LOGS", "MEAN", "SD", "P50", "P90", "P99"]
    titles += ["DIFFERENCE", "LOW", "HIGH", "P", "RELATIVE", "CHANCE TO BEAT", "VERDICT", "REASON"]
    titles += ["WELCH LOW", "WELCH HIGH", "WELCH P"] if fixed else []
    rows = list(_rows(found.metrics, fixed))
    if found.dimension is not None:
        titles.insert(0, found.dimension.key)
        rows = [("", *row) for row in rows]
        for value, segment in found.dimension.values.items():
            rows += [(value, *row) for row in _rows(segment.metrics, fixed)]
    print_table(session, [Column(name) for name in titles], rows)


def _rows(metrics: Mapping[str, MetricResult], fixed: bool) -> Iterator[tuple[object, ...]]:
    for name, metric in metrics.items():
        for key, found in metric.variants.items():
            verdict = None if found.difference is None else metric.verdict(key)
            yield (name, key, *_values(found, verdict, fixed))


def _values(found: VariantResult, verdict: str | None, fixed: bool) -> Iterator[object]:
    from trialbook.results import Difference

    yield from (found.units, found.logs, found.mean, found.sd)
    yield from (found.quantiles.get(name) for name in ("p50", "p90", "p99"))
    difference = found.difference or Difference()
    interval, welch = difference.always_valid, difference.fixed
    yield from (difference.absolute, interval.low, interval.high, interval.p_value)
    yield from (difference.relative, difference.chance_to_beat, verdict, found.reason)
    if fixed:
        yield from (welch.low, welch.high, welch.p_value)
