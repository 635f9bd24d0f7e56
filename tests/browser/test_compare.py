"""Runs side by side, and all runs of an experiment in plots."""

from __future__ import annotations

import csv
import io
import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.filling import RUNS, Story
from tests.browser.tab import Tab


def compared(tab: Tab, story: Story, count: int = 3, more: str = "") -> Locator:
    tab.open(f"#/compare?runs={','.join(story.digits[:count])}{more}")
    table = tab.page.get_by_role("region", name="Comparison")
    expect(table).to_be_visible()
    return table


def test_runs_stand_side_by_side_and_what_differs_is_marked(tab: Tab, story: Story) -> None:
    table = compared(tab, story)
    expect(table.get_by_role("columnheader", name=re.compile("digits-0"))).to_have_count(3)
    optimizer = table.get_by_role("row", name=re.compile("^optimizer"))
    expect(optimizer.get_by_role("cell")).to_have_text(["adam", "sgd", "adamw"])
    expect(table.get_by_role("row").filter(has_text="val/loss").get_by_text("best")).to_have_count(
        1
    )
    tab.sees(re.compile("is best in|No run is best"))


def test_differences_and_names_narrow_the_table_in_the_address(tab: Tab, story: Story) -> None:
    table = compared(tab, story)
    tab.page.get_by_label("Only differences").check()
    tab.expect_address("only=differences")
    tab.page.get_by_label("Params and metrics whose name has").fill("lr")
    tab.expect_address("names=lr")
    expect(table.get_by_role("row", name=re.compile("^lr"))).to_be_visible()
    expect(table.get_by_role("row", name=re.compile("^optimizer"))).to_have_count(0)
    tab.page.reload()
    expect(tab.page.get_by_label("Only differences")).to_be_checked()
    expect(tab.page.get_by_label("Params and metrics whose name has")).to_have_value("lr")


def test_a_goal_is_turned_round(tab: Tab, story: Story) -> None:
    table = compared(tab, story)
    row = table.get_by_role("row").filter(has_text="epoch_seconds")
    before = row.get_by_role("button").inner_text()
    row.get_by_role("button").press("Enter")
    tab.expect_address("goals=")
    expect(row.get_by_role("button")).not_to_have_text(before)
    expect(row.get_by_role("button")).to_contain_text("as you said")


def test_a_run_is_left_out(tab: Tab, story: Story) -> None:
    table = compared(tab, story)
    table.get_by_role("button", name="Leave out digits-01").click()
    expect(table.get_by_role("columnheader", name=re.compile("digits-0"))).to_have_count(2)
    tab.expect_address(f"runs={story.digits[0]}(,|%2C){story.digits[2]}")


def test_a_comparison_is_copied_as_csv_without_formulas(tab: Tab, story: Story) -> None:
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=tab.url)
    compared(tab, story)
    tab.page.get_by_role("button", name="Copy as CSV").click()
    expect(tab.page.get_by_role("button", name="Copied")).to_be_visible()
    rows = list(csv.reader(io.StringIO(tab.page.evaluate("() => navigator.clipboard.readText()"))))
    assert rows[0] == ["", "digits-00", "digits-01", "digits-02"]
    assert ["params.optimizer", "adam", "sgd", "adamw"] in rows


def test_charts_of_the_compared_runs_are_below(tab: Tab, story: Story) -> None:
    compared(tab, story)
    tab.page.get_by_role("heading", name="Scatter").scroll_into_view_if_needed()
    tab.page.mouse.wheel(0, 20_000)
    chart = tab.page.get_by_role("region", name="val/loss", exact=True)
    chart.scroll_into_view_if_needed()
    expect(chart.locator("canvas")).to_be_visible()


@pytest.mark.parametrize("count", [0, 1, 11])
def test_too_few_or_too_many_runs_are_told(tab: Tab, story: Story, count: int) -> None:
    tab.open(f"#/compare?runs={','.join(story.digits[:count])}")
    expect(tab.page.locator("main .empty")).to_be_visible()


def test_runs_that_are_not_there_are_told(tab: Tab, story: Story) -> None:
    tab.watch.allow("status of 40[04]")
    tab.open("#/compare?runs=x,y")
    expect(tab.page.locator("main")).to_contain_text(re.compile("nothing to compare|not found"))
    gone = "f" * 32
    tab.open(f"#/compare?runs={story.digits[0]},{story.digits[1]},{gone}")
    expect(tab.page.locator("main")).to_contain_text(re.compile(f"{gone}|no such run|not there"))


def test_all_runs_are_plotted_and_walked_by_the_keyboard(tab: Tab, story: Story) -> None:
    tab.open(f"#/compare?experiment={story.experiment}")
    plot = tab.page.get_by_label(re.compile("^Parallel coordinates of"))
    expect(plot).to_be_visible()
    plot.focus()
    tab.page.keyboard.press("ArrowDown")
    tab.page.keyboard.press("Enter")
    tab.expect_address("#/runs/[0-9a-f]{32}")


def test_runs_are_plotted_against_each_other(tab: Tab, story: Story) -> None:
    tab.open(f"#/compare?experiment={story.experiment}")
    plot = tab.page.get_by_label(re.compile("against .* runs"))
    plot.scroll_into_view_if_needed()
    assert tab.page.locator(".plot-room circle").count() >= RUNS
    tab.page.get_by_label("Across").select_option("params.lr")
    tab.expect_address("across=")
    expect(plot).to_have_attribute("aria-label", re.compile("against (params.)?lr"))
