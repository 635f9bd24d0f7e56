"""Results drawn in lines of text: intervals on a common axis, with zero where nothing differs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from trialbook.cli.texts import number, one_line
from trialbook.results import (
    Difference,
    Interval,
    MetricResult,
    Results,
    VariantResult,
    Verdict,
    verdict_of,
)
from trialbook.results_table import (
    ALWAYS_VALID,
    PLANNED_ONLY,
    aligned,
    chance,
    heading,
    percent,
    signed,
    signed_percent,
    span,
    title,
    warnings,
)

Line: TypeAlias = Sequence[tuple[str, str]]
"""Pieces of text, each with its style."""

_LEAST: Final = 16
_ENOUGH: Final = 24
"""Columns below which the words beside an interval make room for it."""
_MOST: Final = 60
_GAP: Final = 2
_INDENT: Final = "  "
_STYLES: Final = {"better": "green", "worse": "red", "undecided": "yellow"}


@dataclass(frozen=True)
class Glyphs:
    """What an interval is drawn with: `├──●──┤`, and `│` at zero."""

    left: str
    right: str
    line: str
    point: str
    zero: str
    crossing: str


UNICODE: Final = Glyphs("├", "┤", "─", "●", "│", "┼")
ASCII: Final = Glyphs("[", "]", "-", "o", "|", "+")


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, with zero between them or at an end, on so many columns."""

    low: float
    high: float
    columns: int

    @classmethod
    def over(cls, intervals: Iterable[Interval], columns: int) -> Axis:
        """As long as takes all of them, and zero."""
        ends = [end for each in intervals for end in _ends(each)]
        low, high = min(0.0, *ends, 0.0), max(0.0, *ends, 0.0)
        return cls(low, high if high > low else low + 1.0, columns)

    def column(self, value: float) -> int:
        # each divided first: the difference of two doubles may be none
        span = self.high / 2 - self.low / 2
        return round((value / 2 - self.low / 2) / span * (self.columns - 1))

    def draw(self, interval: Interval, estimate: float | None, glyphs: Glyphs) -> str:
        """The interval with its estimate; only zero when it has no ends."""
        cells = [" "] * self.columns
        zero = self.column(0.0)
        cells[zero] = glyphs.zero
        ends = _ends(interval)
        if len(ends) == 2:
            left, right = self.column(ends[0]), self.column(ends[1])
            cells[left : right + 1] = glyphs.line * (right + 1 - left)
            if left < zero < right:
                cells[zero] = glyphs.crossing
            cells[left], cells[right] = glyphs.left, glyphs.right
            if estimate is not None and math.isfinite(estimate):
                cells[min(max(self.column(estimate), left), right)] = glyphs.point
        return "".join(cells)

    def labels(self) -> str:
        """What stands below: zero, and the ends where there is room."""
        cells = [" "] * self.columns
        zero = self.column(0.0)
        cells[zero] = "0"
        for value, to_left in ((self.low, True), (self.high, False)):
            text = f"{value:.3g}"
            start = 0 if to_left else self.columns - len(text)
            beside = start + len(text) < zero if to_left else start > zero + 1
            if value != 0 and beside:
                cells[start : start + len(text)] = text
        return "".join(cells).rstrip()


def drawn(results: Results, *, width: int, glyphs: Glyphs, fixed: bool) -> list[Line]:
    """All of the results: intervals as wide as there is room for, what is text as long as it is.

    Warnings first; `fixed` adds what holds at the planned sample size only.
    """
    lines: list[Line] = [
        [(f"WARNING {text}", "bold red" if text.startswith("sample_ratio") else "yellow")]
        for text in warnings(results)
    ]
    lines.append([(title(results), "bold")])
    level = percent(results.confidence)
    lines.append([(f"{level} intervals of the difference, {ALWAYS_VALID}", "")])
    lines += _metrics(results, results.metrics, width, glyphs, fixed)
    if results.dimension is not None:
        for value, segment in results.dimension.values.items():
            lines += [[], [(one_line(f"{results.dimension.key} = {value}"), "bold underline")]]
            lines += _metrics(results, segment.metrics, width, glyphs, fixed)
    if not results.metrics:
        lines += [[], [("no metrics yet", "")]]
    return lines


