"""`trialbook results`: intervals drawn for people, rows for pipes, everything for programs."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client.harness import Bench
from tests.client.results_of_checkout import ANSWER
from tests.client.terminal import Terminal, rows
from trialbook import Results
from trialbook.cli import results as command
from trialbook.cli.intervals import ASCII, UNICODE, Axis, Glyphs, drawn
from trialbook.results import Interval

DRAWN = """\
WARNING sample_ratio_mismatch: A has 120 of 300 units, 150 are expected
WARNING logs_without_unit: 5 logs named no unit
checkout (active), 14 days, 2026-11-01 02:26 to now, baseline A, A: 120 units, B: 180 units, \
C: 1 unit
95% intervals of the difference, always valid: look as often as you like

latency_ms (min is better, guardrail)
  VARIANT  UNITS    MEAN  P50  P90
  A          120  231.25  220  410
  B          180  220.25  210  400
  C            1     200
  B  -11 (-4.8%)  ├───────────●──────────┤ │  better, 99.1% to win, non-inferior
  C  one unit
                  -20.5                    0
  Welch, valid only at the planned sample size of 5000 units:
    B [-10.25, -0.75], adjusted p 0.004

revenue (max is better, success)
  VARIANT  UNITS  MEAN  P50  P90
  A          120     2    0    9
  B          180   2.5    0   12
  C            1     1    1    1
  B  +0.5 (+25.0%)               ├────┼─────●─────────┤  undecided, 70.0% to win
     +0.625                           │ ├────●────┤      better, with covariates
  C  -1 (-50.0%)    ├───────●───────┤ │                  worse, 1.0% to win
                    -1.75             0             1.5
  Welch, valid only at the planned sample size of 5000 units:
    B [-0.25, +0.75], adjusted p 0.004
    C [-0.875, -0.125], adjusted p 0.004"""

DRAWN_NARROW_IN_ASCII = """\
  B  +0.5 (+25.0%)         [--+-o-----]  undecided
     +0.625                   [--o--]    better
  C  -1 (-50.0%)    [---o---] |          worse
                    -1.75     0     1.5"""


def lines(width: int, glyphs: Glyphs, fixed: bool = False, **changed: Any) -> list[str]:
    found = Results.model_validate({**ANSWER, "dimension": None, **changed})
    return [
        "".join(text for text, _ in line)
        for line in drawn(found, width=width, glyphs=glyphs, fixed=fixed)
    ]


@pytest.fixture
def terminal(bench: Bench) -> Terminal:
    return Terminal(bench)


@pytest.fixture
def asked(bench: Bench) -> list[httpx.Request]:
    """The requests to a service that knows one answer."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=ANSWER)

    bench.weather.inner = httpx.MockTransport(answer)
    return requests


def test_intervals_are_drawn_on_one_axis_with_zero() -> None:
    assert "\n".join(lines(80, UNICODE, fixed=True)) == DRAWN


def test_a_narrow_terminal_gets_less_and_one_without_unicode_ascii() -> None:
    printed = lines(50, ASCII)
    assert "\n".join(printed[-4:]) == DRAWN_NARROW_IN_ASCII
    assert all(line.isascii() for line in printed)
    assert not any("Welch" in line for line in printed)


def test_what_is_better_or_worse_has_its_color() -> None:
    found = Results.model_validate(ANSWER)
    styles = [
        (line[2][0].split(",")[0].strip(), line[1][1], line[2][1])
        for line in drawn(found, width=80, glyphs=UNICODE, fixed=False)
        if len(line) == 3
    ]
    assert styles[:4] == [
        ("better", "green", "green"),
        ("undecided", "yellow", "yellow"),
        ("better", "green", "green"),
        ("worse", "red", "red"),
    ]


def test_each_value_of_a_dimension_has_its_own_intervals() -> None:
    blocks = "\n".join(lines(80, UNICODE, dimension=ANSWER["dimension"])).split("\n\n")
    assert blocks[-2] == "country = DE\N{REPLACEMENT CHARACTER}[31m"
    assert blocks[-1] == blocks[-3]
    assert blocks[-1].startswith("revenue (max is better, success)\n")


def test_nothing_to_draw_is_said() -> None:
    assert lines(80, UNICODE, metrics={})[-1] == "no metrics yet"
    alone = {"m": {"variants": {"A": ANSWER["metrics"]["revenue"]["variants"]["A"]}}}
    assert lines(80, UNICODE, metrics=alone)[-1].split() == ["A", "120", "2", "0", "9"]


