"""Results as typed values and as a table of text."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

import trialbook
from tests.client.results_of_checkout import ANSWER
from trialbook import MetricResult, Results
from trialbook.cli.output import plain

TABLE = """\
WARNING sample_ratio_mismatch: A has 120 of 300 units, 150 are expected
WARNING logs_without_unit: 5 logs named no unit
checkout (active), 14 days, 2026-11-01 02:26 to now, baseline A, A: 120 units, B: 180 units, \
C: 1 unit

latency_ms (min is better, guardrail)
VARIANT  UNITS    MEAN  DIFFERENCE  95% ALWAYS VALID  RELATIVE  TO WIN
A          120  231.25                                                  baseline
B          180  220.25         -11     [-20.5, -1.5]     -4.8%   99.1%  better, non-inferior
C            1     200                                                  one unit

revenue (max is better, success)
VARIANT  UNITS  MEAN  DIFFERENCE  95% ALWAYS VALID  RELATIVE  TO WIN
A          120     2                                                  baseline
B          180   2.5        +0.5      [-0.5, +1.5]    +25.0%   70.0%  undecided
C            1     1          -1    [-1.75, -0.25]    -50.0%    1.0%  worse

country = DE\N{REPLACEMENT CHARACTER}[31m

revenue (max is better, success)
VARIANT  UNITS  MEAN  DIFFERENCE  95% ALWAYS VALID  RELATIVE  TO WIN
A          120     2                                                  baseline
B          180   2.5        +0.5      [-0.5, +1.5]    +25.0%   70.0%  undecided
C            1     1          -1    [-1.75, -0.25]    -50.0%    1.0%  worse"""


def found(**changed: Any) -> Results:
    return Results.model_validate({**ANSWER, **changed})


def test_results_are_typed_and_read_only() -> None:
    results = found()
    assert (results.since, results.until, results.days) == (1_793_500_000_000, None, 14)
    assert (results.srm.mismatch, results.exposures["B"].units) == (True, 180)
    latency = results.metrics["latency_ms"]
    difference = latency.variants["B"].difference
    assert difference is not None
    assert (difference.always_valid.low, difference.fixed.df) == (-20.5, 250.5)
    assert difference.guardrail is not None
    assert latency.variants["A"].quantile_intervals["p50"].high == 225
    assert results.dimension is not None
    assert list(results.dimension.values) == ["DE\x1b[31m"]
    with pytest.raises(ValidationError):
        results.days = 3  # frozen
    assert trialbook.Results is Results


def test_what_is_null_has_no_numbers_and_no_reader_has_to_ask_twice() -> None:
    results = found(srm=None)
    assert (results.srm.p_value, results.srm.mismatch) == (None, False)
    lacking = results.metrics["latency_ms"].variants["C"]
    assert lacking.quantiles == {}
    assert lacking.difference is not None
    assert (lacking.difference.always_valid.low, lacking.difference.fixed.p_value) == (None, None)
    assert lacking.reason == "one unit"
    assert results.metrics["latency_ms"].variants["A"].quantile_intervals["p90"].low is None


@pytest.mark.parametrize(
    "goal, low, high, verdict",
    [
        ("max", 0.1, 0.2, "better"),
        ("max", -0.2, -0.1, "worse"),
        ("min", 0.1, 0.2, "worse"),
        ("min", -0.2, -0.1, "better"),
        ("max", -0.1, 0.2, "undecided"),
        ("max", 0.0, 0.2, "undecided"),
        ("max", None, None, "undecided"),
        ("min", "NaN", "NaN", "undecided"),
    ],
)
def test_a_variant_is_better_or_worse_when_its_interval_is_beside_zero(
    goal: str, low: Any, high: Any, verdict: str
) -> None:
    variants = {"A": {}, "B": {"difference": {"always_valid": {"low": low, "high": high}}}}
    metric = MetricResult.model_validate({"goal": goal, "variants": variants})
    assert metric.verdict("B") == verdict
    assert metric.verdict("A") == "undecided"
    assert metric.verdict("nothing") == "undecided"


def test_a_table_begins_with_the_warnings_and_cannot_steer_a_terminal() -> None:
    assert str(found()) == TABLE


def test_results_of_nothing_say_so() -> None:
    empty = Results.model_validate({"experiment": "checkout", "baseline": "A"})
    assert str(empty) == "checkout, baseline A\n\nno metrics yet"


def test_json_has_the_names_of_the_service() -> None:
    shown = plain(found())
    assert (shown["from"], shown["to"]) == (1_793_500_000_000, None)
    assert shown["metrics"]["revenue"] == ANSWER["metrics"]["revenue"] | {
        "variants": shown["metrics"]["revenue"]["variants"]
    }
    odd = found(metrics={"m": {"variants": {"A": {"mean": "NaN"}}}})
    assert math.isnan(odd.metrics["m"].variants["A"].mean or 0)
    assert plain(odd)["metrics"]["m"]["variants"]["A"]["mean"] == "NaN"
