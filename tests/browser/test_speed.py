"""Much data: counted where it can be, measured with much room where it cannot."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
from playwright.sync_api import expect

from tests.browser.filling_large import LONG_RUNS, POINTS, RUNS, Large
from tests.browser.tab import Tab
from tests.browser.test_charts import HISTORY, INK, chart, drag, drawn
from tests.browser.test_runs import names

MOST_ROWS: Final = 100
"""In the document, however many runs there are."""
MOST_ELEMENTS: Final = 20_000
_MEASURE: Final = f"""\
const fetched = window.fetch;
window.fetch = async (...given) => {{
  const answer = await fetched(...given);
  if (String(given[0]).includes("{HISTORY}")) {{
    const text = answer.text.bind(answer);
    answer.text = async () => {{
      const found = await text();
      window.arrivedAt = performance.now();
      return found;
    }};
  }}
  return answer;
}};
const {{ prototype }} = CanvasRenderingContext2D;
const stroke = prototype.stroke;
prototype.stroke = function (...given) {{
  stroke.apply(this, given);
  if (window.arrivedAt !== undefined && window.drawnAt === undefined && !window.isWaiting) {{
    window.isWaiting = true;
    const seen = () => {{ window.drawnAt = performance.now(); }};
    requestAnimationFrame(() => requestAnimationFrame(seen));
  }}
}};
"""


def test_the_first_view_takes_fewer_than_five_requests(tab: Tab) -> None:
    before = len(tab.watch.requests)
    tab.open("#/experiments")
    asked = [one.url for one in tab.watch.requests[before:] if not one.url.startswith("data:")]
    assert len(asked) < 5, asked


@pytest.mark.slow
def test_zooming_into_a_hundred_thousand_points_asks_for_finer_ones(tab: Tab, large: Large) -> None:
    answers: list[Any] = []
    tab.page.on("response", lambda one: answers.append(one) if HISTORY in one.url else None)
    tab.open(f"#/experiments/{large.long}/charts?runs={large.long_runs[0]}")
    over = drawn(tab, "loss")
    asked = tab.asking(HISTORY, lambda: drag(tab, over, 0.40, 0.41))
    tab.settle()
    steps = asked["end_step"] - asked["start_step"]
    assert 0 < steps < POINTS / 20
    whole, part = (one.json()["series"][0] for one in (answers[0], answers[-1]))
    assert len(whole["steps"]) <= 2000 < whole["total"] == POINTS
    assert POINTS / len(whole["steps"]) > 10 * steps / len(part["steps"])
    assert chart(tab, "loss").locator("canvas").evaluate(INK) > 8


@pytest.mark.slow
def test_ten_runs_of_a_hundred_thousand_points_are_drawn_at_once(
    tab: Tab, large: Large, capsys: pytest.CaptureFixture[str]
) -> None:
    tab.page.add_init_script(_MEASURE)
    tab.open(f"#/experiments/{large.long}/charts?runs={','.join(large.long_runs)}")
    drawn(tab, "loss")
    expect(tab.page.locator(".chart-runs li")).to_have_count(LONG_RUNS)
    milliseconds = tab.page.evaluate("() => window.drawnAt - window.arrivedAt")
    with capsys.disabled():
        print(f"\n10 runs x 100,000 points: drawn {milliseconds:.0f} ms after they arrived")
    # Said, and held with room for a machine that does much else.
    assert 0 < milliseconds < 3000


@pytest.mark.slow
def test_ten_thousand_runs_are_scrolled_with_few_rows_in_the_document(
    tab: Tab, large: Large
) -> None:
    tab.open(f"#/experiments/{large.many}?columns=params.seed")
    tab.sees("10,000 runs")
    scroller = tab.page.get_by_role("region", name="Runs")
    rows = tab.page.locator("table.runs tbody tr")
    seen: set[str] = set()
    for part in (0, 0.1, 0.5, 0.9, 1):
        scroller.evaluate("(one, part) => { one.scrollTop = part * one.scrollHeight; }", part)
        tab.settle()
        assert 10 < rows.count() <= MOST_ROWS
        seen.update(names(tab).all_inner_texts())
    assert len(seen) > 100
    expect(tab.page.locator("table.runs")).to_have_attribute("aria-rowcount", str(RUNS + 1))
    inside = "(one) => one.querySelector('tbody tr:last-child').getBoundingClientRect().bottom"
    bottom = "(one) => one.getBoundingClientRect().bottom"
    assert scroller.evaluate(inside) <= scroller.evaluate(bottom) + 1
    expect(names(tab).last).to_have_text(re.compile(r"run-0\d{4}"))


@pytest.mark.slow
@pytest.mark.parametrize("view", ["overview", "charts"])
def test_ten_thousand_metrics_of_a_run_are_not_all_in_the_document(
    tab: Tab, large: Large, view: str
) -> None:
    tab.open(f"#/runs/{large.wide}/{view}")
    expect(tab.page.get_by_role("heading", name="wide")).to_be_visible()
    assert tab.page.locator("main *").count() < MOST_ELEMENTS
