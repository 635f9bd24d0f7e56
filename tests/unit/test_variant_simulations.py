"""A/A experiments by the thousand: how often the answers are wrong, against what they promise.

Values are drawn with NumPy, and every interval, p-value and factor is asked of the functions that
answer for real experiments. The seeds are fixed; counts are large enough that another seed would
pass too: each bound is 4 standard errors or more from what is expected.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from chalicelib.core.model.variant_sums import MetricSums
from chalicelib.domain.arms import Arm, arm, cuped
from chalicelib.domain.sample_ratio import Epoch, sample_ratio
from chalicelib.domain.statistics import always_valid, difference, mixture_rho, welch

pytestmark = pytest.mark.slow

ALPHA = 0.05
Floats: TypeAlias = NDArray[np.float64]


def sums_of_units(logs: Floats, totals: Floats, covariates: Floats | None = None) -> MetricSums:
    """Of units by their logs and totals. Sums are rounded as floats are, to 16 digits."""
    x = np.zeros_like(totals) if covariates is None else covariates
    exact = [
        Decimal(float(total))
        for total in (
            totals.sum(), totals @ totals, logs @ totals, x.sum(), x @ x, x @ totals, x @ logs,
        )
    ]  # fmt: skip
    return MetricSums(
        units=len(logs),
        logs=int(logs.sum()),
        total=exact[0],
        logs_logs=int(logs @ logs),
        total_total=exact[1],
        logs_total=exact[2],
        covariates=len(x),
        covariate=exact[3],
        covariate_covariate=exact[4],
        covariate_total=exact[5],
        covariate_logs=exact[6],
    )


def both(control: MetricSums, treatment: MetricSums) -> tuple[Arm, Arm]:
    arms = arm(control), arm(treatment)
    assert arms[0] is not None
    assert arms[1] is not None
    return arms[0], arms[1]


def looks(
    chance: np.random.Generator, start: int, every: int, upto: int, values: str
) -> Iterator[tuple[Arm, Arm]]:
    """Both arms of one A/A experiment at every look, from running sums as `arm` has them."""
    arms: list[list[Arm]] = []
    at = slice(start - 1, None, every)
    for _ in range(2):
        if values == "normal":
            drawn = chance.standard_normal(upto)
        elif values == "conversions":
            drawn = (chance.random(upto) < 0.05).astype(np.float64)
        else:
            drawn = np.where(chance.random(upto) < 0.2, chance.lognormal(3, 1, upto), 0.0)
        n = np.arange(1, upto + 1)[at]
        total, squares = drawn.cumsum()[at], (drawn * drawn).cumsum()[at]
        variance = np.maximum(squares - total * total / n, 0) / (n - 1) / n
        columns = ((total / n).tolist(), variance.tolist(), n.tolist())
        arms.append([Arm(*row) for row in zip(*columns, strict=True)])
        last = sums_of_units(np.ones(upto), drawn)
        assert arm(last) == pytest.approx(arms[-1][-1], rel=1e-9)
    yield from zip(*arms, strict=True)


@pytest.mark.parametrize("values", ["normal", "conversions", "revenue"])
def test_whoever_looks_all_the_time_is_seldom_wrong_with_the_always_valid_interval(
    values: str,
) -> None:
    chance = np.random.default_rng(20_210_306)
    experiments, wrong, wrong_by_welch = 800, 0, 0
    for _ in range(experiments):
        outside = by_welch = False
        for control, treatment in looks(chance, 50, 50, 10_000, values):
            effect = difference(control, treatment)
            assert effect is not None
            any_time = always_valid(effect, ALPHA, planned_units=5000)
            outside |= any_time is not None and not any_time.low <= 0 <= any_time.high
            # t is never below the normal quantile: nearer to 0 there is nothing to ask
            if not by_welch and effect.value**2 > 1.95**2 * effect.variance:
                once = welch(control, treatment, ALPHA)
                by_welch = once is not None and once.p_value < ALPHA
        wrong += outside
        wrong_by_welch += by_welch
    # about 2 % and 40 %
    assert wrong / experiments <= ALPHA
    assert wrong_by_welch / experiments > 0.25


def test_looking_after_every_unit_from_the_second_on_is_safe_too() -> None:
    chance = np.random.default_rng(1)
    experiments, wrong = 3000, 0
    for _ in range(experiments):
        for control, treatment in looks(chance, 2, 1, 100, "normal"):
            effect = difference(control, treatment)
            assert effect is not None
            got = always_valid(effect, ALPHA, planned_units=20)
            if got is not None and got.p_value < ALPHA:
                wrong += 1
                break
    assert wrong / experiments <= ALPHA


def test_units_with_many_logs_count_once() -> None:
    chance = np.random.default_rng(2018)
    experiments, units, logs = 8000, 100, 9
    wrong = wrong_by_log = 0
    for one in range(experiments):
        by_unit: list[MetricSums] = []
        by_log: list[Arm] = []
        for _ in range(2):
            # half of the variance is the unit's own: intra-class correlation 0.5
            values = chance.standard_normal((units, 1)) + chance.standard_normal((units, logs))
            by_unit.append(sums_of_units(np.full(units, float(logs)), values.sum(axis=1)))
            by_log.append(Arm(float(values.mean()), float(values.var(ddof=1) / values.size), 900))
        got = welch(*both(*by_unit), ALPHA)
        assert got is not None
        wrong += got.p_value < ALPHA
        if one % 5 == 0:
            naive = welch(by_log[0], by_log[1], ALPHA)
            assert naive is not None
            wrong_by_log += naive.p_value < ALPHA
    # 5 % and, with variances five times too small, 38 %
    assert wrong / experiments <= 1.2 * ALPHA
    assert 0.33 < wrong_by_log / (experiments / 5) < 0.43


def test_the_mean_per_log_is_covered_when_units_log_as_they_like() -> None:
    chance = np.random.default_rng(3)
    experiments, units, covered = 4000, 300, 0
    for _ in range(experiments):
        sums: list[MetricSums] = []
        for effect in (0.0, 0.5):
            # keen units log more often, and greater values
            keen = chance.exponential(1.0, units)
            logs = (1 + chance.poisson(4 * keen)).astype(np.float64)
            totals = (3 + effect + keen) * logs + chance.standard_normal(units) * np.sqrt(logs)
            sums.append(sums_of_units(logs, totals))
        got = welch(*both(*sums), ALPHA)
        assert got is not None
        covered += got.low <= 0.5 <= got.high
    assert 0.935 < covered / experiments < 0.965


def test_less_a_covariate_the_effect_is_covered_by_a_narrower_interval() -> None:
    chance = np.random.default_rng(4)
    experiments, units, covered, reductions = 3000, 200, 0, 0.0
    for _ in range(experiments):
        sums: list[MetricSums] = []
        for effect in (0.0, 0.3):
            before = chance.exponential(1.0, units)
            logs = (1 + chance.poisson(3, units)).astype(np.float64)
            own = before + chance.standard_normal(units)
            totals = (own + effect) * logs + chance.standard_normal(units) * np.sqrt(logs)
            sums.append(sums_of_units(logs, totals, before))
        adjusted = cuped(*sums)
        assert adjusted is not None
        got = welch(adjusted.control, adjusted.treatment, ALPHA)
        assert got is not None
        covered += got.low <= 0.3 <= got.high
        reductions += adjusted.variance_reduction
    assert 0.93 < covered / experiments < 0.97
    assert reductions / experiments > 0.35


def test_whoever_looks_all_the_time_seldom_finds_a_mismatch_that_is_none() -> None:
    chance = np.random.default_rng(2011)
    concentration = mixture_rho(5000, 0.001)
    experiments, wrong = 1000, 0
    before, after = [0.5, 0.3, 0.2], [0.1, 0.6, 0.3]
    for _ in range(experiments):
        first = chance.multinomial(100, before, 40).cumsum(axis=0).tolist()
        second = chance.multinomial(100, after, 40).cumsum(axis=0).tolist()
        epochs = [[Epoch(counts, before)] for counts in first]
        epochs += [[Epoch(first[-1], before), Epoch(counts, after)] for counts in second]
        wrong += any(sample_ratio(seen, concentration).bayes_factor >= 1 / ALPHA for seen in epochs)
    assert wrong / experiments <= ALPHA


def test_a_mismatch_is_found_while_the_experiment_runs() -> None:
    chance = np.random.default_rng(5)
    concentration = mixture_rho(5000, 0.001)
    found: list[int] = []
    for _ in range(200):
        counts = chance.multinomial(50, [0.55, 0.45], 100).cumsum(axis=0).tolist()
        found += [
            sum(seen)
            for seen in counts
            if sample_ratio([Epoch(seen, [50, 50])], concentration).bayes_factor >= 1000
        ][:1]
    # nearly all within the planned 5000 units, and most before half of them
    assert len(found) > 0.95 * 200
    assert np.median(found) < 2500
