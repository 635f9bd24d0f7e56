"""What one metric says about the variants of an A/B experiment."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Final, Literal, TypeAlias

from chalicelib.core.model.experiment import Experiment, Goal, Guardrail
from chalicelib.core.model.variant_results import (
    AlwaysValidResult,
    CupedResult,
    DifferenceResult,
    FixedResult,
    GoalSource,
    GuardrailResult,
    IntervalResult,
    MetricResult,
    Role,
    VariantResult,
)
from chalicelib.core.model.variant_sums import MetricCell, MetricSums
from chalicelib.domain import arms, multiple_testing, sketch, statistics
from chalicelib.domain.arms import Arm
from chalicelib.domain.metric_goals import goal_from_name
from chalicelib.domain.statistics import Effect

QUANTILES: Final[Mapping[Literal["p50", "p90", "p99"], float]] = {
    "p50": 0.5,
    "p90": 0.9,
    "p99": 0.99,
}
SKETCH_ACCURACY: Final = 0.01
MOST: Final = sys.float_info.max
Method: TypeAlias = Callable[[Sequence[float | None]], list[float | None]]


@dataclass(frozen=True, slots=True)
class Question:
    """How the variants are compared."""

    experiment: Experiment
    baseline: str
    confidence: float

    @property
    def alpha(self) -> float:
        return 1 - self.confidence

    @property
    def variants(self) -> list[str]:
        return [variant.key for variant in self.experiment.variants]

    def goal(self, metric: str) -> tuple[Goal, GoalSource]:
        """Which way the metric is better, and who says so."""
        declared = self.experiment.metric_goals.get(metric)
        return (goal_from_name(metric), "name") if declared is None else (declared, "experiment")

    def role(self, metric: str) -> Role:
        """Metrics with a goal are to succeed; all do where none has one."""
        if metric in self.experiment.guardrails:
            return "guardrail"
        goals = self.experiment.metric_goals.keys() - self.experiment.guardrails.keys()
        return "success" if metric in goals or not goals else "other"


def metric_result(question: Question, metric: str, cells: Mapping[str, MetricCell]) -> MetricResult:
    """A metric by variant, each but the baseline beside it; cells of variants without it may be
    missing. p-values are not adjusted yet: see `adjust`."""
    goal, source = question.goal(metric)
    baseline = cells.get(question.baseline, MetricCell()).sums
    variants: dict[str, VariantResult] = {}
    for variant in question.variants:
        cell = cells.get(variant, MetricCell())
        found = _described(cell, question.alpha)
        found["reason"] = _reason(cell.sums)
        if variant != question.baseline:
            found["difference"] = _difference(question, metric, goal, baseline, cell.sums)
            if found["reason"] is None and (why := _reason(baseline)) is not None:
                found["reason"] = f"the baseline has {why}"
            if found["reason"] is None and found["difference"]["always_valid"]["low"] is None:
                is_known = found["difference"]["absolute"] is not None
                found["reason"] = (
                    "no variance: all units are alike" if is_known else "numbers too large to add"
                )
        variants[variant] = found
    return {
        "goal": goal,
        "goal_source": source,
        "role": question.role(metric),
        "variants": variants,
    }


def _reason(sums: MetricSums) -> str | None:
    if sums.units == 0:
        return "no values"
    return "fewer than 2 units" if sums.units < 2 else None


def _described(cell: MetricCell, alpha: float) -> VariantResult:
    sums, counts = cell.sums, cell.sketch
    of_quantiles = {name: sketch.quantile(counts, q) for name, q in QUANTILES.items()}
    around = {name: _quantile_interval(cell, q, alpha) for name, q in QUANTILES.items()}
    return {
        "units": sums.units,
        "logs": sums.logs,
        "mean": _mean(sums),
        "sd": arms.log_sd(sums),
        "min": sketch.lowest(counts),
        "max": sketch.highest(counts),
        "quantiles": {
            "p50": of_quantiles["p50"],
            "p90": of_quantiles["p90"],
            "p99": of_quantiles["p99"],
        },
        "quantile_intervals": {
            "p50": around["p50"],
            "p90": around["p90"],
            "p99": around["p99"],
        },
        "difference": None,
        "reason": None,
    }


def _mean(sums: MetricSums) -> float | None:
    """Per log, of one unit too."""
    if not sums.logs:
        return None
    mean = Fraction(sums.total) / sums.logs
    return float(mean) if abs(mean) <= MOST else None


def _quantile_interval(cell: MetricCell, q: float, alpha: float) -> IntervalResult:
    """By order statistics of as many logs as tell as much as these do, widened by what the sketch
    may be off."""
    units = min(arms.effective_units(cell.sums), cell.sums.units)
    ranks = statistics.quantile_ranks(units, q, alpha)
    if ranks is None or not cell.sketch:
        return {"low": None, "high": None}
    each = cell.sums.logs / units
    low = None if ranks.low is None else _off(cell, floor((ranks.low - 1) * each) + 1, -1)
    high = None if ranks.high is None else _off(cell, ceil(ranks.high * each), 1)
    return {"low": low, "high": high}


def _off(cell: MetricCell, rank: int, direction: int) -> float:
    value = sketch.value_at_rank(cell.sketch, min(rank, cell.sums.logs))
    return value + direction * SKETCH_ACCURACY * abs(value)


def _difference(
    question: Question, metric: str, goal: Goal, baseline: MetricSums, sums: MetricSums
) -> DifferenceResult:
    control, treatment = arms.arm(baseline), arms.arm(sums)
    effect = control and treatment and statistics.difference(control, treatment)
    lift = control and treatment and statistics.relative_lift(control, treatment)
    belief = effect and statistics.posterior(effect, goal)
    return {
        "absolute": effect and effect.value,
        "relative": lift and lift.value,
        "always_valid": _always_valid(question, effect),
        "fixed": _fixed(question, control, treatment),
        "relative_interval": _interval(_always_valid(question, lift)),
        "chance_to_beat": belief and belief.chance_to_beat,
        "expected_loss": belief and belief.expected_loss,
        "guardrail": _guardrail(question, metric, goal, control, treatment),
        "cuped": _cuped(question, baseline, sums),
    }


def _interval(found: AlwaysValidResult) -> IntervalResult:
    return {"low": found["low"], "high": found["high"]}


def _always_valid(question: Question, effect: Effect | None) -> AlwaysValidResult:
    planned = question.experiment.planned_units
    found = effect and statistics.always_valid(effect, question.alpha, planned)
    return {
        "low": found and found.low,
        "high": found and found.high,
        "p_value": found and found.p_value,
        "adjusted_p_value": None,
    }


def _fixed(question: Question, control: Arm | None, treatment: Arm | None) -> FixedResult:
    found = control and treatment and statistics.welch(control, treatment, question.alpha)
    return {
        "method": "welch",
        "low": found and found.low,
        "high": found and found.high,
        "p_value": found and found.p_value,
        "adjusted_p_value": None,
        "df": found and found.degrees_of_freedom,
    }


def _guardrail(
    question: Question, metric: str, goal: Goal, control: Arm | None, treatment: Arm | None
) -> GuardrailResult | None:
    rail = question.experiment.guardrails.get(metric)
    if rail is None:
        return None
    if control is None or treatment is None:
        return {"margin": rail.margin, "kind": rail.kind, "verdict": "undecided", "bound": None}
    found = statistics.non_inferiority(
        control, treatment, rail, goal, question.alpha, question.experiment.planned_units
    )
    return {
        "margin": rail.margin,
        "kind": rail.kind,
        "verdict": found.verdict,
        "bound": None if found.low is None else _bound(rail, control, found.low),
    }


def _bound(rail: Guardrail, control: Arm, room: float) -> float | None:
    if rail.kind == "absolute":
        return rail.margin - room
    return rail.margin - room / abs(control.mean) if control.mean else None


def _cuped(question: Question, baseline: MetricSums, sums: MetricSums) -> CupedResult | None:
    found = arms.cuped(baseline, sums)
    if found is None:
        return None
    effect = statistics.difference(found.control, found.treatment)
    return {
        "theta": found.theta,
        "variance_reduction": found.variance_reduction,
        "absolute": effect and effect.value,
        "always_valid": _always_valid(question, effect),
        "fixed": _fixed(question, found.control, found.treatment),
    }


# -- several tests at once ---------------------------------------------------------------------


def adjust(metrics: Iterable[MetricResult], *, by_discovery_rate: bool) -> None:
    """Adjust the p-values of all success metrics in all variants for each other: by Holm, or by
    Benjamini and Hochberg's rate of false discoveries."""
    found = [
        difference
        for metric in metrics
        if metric["role"] == "success"
        for variant in metric["variants"].values()
        if (difference := variant["difference"]) is not None
    ]
    method = multiple_testing.benjamini_hochberg if by_discovery_rate else multiple_testing.holm
    _adjust([one["always_valid"] for one in found], method)
    _adjust([one["fixed"] for one in found], method)
    with_covariates = [one["cuped"] for one in found if one["cuped"] is not None]
    _adjust([one["always_valid"] for one in with_covariates], method)
    _adjust([one["fixed"] for one in with_covariates], method)


def _adjust(tests: Sequence[AlwaysValidResult] | Sequence[FixedResult], method: Method) -> None:
    for test, p_value in zip(tests, method([one["p_value"] for one in tests]), strict=True):
        test["adjusted_p_value"] = p_value
