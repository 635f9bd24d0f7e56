"""Results of A/B experiments."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import expect

from tests.browser.filling_variants import DAYS, UNITS, Trials
from tests.browser.tab import Tab


def test_units_intervals_and_a_conclusion_are_shown(tab: Tab, variants: Trials) -> None:
    tab.open(f"#/experiments/{variants.checkout}/results")
    tab.sees(re.compile(f"{UNITS:,} units"))
    row = tab.page.get_by_role("row").filter(has_text="Large button")
    expect(row).to_contain_text("1,500")
    revenue = tab.page.locator("section.metric").filter(has_text="revenue")
    expect(revenue.locator("svg").first).to_be_visible()
    expect(revenue.locator(".conclusions")).to_contain_text("large")
    expect(tab.page.get_by_role("heading", name="Guardrails")).to_be_visible()


def test_what_is_looked_at_is_in_the_address(tab: Tab, variants: Trials) -> None:
    tab.open(f"#/experiments/{variants.checkout}/results")
    main = tab.page.locator("main")
    main.get_by_role("combobox", name="Metric", exact=True).select_option("revenue")
    main.get_by_label("Compared with").select_option("large")
    main.get_by_label("Confidence").select_option("0.9")
    main.get_by_label("Differences").select_option("relative")
    main.get_by_label("Split by").select_option("country")
    for part in (
        "metric=revenue",
        "baseline=large",
        r"confidence=0\.9",
        "shown=relative",
        "dimension=country",
    ):
        tab.expect_address(part)
    expect(tab.page.locator("section.metric")).to_have_count(1)
    tab.page.reload()
    expect(main.get_by_label("Compared with")).to_have_value("large")
    expect(main.get_by_label("Split by")).to_have_value("country")
    expect(main.get_by_role("heading", name="By country")).to_be_visible()
    expect(main.get_by_role("img", name=re.compile("de.*fr.*jp"))).to_be_visible()
    tab.page.get_by_role("button", name="Reset").click()
    expect(tab.page).to_have_url(re.compile("/results$"))


def test_days_are_chosen(tab: Tab, variants: Trials, api: httpx.Client) -> None:
    days = api.get(f"/experiment/{variants.checkout}/results").json()["days"]
    assert days >= DAYS
    tab.open(f"#/experiments/{variants.checkout}/results?from=2000-01-01&to=2000-01-02")
    tab.sees(re.compile("Nothing can be said|No metric is logged in these days"))
    expect(tab.page.get_by_text("There are no logs yet.")).to_have_count(0)


def test_the_way_over_time_is_drawn(tab: Tab, variants: Trials) -> None:
    tab.open(f"#/experiments/{variants.checkout}/results?metric=revenue")
    before = tab.page.locator("section.metric svg").count()
    tab.page.get_by_label("Over time").check()
    tab.expect_address("over=1")
    expect(tab.page.locator("section.metric svg")).not_to_have_count(before)


def test_a_broken_split_forbids_every_conclusion(tab: Tab, variants: Trials) -> None:
    tab.open(f"#/experiments/{variants.mismatch}/results")
    expect(tab.alert()).to_contain_text("Nothing can be concluded")
    expect(tab.page.locator(".conclusions")).to_have_count(0)


def test_logs_are_narrowed_and_opened(tab: Tab, variants: Trials) -> None:
    tab.open(f"#/experiments/{variants.checkout}/results")
    rows = tab.page.locator("table", has_text="Details").locator("tbody tr")
    expect(rows).to_have_count(20)
    tab.page.get_by_role("button", name="Show more").click()
    expect(rows).to_have_count(40)
    box = tab.page.get_by_label("Only logs with")
    box.fill("revenue")
    box.press("Enter")
    tab.sees(re.compile("Write a metric, a sign and a number"))
    box.fill("revenue>26.9")
    box.press("Enter")
    tab.expect_address("where=revenue")
    expect(rows.first).to_contain_text(re.compile(r"revenue\s*2[67]"))
    tab.page.get_by_role("combobox", name="Variant", exact=True).select_option("control")
    tab.sees("No log fits.")
    tab.page.get_by_role("button", name=re.compile("^revenue>26.9")).click()
    rows.first.get_by_role("button", name=re.compile("Details")).press("Enter")
    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_contain_text('"variantKey": "control"')
    tab.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_status_changes_after_a_question(tab: Tab, api: httpx.Client) -> None:
    made = api.post(
        "/api/v1/experiments",
        json={
            "name": "to start",
            "variants": [{"key": "A", "weight": 50}, {"key": "B", "weight": 50}],
        },
    ).json()
    tab.open(f"#/experiments/{made['slug']}/results")
    dialog = tab.page.get_by_role("dialog")
    for button, status in (
        ("Start", "active"),
        ("Pause", "paused"),
        ("Resume", "active"),
        ("Complete", "completed"),
    ):
        tab.page.get_by_role("button", name=button, exact=True).click()
        dialog.get_by_role("button", name=button).click()
        expect(dialog).to_have_count(0)
        expect(tab.page.locator(".results-head .status")).to_have_text(status)
        assert api.get(f"/api/v1/experiments/{made['id']}").json()["status"] == status
    expect(tab.page.locator(".results-steps button")).to_have_count(0)


def test_a_status_that_somebody_else_changed_is_told(tab: Tab, api: httpx.Client) -> None:
    tab.watch.allow("status of 409")
    made = api.post(
        "/api/v1/experiments",
        json={"name": "to race", "variants": [{"key": "A", "weight": 100}], "status": "active"},
    ).json()
    tab.open(f"#/experiments/{made['slug']}/results")
    api.patch(f"/api/v1/experiments/{made['id']}", json={"status": "completed"})
    tab.page.get_by_role("button", name="Pause", exact=True).click()
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Pause").click()
    expect(dialog.get_by_role("alert")).to_contain_text("load it again")


def test_a_test_without_logs_says_how_to_log(tab: Tab, variants: Trials) -> None:
    tab.open(f"#/experiments/{variants.draft}/results")
    tab.sees("Nothing is logged yet")
    tab.sees(re.compile("tb.experiment"))
    assert tab.url in tab.page.inner_text("main")


def test_an_experiment_that_compares_nothing_says_how_it_comes_to(tab: Tab) -> None:
    tab.open("#/experiments/nothing-yet/results")
    tab.sees("This experiment compares no variants")
