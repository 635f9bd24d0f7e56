"""The second part: an old experiment replayed through variants, and compared with what was
published about it."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Generator, Iterator
from typing import Final

import trialbook
from demo.job_training import ADJUSTED, CONTROL, MEN, SOURCE, TRAINING, UNADJUSTED, load
from demo.own_server import DemoError, check
from demo.picture import table
from trialbook.results import Difference, Interval, Results, VariantResult

METRIC: Final = "earnings_1978"
PATIENCE_S: Final = 60


def replay(tb: trialbook.Client, session: str) -> Generator[str, None, str]:
    """Lines to show, as it goes, and in the end the experiment's slug. Raises DemoError at the
    first number that is not as published."""
    men = load()
    share = 100 * MEN[TRAINING] / len(men)
    made = tb.experiments.create(
        f"Job training demo {session[:8]}",
        metric_goals={METRIC: "max"},
        variants=[
            {"key": CONTROL, "weight": 100 - share},
            {"key": TRAINING, "weight": share},
        ],
        planned_units=len(men),
        status="active",
    )
    experiment = tb.experiment(made.slug)
    assigned = Counter(experiment.assign(man.id).variant for man in men)
    check_split(assigned[TRAINING], len(men), share / 100)
    yield (
        f"  assign gives the training to {assigned[TRAINING]} of {len(men)} men, by its weight of"
        f" {share:.1f}%"
    )
    for man in men:
        # under the arm that the lot gave him then: the published numbers are of all of them
        experiment.log(
            man.arm,
            unit=man.id,
            metrics={METRIC: man.earnings_1978},
            covariates={METRIC: man.earnings_1975},
        )
    check("everything logged was sent", experiment.flush(), True)
    yield f"  logged: {MEN[TRAINING]} men with the training of then, {MEN[CONTROL]} without"
    yield from compared(settled(experiment, len(men)))
    return made.slug


def check_split(assigned: int, units: int, share: float) -> None:
    """Raises DemoError when a variant has more or less than its weight lets expect of chance: by
    five standard deviations."""
    off = abs(assigned - units * share) / math.sqrt(units * share * (1 - share))
    if off > 5:
        raise DemoError(f"assigned by weight: expected about {units * share:.0f}, found {assigned}")


def settled(experiment: trialbook.ExperimentHandle, units: int) -> Results:
    """The results once they have all units: they trail the logs. Raises DemoError."""
    until_s = time.monotonic() + PATIENCE_S
    while True:
        results = experiment.results()
        found = sum(exposure.units for exposure in results.exposures.values())
        if found >= units:
            return results
        if time.monotonic() > until_s:
            raise DemoError(f"results: expected {units} units, found {found}")
        time.sleep(0.1)


def compared(results: Results) -> Iterator[str]:
    """The results beside the published ones. Raises DemoError where those are not met."""
    units = {key: exposure.units for key, exposure in results.exposures.items()}
    check("units of the variants", units, dict(MEN))
    check("warnings", [warning.message for warning in results.warnings], [])
    variants = results.metrics[METRIC].variants
    control, training = variants[CONTROL], variants[TRAINING]
    found = training.difference or Difference()
    difference, error = found.absolute or 0.0, pooled_error(control, training)
    check("difference of the means", round(difference), UNADJUSTED.difference)
    check("its standard error", round(error), UNADJUSTED.standard_error)
    adjusted = found.cuped.absolute if found.cuped is not None else None
    if adjusted is None or not ADJUSTED.difference < adjusted < difference:
        raise DemoError(f"adjusted difference: expected {ADJUSTED.difference} to {difference:.0f}")
    lines = [
        ("difference", f"{difference:,.0f}", UNADJUSTED.difference),
        ("its standard error", f"{error:,.0f}", UNADJUSTED.standard_error),
        ("difference, adjusted", f"{adjusted:,.0f}", ADJUSTED.difference),
        ("95% interval, as planned", span(found.fixed), None),
        ("95% interval, always valid", span(found.always_valid), None),
        ("chance to be better", f"{100 * (found.chance_to_beat or 0):.1f}%", None),
    ]
    head = ["dollars earned in 1978", "Trialbook", "published"]
    rows = [
        [what, ours, "" if theirs is None else f"{theirs:,}".rjust(len(head[-1]))]
        for what, ours, theirs in lines
    ]
    yield table([head, *rows])
    yield f"  Published: {SOURCE}"
    yield (
        "  The difference and its standard error agree to the dollar. Adjusted by the earnings of"
        " 1975 (CUPED)\n  it moves towards theirs, which is by eight covariates"
    )


def pooled_error(one: VariantResult, other: VariantResult) -> float:
    """The standard error of a difference as the paper has it, of variances that are equal."""
    squares = sum((each.units - 1) * (each.sd or 0.0) ** 2 for each in (one, other))
    variance = squares / (one.units + other.units - 2)
    return math.sqrt(variance * (1 / one.units + 1 / other.units))


def span(interval: Interval) -> str:
    return f"{interval.low or 0:,.0f} to {interval.high or 0:,.0f}"
