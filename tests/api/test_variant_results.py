"""Results of A/B experiments over HTTP: what is shown, from what, and what it costs."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.api.answers import Json, found, refused
from tests.api.engines import START_MS
from tests.api.harness import EXPERIMENTS, Service
from tests.api.test_variants import ab, post_log

DAY_MS = 24 * 3600 * 1000


def log_all(service: Service, logs: list[Json]) -> None:
    for start in range(0, len(logs), 500):
        body = {"logs": logs[start : start + 500]}
        answer = found(service.write.post("/experiment/ab/log/batch", json=body))
        assert all(one["success"] for one in answer["results"])


def results_of(service: Service, **query: Any) -> Json:
    service.pull()
    return found(service.read.get("/experiment/ab/results", params=query))


def wave(number: int) -> float:
    """Numbers that look random, between -1 and 1."""
    return math.sin(number * number * 0.7 + number)


def two_arms(units: int = 100, lift: float = 0.0, logs: int = 1, **fields: Any) -> list[Json]:
    return [
        {
            "variantKey": variant,
            "unitId": f"{variant}-{unit}",
            "metrics": {"score": 10 + wave(unit * 7 + at * 1000 + log) + lift * at},
            **fields,
        }
        for at, variant in enumerate("AB")
        for unit in range(units)
        for log in range(logs)
    ]


def test_an_experiment_without_logs_has_results(service: Service) -> None:
    ab(service, metric_goals={"score": "max"})
    results = results_of(service)
    assert results["exposures"] == {v: {"units": 0, "logs": 0} for v in "AB"}
    assert results["srm"] == {"p_value": None, "bayes_factor": None, "mismatch": False}
    shown = results["metrics"]["score"]["variants"]
    assert shown["A"]["mean"] is None
    assert shown["B"]["reason"] == "no values"
    assert [one["code"] for one in results["warnings"]] == ["no_units"]


def test_a_difference_that_is_there_is_found(laptop: Service) -> None:
    ab(laptop, metric_goals={"score": "max"})
    log_all(laptop, two_arms(200, lift=1.0))
    results = results_of(laptop)
    assert results["exposures"] == {v: {"units": 200, "logs": 200} for v in "AB"}
    assert (results["baseline"], results["days"], results["warnings"]) == ("A", 1, [])
    metric = results["metrics"]["score"]
    assert (metric["goal"], metric["goal_source"], metric["role"]) == (
        "max", "experiment", "success",
    )  # fmt: skip
    baseline, variant = metric["variants"]["A"], metric["variants"]["B"]
    assert baseline["difference"] is None
    difference = variant["difference"]
    assert difference["absolute"] == pytest.approx(variant["mean"] - baseline["mean"])
    assert difference["relative"] == pytest.approx(difference["absolute"] / baseline["mean"])
    for interval in (difference["always_valid"], difference["fixed"]):
        assert interval["low"] < difference["absolute"] < interval["high"]
        assert interval["p_value"] < 1e-6
        assert interval["adjusted_p_value"] == interval["p_value"]
    always, fixed = difference["always_valid"], difference["fixed"]
    assert always["high"] - always["low"] > fixed["high"] - fixed["low"]
    assert difference["chance_to_beat"] > 0.999
    assert difference["guardrail"] is None
    assert difference["cuped"] is None


def test_the_interval_of_welch_is_that_of_a_t_test(laptop: Service) -> None:
    ab(laptop)
    values = {"A": [3.0, 4.0, 1.0, 2.1], "B": [2.9, 4.3, 5.1, 8.0, 1.5]}
    log_all(
        laptop,
        [
            {"variantKey": variant, "unitId": f"{variant}{n}", "metrics": {"y": value}}
            for variant, found_values in values.items()
            for n, value in enumerate(found_values)
        ],
    )
    fixed = results_of(laptop)["metrics"]["y"]["variants"]["B"]["difference"]["fixed"]
    # by scipy 1.17's ttest_ind, equal_var=False
    assert fixed["p_value"] == pytest.approx(0.197120030)
    assert fixed["df"] == pytest.approx(6.219742401)
    assert (fixed["low"], fixed["high"]) == pytest.approx((-1.247741216, 4.917741216))


def test_logs_of_one_unit_are_not_taken_for_many(laptop: Service) -> None:
    ab(laptop)
    log_all(laptop, two_arms(50, logs=4))
    variant = results_of(laptop)["metrics"]["score"]["variants"]["B"]
    assert (variant["units"], variant["logs"]) == (50, 200)


def test_a_unit_in_two_variants_is_left_out_and_told_of(service: Service) -> None:
    ab(service)
    log_all(service, [*two_arms(20), {"variantKey": "B", "unitId": "A-0", "metrics": {"score": 9}}])
    results = results_of(service)
    assert results["exposures"] == {"A": {"units": 19, "logs": 19}, "B": {"units": 20, "logs": 20}}
    assert [one["code"] for one in results["warnings"]] == ["units_in_several_variants"]


def test_logs_without_unit_and_values_that_are_no_numbers_are_told_of(service: Service) -> None:
    ab(service)
    found(post_log(service, metrics={"score": "NaN"}))
    found(post_log(service, variantKey="B", metrics={"score": 1}))
    codes = [one["code"] for one in results_of(service)["warnings"]]
    assert codes == ["logs_without_unit", "values_not_finite", "few_units"]


def test_a_mismatch_of_units_comes_before_everything_else(laptop: Service) -> None:
    experiment = ab(laptop)
    logs = two_arms(400)
    log_all(laptop, [one for one in logs if one["variantKey"] == "A" or one["unitId"] < "B-2"])
    results = results_of(laptop)
    assert results["srm"]["mismatch"] is True
    assert results["srm"]["bayes_factor"] > 1000
    assert results["warnings"][0]["code"] == "sample_ratio_mismatch"
    found(laptop.write.patch(f"{EXPERIMENTS}/{experiment['id']}", json={"status": "completed"}))
    completed = results_of(laptop)["srm"]
    assert completed["mismatch"] is True
    assert completed["p_value"] < 1e-6


def test_a_change_of_weights_is_no_mismatch(laptop: Service) -> None:
    experiment = ab(laptop)
    log_all(laptop, two_arms(300))
    laptop.clock.advance(60)
    weights = [{"key": "A", "weight": 10}, {"key": "B", "weight": 90}]
    changes: Json = {"variants": weights}
    found(laptop.write.patch(f"{EXPERIMENTS}/{experiment['id']}", json=changes))
    later = [
        {"variantKey": "A" if n % 10 == 0 else "B", "unitId": f"later-{n}", "metrics": {"score": 1}}
        for n in range(600)
    ]
    log_all(laptop, later)
    assert results_of(laptop)["srm"]["mismatch"] is False


def test_who_is_late_in_a_variant_that_was_given_up_is_no_mismatch(laptop: Service) -> None:
    experiment = ab(laptop)
    log_all(laptop, two_arms(100))
    laptop.clock.advance(60)
    weights = [{"key": "A", "weight": 0}, {"key": "B", "weight": 100}]
    changes: Json = {"variants": weights}
    found(laptop.write.patch(f"{EXPERIMENTS}/{experiment['id']}", json=changes))
    found(post_log(laptop, variantKey="A", unitId="late"))
    found(post_log(laptop, variantKey="B", unitId="new"))
    assert results_of(laptop)["srm"]["mismatch"] is False


def test_a_unit_in_a_variant_that_nobody_can_get_is_a_mismatch(laptop: Service) -> None:
    ab(laptop, variants=[{"key": "A", "weight": 100}, {"key": "B", "weight": 0}])
    log_all(laptop, two_arms(20))
    assert results_of(laptop)["srm"]["mismatch"] is True


def test_a_guardrail_is_held_against_its_margin(laptop: Service) -> None:
    rails: Json = {"score": {"margin": 0.5, "kind": "absolute"}, "cost": {"margin": 0.5}}
    ab(laptop, guardrails=rails)
    log_all(laptop, two_arms(300))
    metric = results_of(laptop)["metrics"]["score"]
    assert metric["role"] == "guardrail"
    rail = metric["variants"]["B"]["difference"]["guardrail"]
    assert (rail["margin"], rail["kind"], rail["verdict"]) == (0.5, "absolute", "non-inferior")
    assert 0 < rail["bound"] < 0.5
    nothing = results_of(laptop)["metrics"]["cost"]["variants"]["B"]
    assert nothing["difference"]["guardrail"]["verdict"] == "undecided"


def test_covariates_make_the_interval_narrower(laptop: Service) -> None:
    ab(laptop)
    logs: list[Json] = []
    for one in two_arms(200):
        score = one["metrics"]["score"]
        logs.append({**one, "covariates": {"score": score + 0.1 * wave(int(score * 1e6))}})
    log_all(laptop, logs)
    difference = results_of(laptop)["metrics"]["score"]["variants"]["B"]["difference"]
    cuped = difference["cuped"]
    assert cuped["variance_reduction"] > 0.9
    width = difference["always_valid"]["high"] - difference["always_valid"]["low"]
    assert cuped["always_valid"]["high"] - cuped["always_valid"]["low"] < width / 3


def test_several_metrics_are_adjusted_for_each_other(laptop: Service) -> None:
    ab(laptop, metric_goals={"score": "max", "other": "max"})
    logs = two_arms(60, lift=0.6)
    for number, one in enumerate(logs):
        one["metrics"] |= {"other": wave(number * 13), "beside": wave(number * 17)}
    log_all(laptop, logs)
    for query in ({}, {"metric": "score"}):
        metrics = results_of(laptop, **query)["metrics"]
        fixed = metrics["score"]["variants"]["B"]["difference"]["fixed"]
        assert fixed["adjusted_p_value"] == pytest.approx(min(1, 2 * fixed["p_value"]))
    beside = results_of(laptop)["metrics"]["beside"]
    assert beside["role"] == "other"
    assert beside["variants"]["B"]["difference"]["fixed"]["adjusted_p_value"] is None
    assert list(results_of(laptop, metric="score")["metrics"]) == ["score"]


def test_results_by_a_dimension(laptop: Service) -> None:
    ab(laptop, dimensions=["country"])
    logs = two_arms(60)
    for number, one in enumerate(logs):
        one["context"] = {"country": ["DE", "FR", None][number % 3]}
    log_all(laptop, logs)
    results = results_of(laptop, dimension="country")
    segments = results["dimension"]
    assert segments["key"] == "country"
    assert list(segments["values"]) == ["DE", "FR"]
    assert segments["values"]["DE"]["exposures"] == {
        "A": {"units": 20, "logs": 20},
        "B": {"units": 20, "logs": 20},
    }
    shown = segments["values"]["FR"]["metrics"]["score"]["variants"]["B"]
    assert shown["units"] == 20
    assert shown["difference"]["always_valid"]["adjusted_p_value"] is not None
    assert shown["quantiles"]["p50"] is None
    assert results_of(laptop)["dimension"] is None


def test_only_the_days_asked_for(service: Service) -> None:
    ab(service)
    for days in (0, 1, 5):
        for one in two_arms(10):
            one |= {"unitId": f"{one['unitId']}-{days}", "timestamp": START_MS - days * DAY_MS}
            found(service.write.post("/experiment/ab/log", json=one))
    assert results_of(service)["days"] == 6
    some = results_of(service, **{"from": START_MS - DAY_MS})
    assert (some["days"], some["exposures"]["A"]["units"]) == (2, 20)
    assert some["from"] == START_MS - DAY_MS
    some = results_of(service, to=START_MS - 2 * DAY_MS)
    assert (some["days"], some["exposures"]["A"]["units"]) == (1, 10)
    for first, last in (("2001-01-01", "2001-01-02"), ("2031-01-01", "2001-01-01")):
        some = results_of(service, **{"from": first, "to": last})
        assert (some["days"], some["exposures"]["A"]["units"]) == (0, 0)


def test_another_baseline_and_confidence(laptop: Service) -> None:
    ab(laptop)
    log_all(laptop, two_arms(50, lift=0.5))
    one = results_of(laptop)["metrics"]["score"]["variants"]["B"]["difference"]
    other = results_of(laptop, baseline="B", confidence=0.99)
    assert (other["baseline"], other["confidence"]) == ("B", 0.99)
    turned = other["metrics"]["score"]["variants"]["A"]["difference"]
    assert other["metrics"]["score"]["variants"]["B"]["difference"] is None
    assert turned["absolute"] == pytest.approx(-one["absolute"])
    width = one["fixed"]["high"] - one["fixed"]["low"]
    assert turned["fixed"]["high"] - turned["fixed"]["low"] > width


@pytest.mark.parametrize(
    "query, path",
    [
        ({"baseline": "C"}, "baseline"),
        ({"metric": "nothing"}, "metric"),
        ({"dimension": "country"}, "dimension"),
        ({"confidence": "1"}, "confidence"),
        ({"confidence": "much"}, "confidence"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"from": "2026-01-01T00:00:00"}, "from"),
        ({"since": "1"}, "since"),
    ],
)
def test_a_wrong_question_names_its_field(laptop: Service, query: Json, path: str) -> None:
    ab(laptop)
    error = refused(laptop.read.get("/experiment/ab/results", params=query), 400)
    assert [one["path"] for one in error["details"]["fields"]] == [path]


def test_results_of_what_is_not_there_or_has_no_variants(laptop: Service) -> None:
    ab(laptop)
    laptop.experiment("plain")
    refused(laptop.read.get("/experiment/plain/results"), 400)
    refused(laptop.read.get("/experiment/nothing/results"), 404)
    refused(laptop.other.get("/experiment/ab/results"), 404)
    refused(laptop.anybody.get("/experiment/ab/results"), 401)


def test_reading_costs_the_same_for_ten_logs_and_for_thousands(service: Service) -> None:
    ab(service)
    log_all(service, two_arms(5))
    results_of(service)
    with service.budget(reads=2, queries=1):
        found(service.read.get("/experiment/ab/results"))
    some = 1_000 if service.engine == "sqlite" else 20
    log_all(service, two_arms(some, logs=2))
    service.pull()
    with service.budget(reads=2, queries=1):
        results = found(service.read.get("/experiment/ab/results"))
    assert results["exposures"]["A"]["units"] == some
