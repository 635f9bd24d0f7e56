"""Charts of metrics, over the runs of an experiment and of one run."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.filling import Story
from tests.browser.tab import Tab

HISTORY = "metrics/history"
INK = """\
(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const colours = new Set();
  for (let at = 0; at < data.length; at += 4)
    if (data[at + 3] > 200) colours.add(`${data[at]} ${data[at + 1]} ${data[at + 2]}`);
  return colours.size;
}"""


def chart(tab: Tab, metric: str) -> Locator:
    return tab.page.get_by_role("region", name=metric, exact=True)


def drawn(tab: Tab, metric: str) -> Locator:
    """Where a chart is drawn, once it is."""
    found = chart(tab, metric)
    found.scroll_into_view_if_needed()
    expect(found.locator("canvas")).to_be_visible()
    tab.settle()
    return found.locator(".u-over")


def drag(tab: Tab, over: Locator, start: float, end: float) -> None:
    """Across a chart, in parts of its width."""
    box = over.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    tab.page.mouse.move(box["x"] + start * box["width"], middle)
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + (start + end) / 2 * box["width"], middle)
    tab.page.mouse.move(box["x"] + end * box["width"], middle)
    tab.page.mouse.up()


def test_each_metric_has_a_chart_of_the_newest_runs(tab: Tab, story: Story) -> None:
    tab.open(f"#/experiments/{story.experiment}/charts")
    for metric in ("train/loss", "val/loss", "val/accuracy", "epoch_seconds"):
        drawn(tab, metric)
        assert chart(tab, metric).locator("canvas").evaluate(INK) > 8
    tab.sees("the 10 newest")


def test_how_charts_are_drawn_is_in_the_address(tab: Tab, story: Story) -> None:
    runs = ",".join(story.digits[:3])
    tab.open(f"#/experiments/{story.experiment}/charts?runs={runs}")
    tab.page.get_by_label("Filter metrics").or_(
        tab.page.get_by_label("Metrics with these words in their names")
    ).fill("val/loss")
    tab.expect_address("metrics=val")
    expect(chart(tab, "train/loss")).to_have_count(0)
    tab.page.get_by_label("Log scale").check()
    tab.page.get_by_label("X axis").select_option("relative")
    slider = tab.page.get_by_role("slider", name=re.compile("Smoothing"))
    slider.press("End")
    slider.press("ArrowLeft")
    tab.expect_address(r"smooth=0\.98")
    tab.expect_address("log=1")
    tab.expect_address("x=relative")
    tab.page.reload()
    drawn(tab, "val/loss")
    expect(tab.page.get_by_label("Log scale")).to_be_checked()
    expect(tab.page.get_by_label("X axis")).to_have_value("relative")
    expect(slider).to_have_value("0.98")
    expect(chart(tab, "train/loss")).to_have_count(0)


def test_other_runs_are_chosen(tab: Tab, story: Story) -> None:
    tab.open(f"#/experiments/{story.experiment}/charts")
    tab.page.get_by_role("button", name="Choose runs").click()
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_role("button", name="None").click()
    dialog.get_by_label("Part of a run's name").fill("digits-0")
    dialog.get_by_label(re.compile("digits-03")).check()
    dialog.get_by_label(re.compile("digits-05")).check()
    dialog.get_by_role("button", name="Show", exact=True).click()
    tab.expect_address(f"runs={story.digits[3]}")
    expect(tab.page.locator(".chart-runs li")).to_have_text(
        [re.compile("digits-03"), re.compile("digits-05")]
    )


def test_values_at_the_cursor_are_read_by_mouse_and_by_keyboard(tab: Tab, story: Story) -> None:
    tab.open(f"#/runs/{story.digits[0]}/charts")
    over = drawn(tab, "val/loss")
    over.hover()
    expect(chart(tab, "val/loss")).to_contain_text("digits-00")
    slider = tab.page.get_by_role("slider", name="Cursor of the chart of val/loss")
    slider.focus()
    tab.page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^step 0: digits-00 2\.5"))
    tab.page.keyboard.press("End")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^step 29: digits-00"))


def test_zooming_is_kept_in_the_address_and_taken_back(tab: Tab, story: Story) -> None:
    tab.open(f"#/runs/{story.digits[0]}/charts")
    drag(tab, drawn(tab, "val/loss"), 0.25, 0.5)
    tab.expect_address(r"from=\d")
    tab.page.reload()
    drawn(tab, "val/loss")
    tab.page.get_by_role("button", name="Zoom out").click()
    expect(tab.page).not_to_have_url(re.compile("from="))
    slider = tab.page.get_by_role("slider", name="Cursor of the chart of val/loss")
    slider.focus()
    tab.page.keyboard.press("+")
    tab.expect_address(r"from=")
    tab.page.keyboard.press("Escape")
    expect(tab.page).not_to_have_url(re.compile("from="))


def test_nan_and_infinities_are_told(tab: Tab, story: Story) -> None:
    tab.open(f"#/runs/{story.odd}/charts")
    drawn(tab, "odd")
    expect(chart(tab, "odd")).to_contain_text("NaN")
    drawn(tab, "only nan") if chart(tab, "only nan").locator("canvas").count() else None
    expect(chart(tab, "only nan")).to_contain_text("NaN")
    tab.go(f"#/runs/{story.odd}/charts?log=1")
    expect(chart(tab, "below zero")).to_contain_text(re.compile("log", re.IGNORECASE))


@pytest.mark.parametrize("metric", ["constant", "single"])
def test_a_metric_that_does_not_move_is_drawn(tab: Tab, story: Story, metric: str) -> None:
    tab.open(f"#/runs/{story.odd}/charts?metrics={metric}")
    drawn(tab, metric)
    assert chart(tab, metric).locator("canvas").evaluate(INK) > 4


def test_a_chart_is_taken_along_as_csv(tab: Tab, story: Story, tmp_path: Path) -> None:
    tab.open(f"#/runs/{story.odd}/charts?metrics=odd")
    drawn(tab, "odd")
    with tab.page.expect_download() as caught:
        tab.page.get_by_role("button", name="CSV of odd").click()
    assert caught.value.suggested_filename == "odd.csv"
    caught.value.save_as(tmp_path / "odd.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "odd.csv").read_text())))
    assert [row["value"] for row in rows][:4] == ["1", "NaN", "2", "Infinity"]
    assert rows[8]["value"] == "0.30000000000000004"


def test_no_metrics_says_how_to_log_them(tab: Tab, story: Story) -> None:
    tab.open(f"#/runs/{story.bare}/charts")
    tab.sees("No metrics yet")
    tab.sees(re.compile("run.log"))


def test_a_history_that_cannot_be_read_is_told_in_its_chart(tab: Tab, story: Story) -> None:
    tab.watch.allow("status of 500")
    body = {"error": {"code": "internal", "message": "something broke"}, "request_id": "abc123"}
    tab.page.route(f"**/{HISTORY}", lambda route: route.fulfill(status=500, json=body))
    tab.open(f"#/runs/{story.digits[0]}/charts?metrics=val/loss")
    expect(tab.alert().first).to_contain_text("Something broke")
    expect(tab.alert().first).to_contain_text("abc123")
