"""The list of experiments."""

from __future__ import annotations

import re
from typing import Any

import httpx
from playwright.sync_api import expect

from tests.browser.filling import Story
from tests.browser.filling_variants import Trials
from tests.browser.tab import Tab


def test_each_experiment_is_a_row_that_leads_to_its_runs(tab: Tab, story: Story) -> None:
    tab.open("#/experiments")
    row = tab.page.get_by_role("row").filter(has_text="Digits classifier")
    expect(row).to_contain_text("Which small network reads")
    expect(row).to_contain_text("team: vision")
    expect(row.get_by_role("cell").nth(2)).to_have_text("42")
    expect(tab.page).to_have_title("Experiments · Trialbook")
    row.get_by_role("link", name="Digits classifier").click()
    tab.sees("digits-39")
    tab.expect_address(f"#/experiments/{story.experiment}$")
    tab.page.go_back()
    expect(row).to_be_visible()


def test_words_narrow_the_list_and_are_in_the_address(tab: Tab, story: Story) -> None:
    tab.open("#/experiments")
    tab.page.get_by_label("Search by name or slug").fill("digits")
    tab.expect_address(r"#/experiments\?search=digits$")
    expect(tab.page.locator("tbody tr")).to_have_count(1)
    expect(tab.page.get_by_text("1 experiment shown")).to_be_visible()
    tab.page.reload()
    expect(tab.page.get_by_label("Search by name or slug")).to_have_value("digits")
    expect(tab.page.locator("tbody tr")).to_have_count(1)
    tab.page.get_by_label("Search by name or slug").fill("no such words %_'")
    tab.sees("No experiment has this in its name.")


def test_a_step_back_after_searching_shows_what_was_searched(tab: Tab, story: Story) -> None:
    tab.open("#/experiments?search=digits")
    tab.page.get_by_role("link", name="Digits classifier").click()
    tab.sees("digits-39")
    tab.page.get_by_role("link", name="Trialbook").click()
    expect(tab.page.get_by_label("Search by name or slug")).to_have_value("")
    expect(tab.page.get_by_role("link", name="Nothing yet")).to_be_visible()
    tab.page.go_back()
    tab.page.go_back()
    expect(tab.page.get_by_label("Search by name or slug")).to_have_value("digits")
    expect(tab.page.locator("tbody tr")).to_have_count(1)


def test_the_way_to_all_experiments_forgets_the_words(tab: Tab, story: Story) -> None:
    tab.open("#/experiments?search=digits")
    tab.page.get_by_role("link", name="Experiments").click()
    expect(tab.page.get_by_role("link", name="Odd numbers")).to_be_visible()
    expect(tab.page.get_by_label("Search by name or slug")).to_have_value("")
    tab.expect_address("#/experiments$")


def test_a_tag_narrows_the_list(tab: Tab, story: Story) -> None:
    tab.open("#/experiments")
    tab.page.get_by_role("button", name="team: vision").click()
    tab.expect_address("tag=team")
    expect(tab.page.locator("tbody tr")).to_have_count(1)
    tab.page.get_by_role("button", name="Tag team: vision ✕").click()
    expect(tab.page.get_by_role("link", name="Nothing yet")).to_be_visible()


def test_archived_experiments_are_apart(tab: Tab, story: Story) -> None:
    tab.open("#/experiments")
    expect(tab.page.get_by_role("link", name="An idea of last year")).to_have_count(0)
    tab.page.get_by_label("Archived").check()
    tab.expect_address("stage=deleted")
    tab.page.get_by_role("link", name="An idea of last year").click()
    tab.sees(re.compile("archived: it can be read"))


def test_an_a_b_test_shows_its_status_which_leads_to_the_results(
    tab: Tab, variants: Trials
) -> None:
    tab.open("#/experiments?search=checkout")
    tab.page.get_by_role("link", name="active").click()
    tab.expect_address(f"{variants.checkout}/results$")


def test_more_than_a_hundred_come_page_by_page(tab: Tab, api: httpx.Client) -> None:
    for number in range(101):
        answer = api.post("/api/v1/experiments", json={"name": f"page by page {number:03}"})
        assert answer.status_code == 201
    tab.open("#/experiments?search=page%20by%20page")
    tab.sees("100 experiments shown of 101")
    tab.page.get_by_role("button", name="Show more").click()
    tab.sees("101 experiments shown")
    expect(tab.page.locator("tbody tr")).to_have_count(101)
    expect(tab.page.get_by_role("button", name="Show more")).to_have_count(0)
    for number in range(101):
        assert api.delete(f"/api/v1/experiments/page-by-page-{number:03}").status_code == 204


def test_a_tenant_without_experiments_is_told_how_to_begin(tab: Tab) -> None:
    nothing: dict[str, Any] = {
        "experiments": [],
        "total": 0,
        "limit": 100,
        "offset": 0,
        "next_cursor": None,
    }
    tab.page.route("**/api/v1/experiments?*", lambda route: route.fulfill(json=nothing))
    tab.open("#/experiments")
    tab.sees("No experiments yet")
    tab.sees(re.compile("tb.start_run"))
