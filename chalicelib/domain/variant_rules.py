"""What may be said of an A/B experiment: its variants and weights, and what may change when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from chalicelib.core.errors import Conflict, Invalid
from chalicelib.core.model.experiment import Experiment, ExperimentStatus, Variant, WeightChange
from chalicelib.core.model.variant_log import Register

WEIGHTS_SUM: Final = 100.0
WEIGHTS_TOLERANCE: Final = 0.01
MAX_WEIGHT_CHANGES: Final = 500

NEXT_STATUSES: Final[Mapping[ExperimentStatus, frozenset[ExperimentStatus]]] = {
    "draft": frozenset({"active"}),
    "active": frozenset({"paused", "completed"}),
    "paused": frozenset({"active", "completed"}),
    "completed": frozenset(),
}


def defined(experiment: Experiment) -> Experiment:
    """A new experiment, its rules checked; the first weights are recorded unless it is a draft.
    Raises Invalid."""
    check_variants(experiment.variants)
    return _with_weights(experiment, experiment.created_at_ms)


def changed(old: Experiment, new: Experiment, now_ms: int) -> Experiment:
    """The experiment after a change, new weights recorded with their time. Raises Invalid,
    Conflict."""
    check_variants(new.variants)
    _check_status(old.status, new.status)
    if old.status == "completed" and new.variants != old.variants:
        raise Conflict("the variants of a completed experiment are fixed", status=old.status)
    if old.started_at_ms is not None:
        for name in ("unit_key", "planned_units"):
            if getattr(new, name) != getattr(old, name):
                raise Conflict(
                    f"{name} is fixed once the experiment has started", status=old.status
                )
    return _with_weights(new, now_ms)


def removed(old: Experiment, new: Experiment) -> frozenset[str]:
    """Keys of variants that a change takes away."""
    return frozenset(variant.key for variant in old.variants) - {
        variant.key for variant in new.variants
    }


def check_removed(keys: frozenset[str], register: Register) -> None:
    """Raises Conflict for variants that have logs."""
    logged = sorted(keys & register.variants)
    if logged:
        raise Conflict(
            "a variant that has logs cannot be removed; give it the weight 0", variants=logged
        )


def check_variants(variants: Sequence[Variant]) -> None:
    """Raises Invalid unless keys are distinct and weights add up to 100."""
    if not variants:
        return
    if len({variant.key for variant in variants}) != len(variants):
        raise Invalid.field("variants", "keys must be distinct")
    total = sum(variant.weight for variant in variants)
    # rounded: the sum of three times 33.33 misses 99.99 by some 1e-14
    if round(abs(total - WEIGHTS_SUM), 9) > WEIGHTS_TOLERANCE:
        raise Invalid.field("variants", f"weights must add up to 100, not {total:g}")


def _check_status(old: ExperimentStatus, new: ExperimentStatus) -> None:
    if new != old and new not in NEXT_STATUSES[old]:
        raise Conflict(
            f"{'an' if old == 'active' else 'a'} {old} experiment cannot become {new}",
            status=old, reachable=sorted(NEXT_STATUSES[old]),
        )  # fmt: skip


def _with_weights(experiment: Experiment, now_ms: int) -> Experiment:
    if experiment.status == "draft":
        return experiment
    known = experiment.weight_changes
    weights = {variant.key: variant.weight for variant in experiment.variants}
    if known and known[-1].weights == weights:
        return experiment
    if len(known) == MAX_WEIGHT_CHANGES:
        raise Conflict(f"weights change {MAX_WEIGHT_CHANGES} times at the most; begin anew")
    at_ms = max(now_ms, known[-1].at_ms + 1) if known else now_ms
    return replace(experiment, weight_changes=(*known, WeightChange(at_ms, weights)))


def epoch_of(experiment: Experiment, time_ms: int) -> int:
    """How many changes of weights there were before this time, the first weights not counted."""
    epoch = 0
    for number, change in enumerate(experiment.weight_changes):
        if change.at_ms <= time_ms:
            epoch = number
    return epoch
