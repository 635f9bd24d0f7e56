"""Results of A/B experiments: from the aggregates to what one may believe.

Reading costs the same for a hundred logs and for a hundred million: it reads the aggregates of the
days asked for, never logs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from chalicelib.core.context import Context
from chalicelib.core.errors import Invalid
from chalicelib.core.ids import TenantId
from chalicelib.core.model.experiment import Experiment
from chalicelib.core.model.variant_log import Definition
from chalicelib.core.model.variant_results import (
    BreakdownResult,
    ExposureResult,
    MetricResult,
    Results,
    SampleRatioResult,
    SegmentResult,
    WarningResult,
)
from chalicelib.core.model.variant_sums import Cell, MetricCell
from chalicelib.domain import (
    sample_ratio,
    statistics,
    variant_intake,
    variant_metrics,
    variant_units,
)
from chalicelib.domain.sample_ratio import Epoch
from chalicelib.domain.variant_intake import VariantStores
from chalicelib.domain.variant_metrics import Question
from chalicelib.storage.variant_cells import CellStore

MISMATCH_ALPHA: Final = 0.001
"""How seldom a mismatch may be declared where there is none."""
FEW_UNITS: Final = 10
"""Intervals are asymptotic: they hold for not too few units."""
DEFAULT_CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the results is wanted. Days are whole, in UTC: units count on the day of their first
    log, with all they ever logged."""

    metric: str | None = None
    baseline: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    confidence: float = DEFAULT_CONFIDENCE
    dimension: str | None = None


def results(
    stores: VariantStores, cells: CellStore, context: Context, slug: str, asked: Asked
) -> Results:
    """Two reads and a query per MB of aggregates, as much again for a dimension. Raises NotFound,
    Invalid for a baseline, metric or dimension that the experiment does not have."""
    definition = variant_intake.find(stores, context, slug)
    question = _question(definition, asked)
    with variant_units.exact():
        found = _Read(context.tenant, cells, definition, asked)
        total = found.total()
        segments = None if asked.dimension is None else found.by_value(asked.dimension)
    metrics = _metrics(question, total)
    variant_metrics.adjust(metrics.values(), by_discovery_rate=False)
    experiment = definition.experiment
    srm = _sample_ratio(experiment, total)
    shown = {name: one for name, one in metrics.items() if asked.metric in (None, name)}
    return {
        "experiment": experiment.slug,
        "status": experiment.status,
        "from": asked.from_ms,
        "to": asked.to_ms,
        "days": _span(found.days),
        "baseline": question.baseline,
        "confidence": asked.confidence,
        "planned_units": experiment.planned_units,
        "exposures": _exposures(question, total),
        "srm": srm,
        "metrics": shown,
        "dimension": None if segments is None else _breakdown(question, asked, segments),
        "warnings": _warnings(question, total, srm, shown),
    }


def _question(definition: Definition, asked: Asked) -> Question:
    experiment, register = definition.experiment, definition.register
    keys = [variant.key for variant in experiment.variants]
    if not keys:
        raise Invalid("the experiment has no variants to compare")
    baseline = keys[0] if asked.baseline is None else asked.baseline
    if baseline not in keys:
        known = ", ".join(keys)
        raise Invalid.field("baseline", f"is no variant of the experiment; it has {known}"[:500])
    known_metrics = register.metrics | experiment.metric_goals.keys() | experiment.guardrails.keys()
    if asked.metric is not None and asked.metric not in known_metrics:
        raise Invalid.field("metric", "no log has it, and the experiment declares no such metric")
    dimensions = {*experiment.dimensions, *register.dimensions}
    if asked.dimension is not None and asked.dimension not in dimensions:
        known = ", ".join(sorted(dimensions)) or "none"
        raise Invalid.field("dimension", f"is not declared on the experiment; it has {known}"[:500])
    return Question(experiment, baseline, asked.confidence)


class _Read:
    """The aggregates that were asked for, added up as they are read."""

    def __init__(
        self, tenant: TenantId, cells: CellStore, definition: Definition, asked: Asked
    ) -> None:
        self._tenant = tenant
        self._cells = cells
        self._definition = definition
        self._first = None if asked.from_ms is None else variant_units.day_of(asked.from_ms)
        self._last = None if asked.to_ms is None else variant_units.day_of(asked.to_ms)
        self.days: set[str] = set()

    def total(self) -> Cell:
        """Of all units."""
        total: Cell = {}
        for day, _, cell in self._read(None):
            variant_units.merge(total, cell)
            if cell:
                self.days.add(day)
        return total

    def by_value(self, dimension: str) -> dict[str, Cell]:
        """Of the units with each value of a dimension."""
        found: dict[str, Cell] = {}
        for _, value, cell in self._read(dimension):
            variant_units.merge(found.setdefault(value, {}), cell)
        return {value: cell for value, cell in sorted(found.items()) if cell}

    def _read(self, dimension: str | None) -> Iterable[tuple[str, str, Cell]]:
        lanes = self._cells.read(
            self._tenant,
            self._definition.experiment.id,
            self._definition.register.generation,
            dimension,
            self._first,
            self._last,
        )
        return ((place.day, place.value, cell) for place, cell in lanes)


