"""Results as text: warnings, what they are of, then a table for each metric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from trialbook.cli.texts import number, one_line
from trialbook.results import Interval, MetricResult, Results, VariantResult

_GAP: Final = "  "
ALWAYS_VALID: Final = "always valid: look as often as you like"
PLANNED_ONLY: Final = "valid only at the planned sample size"


def table(results: Results) -> str:
    """Lines of text, with no newline at the end."""
    lines = [*(f"WARNING {text}" for text in warnings(results)), title(results)]
    level = percent(results.confidence)
    for name, metric in results.metrics.items():
        lines += ["", *_metric(name, metric, results.baseline, level)]
    if results.dimension is not None:
        for value, segment in results.dimension.values.items():
            lines += ["", one_line(f"{results.dimension.key} = {value}")]
            for name, metric in segment.metrics.items():
                lines += ["", *_metric(name, metric, results.baseline, level)]
    if not results.metrics:
        lines += ["", "no metrics yet"]
    return "\n".join(lines)


def title(results: Results) -> str:
    """What they are of: experiment, time, baseline, how many units each variant has."""
    told = [f"{results.experiment} ({results.status})" if results.status else results.experiment]
    if results.days is not None:
        told.append(f"{number(results.days)} day{'' if results.days == 1 else 's'}")
    if results.since is not None or results.until is not None:
        told.append(f"{_day(results.since)} to {_day(results.until)}")
    told.append(f"baseline {results.baseline}")
    for key, seen in results.exposures.items():
        told.append(f"{key}: {seen.units} unit{'' if seen.units == 1 else 's'}")
    return one_line(", ".join(told))


def warnings(results: Results) -> list[str]:
    """A line for each, a mismatch of the sample ratio first."""
    ordered = sorted(results.warnings, key=lambda found: found.code != "sample_ratio_mismatch")
    return [one_line(f"{found.code}: {found.message}") for found in ordered]


def heading(name: str, metric: MetricResult) -> str:
    """The metric, what is better, and its role when it has one."""
    role = f", {metric.role}" if metric.role not in {"other", ""} else ""
    return one_line(f"{name} ({metric.goal} is better{role})")


def percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{number(round(100 * fraction, 6))}%"


def signed_percent(fraction: float | None) -> str:
    """To a tenth: `-4.8%`."""
    return "" if fraction is None else f"{100 * fraction:+.1f}%"


def chance(fraction: float | None) -> str:
    """To a tenth, and never certain: `99.1%`, `>99.9%`."""
    if fraction is None:
        return ""
    if fraction > 0.999:
        return ">99.9%"
    return "<0.1%" if fraction < 0.001 else f"{100 * fraction:.1f}%"


def signed(value: float | None) -> str:
    """Four digits: more are noise in a difference."""
    return "" if value is None else f"{value:+.4g}"


def span(interval: Interval) -> str:
    """`[-20.3, -1.9]`."""
    if interval.low is None or interval.high is None:
        return ""
    return f"[{signed(interval.low)}, {signed(interval.high)}]"


def _metric(name: str, metric: MetricResult, baseline: str, level: str) -> Iterator[str]:
    yield heading(name, metric)
    yield from aligned(
        ["VARIANT", "UNITS", "MEAN", "DIFFERENCE", f"{level} ALWAYS VALID", "RELATIVE", "TO WIN"],
        [
            (*_cells(key, found, baseline), _remark(key, found, metric, baseline))
            for key, found in metric.variants.items()
        ],
    )


def _cells(key: str, found: VariantResult, baseline: str) -> Sequence[str]:
    mean = "" if found.mean is None else number(found.mean)
    cells = [one_line(key), str(found.units), mean]
    difference = found.difference
    if key == baseline or difference is None:
        return [*cells, "", "", "", ""]
    return [
        *cells,
        signed(difference.absolute),
        span(difference.always_valid),
        signed_percent(difference.relative),
        chance(difference.chance_to_beat),
    ]


def _remark(key: str, found: VariantResult, metric: MetricResult, baseline: str) -> str:
    if key == baseline:
        return "baseline"
    told = one_line(found.reason) if found.reason else metric.verdict(key)
    guardrail = None if found.difference is None else found.difference.guardrail
    if guardrail is None or guardrail.verdict == "undecided":
        return told
    return f"{told}, {guardrail.verdict}"


def aligned(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns: the first to the left, the others to the right; what is after them as it is."""
    count = len(titles)
    columns = range(count)
    widths = [max(len(row[n]) for row in (titles, *rows)) for n in columns]
    for row in (titles, *rows):
        cells = [row[n].rjust(widths[n]) if n else row[n].ljust(widths[n]) for n in columns]
        yield _GAP.join([*cells, *row[count:]]).rstrip()


def _day(ms: int | None) -> str:
    if ms is None:
        return "now"
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):
        return str(ms)