def test_quantiles_are_shown_where_there_are_any() -> None:
    variants = ANSWER["metrics"]["revenue"]["variants"]
    without = {key: {**found, "quantiles": None} for key, found in variants.items()}
    printed = lines(80, UNICODE, metrics={"m": {"variants": without}})
    assert printed[printed.index("m (max is better)") + 1] == "  VARIANT  UNITS  MEAN"


@given(
    st.lists(
        st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 3).map(sorted),
        min_size=1,
        max_size=4,
    ),
    st.integers(16, 60),
)
def test_an_interval_is_as_long_as_it_is_and_holds_its_estimate(
    intervals: list[list[float]], columns: int
) -> None:
    found = [Interval(low=low, high=high) for low, _, high in intervals]
    axis = Axis.over(found, columns)
    assert len(axis.labels()) <= columns
    for interval, (low, estimate, high) in zip(found, intervals, strict=True):
        picture = axis.draw(interval, estimate, UNICODE)
        assert len(picture) == columns
        assert picture.count("●") == 1
        assert axis.column(low) <= picture.index("●") <= axis.column(high)
        zero = axis.column(0.0)
        assert picture[zero] != " "
        if high < 0 and axis.column(high) < zero:
            assert picture[zero] == "│"
    assert axis.draw(Interval(), None, ASCII).strip() == "|"


def test_a_terminal_is_drawn_to(
    terminal: Terminal, asked: list[httpx.Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    printed = terminal.ok("results", "checkout", "--fixed")
    assert printed.startswith(DRAWN + "\n\ncountry = DE")
    assert terminal.run("results", "checkout").stderr == ""


def test_a_pipe_gets_a_row_for_each_variant_and_the_warnings_on_stderr(
    terminal: Terminal, asked: list[httpx.Request]
) -> None:
    done = terminal.run("results", "checkout")
    assert done.exit_code == 0
    assert [line.split(":")[2] for line in done.stderr.splitlines()] == [
        " sample_ratio_mismatch",
        " logs_without_unit",
    ]
    titles, *found = rows(done.stdout)
    assert titles[:4] == ["country", "METRIC", "VARIANT", "UNITS"]
    by_title = [dict(zip(titles, row, strict=True)) for row in found]
    assert [(row["country"], row["METRIC"], row["VARIANT"]) for row in by_title[3:7]] == [
        ("", "revenue", "A"),
        ("", "revenue", "B"),
        ("", "revenue", "C"),
        ("DE\N{REPLACEMENT CHARACTER}[31m", "revenue", "A"),
    ]
    told = by_title[1]
    assert (told["MEAN"], told["LOW"], told["HIGH"]) == ("220.25", "-20.5", "-1.5")
    assert (told["VERDICT"], told["CHANCE TO BEAT"], told["P90"]) == ("better", "0.991", "400.0")
    assert (by_title[0]["VERDICT"], by_title[2]["REASON"]) == ("", "one unit")
    assert "WELCH LOW" not in titles
    quiet = terminal.run("-q", "results", "checkout", "--fixed")
    assert quiet.stderr == ""
    assert rows(quiet.stdout)[2][-3:] == ["-10.25", "-0.75", "0.002"]


def test_what_is_asked_for_is_what_the_options_say(
    terminal: Terminal, asked: list[httpx.Request]
) -> None:
    words = ["--metric", "latency_ms", "--baseline", "B", "--since", "2026-11-01"]
    words += ["--until", "1793500000000", "--confidence", "0.9", "--dimension", "country"]
    terminal.ok("results", "checkout", *words)
    assert dict(asked[-1].url.params) == {
        "metric": "latency_ms",
        "baseline": "B",
        "from": "2026-11-01",
        "to": "1793500000000",
        "confidence": "0.9",
        "dimension": "country",
    }
    terminal.ok("results", "checkout")
    assert dict(asked[-1].url.params) == {"confidence": "0.95"}


def test_a_program_gets_the_answer_whole(terminal: Terminal, asked: list[httpx.Request]) -> None:
    found = json.loads(terminal.ok("results", "checkout", "--json"))
    assert found["warnings"] == ANSWER["warnings"]
    assert (found["from"], found["srm"]) == (ANSWER["from"], ANSWER["srm"])