def _metrics(
    results: Results,
    metrics: Mapping[str, MetricResult],
    width: int,
    glyphs: Glyphs,
    fixed: bool,
) -> Iterator[Line]:
    for name, metric in metrics.items():
        yield []
        yield [(heading(name, metric), "bold")]
        # the values of a dimension have none
        quantiles = [q for q in ("p50", "p90") if any(_has(v, q) for v in metric.variants.values())]
        for line in aligned(
            ["VARIANT", "UNITS", "MEAN", *(q.upper() for q in quantiles)],
            [_cells(key, found, quantiles) for key, found in metric.variants.items()],
        ):
            yield [(_INDENT + line, "")]
        yield from _intervals(metric, results.baseline, width, glyphs)
        if fixed:
            yield from _fixed(metric, results)


def _has(found: VariantResult, quantile: str) -> bool:
    return found.quantiles.get(quantile) is not None


def _cells(key: str, found: VariantResult, quantiles: Sequence[str]) -> Sequence[str]:
    values = (found.mean, *(found.quantiles.get(quantile) for quantile in quantiles))
    shown = ["" if value is None else number(value) for value in values]
    return [one_line(key), str(found.units), *shown]


@dataclass(frozen=True)
class _Row:
    """An interval with what stands before and behind it."""

    key: str
    told: str
    interval: Interval
    estimate: float | None
    verdict: Verdict
    more: str


def _intervals(metric: MetricResult, baseline: str, width: int, glyphs: Glyphs) -> Iterator[Line]:
    rows = [row for key in metric.variants if key != baseline for row in _rows(key, metric)]
    drawn = [row for row in rows if _ends(row.interval)]
    key_width = max((len(row.key) for row in rows), default=0)
    told_width = max((len(row.told) for row in drawn), default=0)
    left = len(_INDENT) + key_width + _GAP + told_width + _GAP
    rights = [f"{row.verdict}{row.more}" for row in drawn]
    room = width - left - _GAP - max(map(len, rights), default=0)
    if room < _ENOUGH:
        rights = [str(row.verdict) for row in drawn]
        room = width - left - _GAP - max(map(len, rights), default=0)
    axis = Axis.over((row.interval for row in drawn), min(max(room, _LEAST), _MOST))
    right = iter(rights)
    for row in rows:
        before = f"{_INDENT}{row.key:<{key_width}}  "
        if not _ends(row.interval):
            yield [(before + row.told, "")]
            continue
        picture = axis.draw(row.interval, row.estimate, glyphs)
        style = _STYLES[row.verdict]
        yield [
            (f"{before}{row.told:<{told_width}}  ", ""),
            (picture, style),
            (f"  {next(right)}", style),
        ]
    if drawn:
        yield [(" " * left + axis.labels(), "")]


def _rows(key: str, metric: MetricResult) -> Iterator[_Row]:
    """Of a variant: its interval or why there is none, and that with covariates."""
    found = metric.variants[key]
    difference = found.difference or Difference()
    interval = difference.always_valid
    if not _ends(interval):
        reason = one_line(found.reason or "too little data")
        yield _Row(one_line(key), reason, interval, None, "undecided", "")
        return
    relative = signed_percent(difference.relative)
    told = signed(difference.absolute) + (f" ({relative})" if relative else "")
    chances = chance(difference.chance_to_beat)
    more = f", {chances} to win" if chances else ""
    if difference.guardrail is not None and difference.guardrail.verdict != "undecided":
        more += f", {difference.guardrail.verdict}"
    yield _Row(one_line(key), told, interval, difference.absolute, metric.verdict(key), more)
    if difference.cuped is not None:
        adjusted = difference.cuped
        verdict = verdict_of(metric.goal, adjusted.always_valid)
        yield _Row(
            "",
            signed(adjusted.absolute),
            adjusted.always_valid,
            adjusted.absolute,
            verdict,
            ", with covariates",
        )


def _fixed(metric: MetricResult, results: Results) -> Iterator[Line]:
    planned = "" if results.planned_units is None else f" of {results.planned_units} units"
    told = [
        f"{one_line(key)} {span(found.difference.fixed)}{_p(found.difference)}"
        for key, found in metric.variants.items()
        if found.difference is not None and _ends(found.difference.fixed)
    ]
    if told:
        yield [(f"{_INDENT}Welch, {PLANNED_ONLY}{planned}:", "dim")]
        for text in told:
            yield [(f"{_INDENT * 2}{text}", "dim")]


def _p(difference: Difference) -> str:
    adjusted, p_value = difference.fixed.adjusted_p_value, difference.fixed.p_value
    if adjusted is not None:
        return f", adjusted p {adjusted:.3g}"
    return "" if p_value is None else f", p {p_value:.3g}"


def _ends(interval: Interval) -> list[float]:
    """Both, or none when there is not much to draw."""
    ends = [end for end in (interval.low, interval.high) if end is not None and math.isfinite(end)]
    return ends if len(ends) == 2 else []
