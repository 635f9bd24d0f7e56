"""What the variants of an experiment came to, with what can be said of their differences."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, TypeVar

from pydantic import BeforeValidator, Field

from trialbook.models import Model

Verdict: TypeAlias = Literal["better", "worse", "undecided"]
T = TypeVar("T")


def _present(value: object) -> object:
    """What is null is a value without numbers: no reader has to ask twice."""
    return {} if value is None else value


Present = Annotated[T, BeforeValidator(_present)]


class Interval(Model):
    low: float | None = None
    high: float | None = None


def verdict_of(goal: str, interval: Interval) -> Verdict:
    """What an interval of a difference says when `goal` (max, min) is better."""
    if interval.low is not None and interval.low > 0:
        return "better" if goal == "max" else "worse"
    if interval.high is not None and interval.high < 0:
        return "worse" if goal == "max" else "better"
    return "undecided"


class AlwaysValid(Interval):
    """Of the difference. True however often one looks; adjusted for the number of metrics."""

    p_value: float | None = None
    adjusted_p_value: float | None = None


class FixedSample(AlwaysValid):
    """Of the difference. Valid only at the planned sample size."""

    method: str = "welch"
    df: float | None = None


class GuardrailResult(Model):
    """Whether a metric is shown not to be worse by more than its margin."""

    margin: float
    kind: str = "relative"
    verdict: str = "undecided"
    bound: float | None = None


class Cuped(Model):
    """The difference with what the covariates explain taken out of its variance."""

    theta: float | None = None
    variance_reduction: float | None = None
    absolute: float | None = None
    always_valid: Present[AlwaysValid] = Field(default_factory=AlwaysValid)
    fixed: Present[FixedSample] = Field(default_factory=FixedSample)


class Difference(Model):
    """To the baseline. `relative` is a fraction of the baseline's mean, its interval always valid.

    `expected_loss` is what choosing this variant costs on average when it is not the better one.
    """

    absolute: float | None = None
    relative: float | None = None
    always_valid: Present[AlwaysValid] = Field(default_factory=AlwaysValid)
    fixed: Present[FixedSample] = Field(default_factory=FixedSample)
    relative_interval: Present[Interval] = Field(default_factory=Interval)
    chance_to_beat: float | None = None
    expected_loss: float | None = None
    guardrail: GuardrailResult | None = None
    cuped: Cuped | None = None


class VariantResult(Model):
    """A metric of a variant: the mean per log, the others over logs too.

    `min`, `max` and quantiles are right to 1%. What there is too little data for is None, and
    `reason` says why.
    """

    units: int = 0
    logs: int = 0
    mean: float | None = None
    sd: float | None = None
    min: float | None = None
    max: float | None = None
    quantiles: Present[dict[str, float | None]] = Field(default_factory=dict[str, float | None])
    """`p50`, `p90` and `p99` of the logged values."""
    quantile_intervals: Present[dict[str, Present[Interval]]] = Field(
        default_factory=dict[str, Interval]
    )
    difference: Difference | None = None
    """None for the baseline."""
    reason: str | None = None


class MetricResult(Model):
    """A metric by variant. `role` is `success`, `guardrail` or `other`."""

    goal: str = "max"
    goal_source: str = "name"
    role: str = "other"
    variants: dict[str, VariantResult] = Field(default_factory=dict[str, VariantResult])

    def verdict(self, variant: str) -> Verdict:
        """`better` or `worse` than the baseline when the always-valid interval is beside zero."""
        found = self.variants.get(variant)
        if found is None or found.difference is None:
            return "undecided"
        return verdict_of(self.goal, found.difference.always_valid)


class Exposure(Model):
    units: int = 0
    logs: int = 0


class SampleRatio(Model):
    """Whether the variants have as many units as their weights say."""

    p_value: float | None = None
    bayes_factor: float | None = None
    mismatch: bool = False


class Segment(Model):
    """The units that have one value of a dimension."""

    exposures: dict[str, Exposure] = Field(default_factory=dict[str, Exposure])
    metrics: dict[str, MetricResult] = Field(default_factory=dict[str, MetricResult])


class Breakdown(Model):
    """The results by the values of a key of the logs' context."""

    key: str
    values: dict[str, Segment] = Field(default_factory=dict[str, Segment])


class ResultWarning(Model):
    code: str
    message: str


class Results(Model):
    """Read from aggregates: it costs the same for any number of logs, and trails them by a second.

    `str()` is a table: warnings first, then each metric with a row for each variant. `since` and
    `until` are milliseconds since the epoch.
    """

    experiment: str
    status: str = ""
    since: int | None = Field(default=None, alias="from")
    until: int | None = Field(default=None, alias="to")
    days: float | None = None
    baseline: str = ""
    confidence: float = 0.95
    planned_units: int | None = None
    exposures: dict[str, Exposure] = Field(default_factory=dict[str, Exposure])
    srm: Present[SampleRatio] = Field(default_factory=SampleRatio)
    metrics: dict[str, MetricResult] = Field(default_factory=dict[str, MetricResult])
    dimension: Breakdown | None = None
    warnings: list[ResultWarning] = Field(default_factory=list[ResultWarning])

    def __str__(self) -> str:
        from trialbook.results_table import table

        return table(self)
