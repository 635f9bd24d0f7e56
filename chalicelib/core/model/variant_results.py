"""Results of an A/B experiment, as they are shown: what there is too little data for is None."""

from __future__ import annotations

from typing import Literal, TypeAlias

from typing_extensions import TypedDict

from chalicelib.core.model.experiment import ExperimentStatus, Goal, MarginKind

Role: TypeAlias = Literal["success", "guardrail", "other"]
GoalSource: TypeAlias = Literal["experiment", "name"]
Verdict: TypeAlias = Literal["non-inferior", "inferior", "undecided"]


class IntervalResult(TypedDict):
    low: float | None
    high: float | None


class AlwaysValidResult(TypedDict):
    """Of the difference, true however often one looks. The adjusted p-value takes account of how
    many metrics, or values of a dimension, are looked at."""

    low: float | None
    high: float | None
    p_value: float | None
    adjusted_p_value: float | None


class FixedResult(TypedDict):
    """Of the difference, valid only at the planned sample size."""

    method: Literal["welch"]
    low: float | None
    high: float | None
    p_value: float | None
    adjusted_p_value: float | None
    df: float | None


class GuardrailResult(TypedDict):
    """`bound`, always-valid and in the margin's unit, is how much worse the variant may be: below
    the margin it is non-inferior."""

    margin: float
    kind: MarginKind
    verdict: Verdict
    bound: float | None


class CupedResult(TypedDict):
    """The difference with what the covariates explain taken out of its variance."""

    theta: float
    variance_reduction: float
    absolute: float | None
    always_valid: AlwaysValidResult
    fixed: FixedResult


class DifferenceResult(TypedDict):
    """From the baseline; `relative` in parts of its mean."""

    absolute: float | None
    relative: float | None
    always_valid: AlwaysValidResult
    fixed: FixedResult
    relative_interval: IntervalResult
    chance_to_beat: float | None
    expected_loss: float | None
    guardrail: GuardrailResult | None
    cuped: CupedResult | None


class QuantilesResult(TypedDict):
    p50: float | None
    p90: float | None
    p99: float | None


class QuantileIntervalsResult(TypedDict):
    p50: IntervalResult
    p90: IntervalResult
    p99: IntervalResult


class VariantResult(TypedDict):
    """A metric of a variant: `mean` per log, `sd`, `min`, `max` and quantiles over logs. `reason`
    says why numbers are missing."""

    units: int
    logs: int
    mean: float | None
    sd: float | None
    min: float | None
    max: float | None
    quantiles: QuantilesResult
    quantile_intervals: QuantileIntervalsResult
    difference: DifferenceResult | None
    reason: str | None


class MetricResult(TypedDict):
    goal: Goal
    goal_source: GoalSource
    role: Role
    variants: dict[str, VariantResult]


class ExposureResult(TypedDict):
    units: int
    logs: int


class SampleRatioResult(TypedDict):
    """While the experiment runs `p_value` is always-valid (1 / Bayes factor), at its end that of
    chi-square."""

    p_value: float | None
    bayes_factor: float | None
    mismatch: bool


class SegmentResult(TypedDict):
    exposures: dict[str, ExposureResult]
    metrics: dict[str, MetricResult]


class BreakdownResult(TypedDict):
    """Results of the units with each value of a dimension."""

    key: str
    values: dict[str, SegmentResult]


class WarningResult(TypedDict):
    code: str
    message: str


# A field is named `from`, which no class body can spell.
Results = TypedDict(
    "Results",
    {
        "experiment": str,
        "status": ExperimentStatus,
        "from": int | None,
        "to": int | None,
        "days": int,
        "baseline": str,
        "confidence": float,
        "planned_units": int,
        "exposures": dict[str, ExposureResult],
        "srm": SampleRatioResult,
        "metrics": dict[str, MetricResult],
        "dimension": BreakdownResult | None,
        "warnings": list[WarningResult],
    },
)