def _metrics(question: Question, cell: Cell) -> dict[str, MetricResult]:
    """Every metric that is declared or was logged, the declared ones first."""
    declared = [*question.experiment.metric_goals, *question.experiment.guardrails]
    logged = sorted({name for sums in cell.values() for name in sums.metrics})
    return {
        name: variant_metrics.metric_result(question, name, _of_metric(cell, name))
        for name in dict.fromkeys([*declared, *logged])
    }


def _of_metric(cell: Cell, name: str) -> Mapping[str, MetricCell]:
    return {variant: sums.metrics[name] for variant, sums in cell.items() if name in sums.metrics}


def _exposures(question: Question, cell: Cell) -> dict[str, ExposureResult]:
    return {
        variant: {
            "units": cell[variant].units if variant in cell else 0,
            "logs": cell[variant].logs if variant in cell else 0,
        }
        for variant in question.variants
    }


def _breakdown(question: Question, asked: Asked, segments: Mapping[str, Cell]) -> BreakdownResult:
    found = {value: _metrics(question, cell) for value, cell in segments.items()}
    variant_metrics.adjust(
        [metric for metrics in found.values() for metric in metrics.values()],
        by_discovery_rate=True,
    )
    values: dict[str, SegmentResult] = {
        value: {
            "exposures": _exposures(question, segments[value]),
            "metrics": {name: one for name, one in metrics.items() if asked.metric in (None, name)},
        }
        for value, metrics in found.items()
    }
    assert asked.dimension is not None
    return {"key": asked.dimension, "values": values}


def _sample_ratio(experiment: Experiment, cell: Cell) -> SampleRatioResult:
    """Units are counted in the variant they were first seen in, those that were seen in another
    later included: leaving them out is no matter of chance."""
    epochs = list(_epochs(experiment, cell))
    if not any(count for epoch in epochs for count in epoch.counts):
        return {"p_value": None, "bayes_factor": None, "mismatch": False}
    concentration = statistics.mixture_rho(experiment.planned_units, MISMATCH_ALPHA)
    found = sample_ratio.sample_ratio(epochs, concentration)
    p_value: float | None = min(1.0, 1 / found.bayes_factor) if found.bayes_factor else 1.0
    if experiment.status == "completed":
        p_value = found.p_value
    return {
        "p_value": p_value,
        "bayes_factor": found.bayes_factor,
        "mismatch": p_value is not None and p_value < MISMATCH_ALPHA,
    }


def _epochs(experiment: Experiment, cell: Cell) -> Iterator[Epoch]:
    """Units that are first seen in a variant after its weight became 0 had got it before, and tell
    nothing of the weights."""
    had_weight: set[str] = set()
    for number, change in enumerate(experiment.weight_changes):
        counts: list[int] = []
        for variant in experiment.variants:
            is_late = variant.key in had_weight and not change.weights.get(variant.key)
            sums = cell.get(variant.key)
            counts.append(0 if sums is None or is_late else sums.assigned.get(number, 0))
        had_weight |= {key for key, weight in change.weights.items() if weight > 0}
        yield Epoch(counts, [change.weights.get(one.key, 0) for one in experiment.variants])


def _span(days: set[str]) -> int:
    """Days from the first to the last with units."""
    if not days:
        return 0
    first, last = date.fromisoformat(min(days)), date.fromisoformat(max(days))
    return (last - first + timedelta(days=1)).days


def _warnings(
    question: Question,
    cell: Cell,
    srm: SampleRatioResult,
    metrics: Mapping[str, MetricResult],
) -> list[WarningResult]:
    found: list[WarningResult] = []

    def warn(code: str, message: str) -> None:
        found.append({"code": code, "message": message})

    units = sum(sums.units for sums in cell.values())
    crossed = sum(sums.crossed for sums in cell.values())
    own = sum(sums.own for sums in cell.values())
    not_finite = {
        name: count
        for name in metrics
        if (count := sum(one.sums.not_finite for one in _of_metric(cell, name).values()))
    }
    if srm["mismatch"]:
        warn(
            "sample_ratio_mismatch",
            "the variants do not have as many units as their weights say; find out why before"
            " believing any difference",
        )
    if not units:
        warn("no_units", "no unit counts yet: nothing was logged, or it is being added up")
    if crossed:
        warn("units_in_several_variants", f"{crossed} units were seen in more than one variant"
             " and are left out")  # fmt: skip
    if own:
        warn("logs_without_unit", f"{own} logs name no unit and count as one each; if a user can"
             " have several, intervals are too narrow: send unitId, or set unit_key")  # fmt: skip
    for name, count in sorted(not_finite.items()):
        warn("values_not_finite", f"{count} values of {name} are NaN or infinite and left out")
    missing = [variant for variant in question.variants if variant not in cell]
    few = [name for name, sums in cell.items() if 0 < sums.units < FEW_UNITS]
    if few:
        warn("few_units", f"fewer than {FEW_UNITS} units in {', '.join(few)}: too few for any"
             " interval to be relied on"[:500])  # fmt: skip
    if units and missing:
        warn("variants_without_units", f"nothing was logged for {', '.join(missing)}"[:500])
    return found
