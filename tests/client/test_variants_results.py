"""Results of the real service: what was logged by the client is what they are computed from."""

from __future__ import annotations

from datetime import UTC, datetime
from statistics import mean, stdev
from typing import Any

import pytest

from tests.api.engines import START_MS
from tests.client.checkout import checkout
from tests.client.harness import Bench
from tests.client.terminal import Terminal, rows
from trialbook import Experiment, Invalid, NotFound, Results
from trialbook.results_table import ALWAYS_VALID

pytestmark = pytest.mark.anyio
LATENCY = {
    "A": [200.0 + 7 * (n % 11) for n in range(60)],
    "B": [120.0 + 7 * (n % 13) for n in range(60)],
}


def logged(bench: Bench) -> Experiment:
    """60 units of each variant with a log each, half of them in DE and half in FR."""
    made = checkout(bench, dimensions=["country"], metric_goals={"latency_ms": "min"})
    with bench.sync_client() as tb:
        handle = tb.experiment("checkout")
        for variant, values in LATENCY.items():
            for number, value in enumerate(values):
                handle.log(
                    variant,
                    unit=f"{variant}-{number}",
                    metrics={"latency_ms": value},
                    context={"country": "DE" if number % 2 else "FR"},
                    timestamp=START_MS + number,
                )
        assert handle.flush()
    bench.service.pull()
    return made


async def test_results_are_of_what_was_logged(bench: Bench) -> None:
    logged(bench)
    async with bench.client() as tb:
        results = await tb.experiment("checkout").results()
    assert isinstance(results, Results)
    assert (results.experiment, results.status, results.baseline) == ("checkout", "active", "A")
    assert (results.exposures["A"].units, results.exposures["B"].logs) == (60, 60)
    assert not results.srm.mismatch
    found = results.metrics["latency_ms"]
    assert (found.goal, found.goal_source) == ("min", "experiment")
    for variant, values in LATENCY.items():
        assert found.variants[variant].mean == pytest.approx(mean(values))
        assert found.variants[variant].sd == pytest.approx(stdev(values))
        # from the sketch, as quantiles are
        assert found.variants[variant].min == pytest.approx(min(values), rel=0.01)
        assert found.variants[variant].max == pytest.approx(max(values), rel=0.01)
    assert found.variants["A"].difference is None
    difference = found.variants["B"].difference
    assert difference is not None
    absolute = mean(LATENCY["B"]) - mean(LATENCY["A"])
    assert difference.absolute == pytest.approx(absolute)
    assert difference.always_valid.low is not None
    assert difference.always_valid.high is not None
    assert difference.always_valid.low < absolute < difference.always_valid.high < 0
    assert found.verdict("B") == "better"
    assert difference.chance_to_beat == pytest.approx(1)
    table = str(results).splitlines()
    assert [line.split()[:3] for line in table[-2:]] == [
        [variant, "60", f"{mean(values):.6g}"] for variant, values in LATENCY.items()
    ]
    assert table[-1].endswith("better")


def test_results_are_asked_for_by_metric_baseline_time_and_dimension(bench: Bench) -> None:
    logged(bench)
    with bench.sync_client() as tb:
        handle = tb.experiment("checkout")
        turned = handle.results("latency_ms", baseline="B", confidence=0.9)
        assert (turned.baseline, turned.confidence, list(turned.metrics)) == (
            *("B", 0.9, ["latency_ms"]),
        )
        assert turned.metrics["latency_ms"].verdict("A") == "worse"
        later = datetime.fromtimestamp(START_MS / 1000 + 7 * 86_400, UTC)
        nothing = handle.results(since=later)
        assert sum(seen.units for seen in nothing.exposures.values()) == 0
        by_country = handle.results(dimension="country").dimension
        assert by_country is not None
        assert by_country.key == "country"
        assert {value: s.exposures["A"].units for value, s in by_country.values.items()} == {
            "DE": 30,
            "FR": 30,
        }
        wrong: list[dict[str, Any]] = [
            *({"baseline": "C"}, {"confidence": 2.0}, {"dimension": "device"}),
        ]
        for asked in wrong:
            with pytest.raises(Invalid):
                handle.results(**asked)
        with pytest.raises(NotFound):
            tb.experiment("nothing").results()


def test_a_log_that_was_sent_twice_is_one_in_the_results(bench: Bench) -> None:
    checkout(bench)
    with bench.sync_client() as tb:
        handle = tb.experiment("checkout")
        log_id = handle.log("A", metrics={"n": 1}, timestamp=START_MS)
        bench.weather.next += ["lost"] * 3
        assert not handle.flush()
        assert handle.flush()
        handle.outcome(log_id, {"rating": 4})
        bench.service.pull()
        results = handle.results()
        assert results.exposures["A"].logs == 1
        assert results.metrics["n"].variants["A"].logs == 1
        assert results.metrics["rating"].variants["A"].mean == 4


def test_the_command_prints_them(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    logged(bench)
    terminal = Terminal(bench)
    titles, first, second = rows(terminal.ok("results", "checkout"))
    assert dict(zip(titles, first, strict=True))["VARIANT"] == "A"
    assert dict(zip(titles, second, strict=True))["VERDICT"] == "better"
    monkeypatch.setattr("trialbook.cli.results.is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    drawn = terminal.ok("results", "checkout", "--fixed", "--dimension", "country")
    assert drawn.count(ALWAYS_VALID) == 1
    assert drawn.count("country = ") == 2
    assert drawn.count("●") == 3
    assert drawn.count("Welch") == 3
