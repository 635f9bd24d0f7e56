"""The page of one run."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import expect

from tests.browser.filling import Story
from tests.browser.tab import Tab


def test_a_run_shows_what_it_was_given_and_what_it_gave(tab: Tab, story: Story) -> None:
    tab.open(f"#/runs/{story.digits[0]}")
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("digits-00")
    for row in ("lr 0.1", "optimizer adam", "augment true", "layers [64]", "owner ada"):
        expect(tab.page.get_by_role("row", name=re.compile(re.escape(row)))).to_be_visible()
    accuracy = tab.page.get_by_role("row", name="val/accuracy")
    expect(accuracy).to_contain_text("30")
    expect(tab.page).to_have_title("digits-00 · Trialbook")
    accuracy.get_by_role("link").click()
    tab.expect_address(r"/charts\?metrics=val%2Faccuracy")


def test_numbers_that_are_none_are_shown_as_what_they_are(tab: Tab, story: Story) -> None:
    tab.open(f"#/runs/{story.odd}")
    row = tab.page.get_by_role("row", name=re.compile("^odd"))
    expect(row).to_contain_text("∞")
    expect(row).to_contain_text("−∞")
    expect(tab.page.get_by_role("row", name=re.compile("^only nan"))).to_contain_text("NaN")


def test_a_parent_leads_to_its_children_and_back(tab: Tab, story: Story) -> None:
    tab.open(f"#/runs/{story.parent}")
    tab.page.get_by_role("link", name="sweep-1").click()
    tab.expect_address(story.children[1])
    tab.sees(re.compile("Part of"))
    tab.page.get_by_role("link", name="sweep", exact=True).click()
    tab.expect_address(f"{story.parent}$")


def test_the_tabs_of_a_run_are_links(tab: Tab, story: Story) -> None:
    tab.open(f"#/runs/{story.digits[0]}")
    views = tab.page.get_by_role("navigation", name="Views")
    for name in ("Charts", "Files", "Notes", "Overview"):
        views.get_by_role("link", name=name).press("Enter")
        tab.expect_address(f"/{name.lower()}")
        expect(views.get_by_role("link", name=name)).to_have_attribute("aria-current", "page")
    tab.page.go_back()
    tab.sees("Why the second layer stays")


def test_name_and_tags_are_edited(tab: Tab, api: httpx.Client, story: Story) -> None:
    run = api.post(
        "/api/v1/experiments/runs",
        json={"experiment_id": story.scratch, "name": "to edit", "tags": {"old": "1", "gone": "2"}},
    ).json()
    tab.open(f"#/runs/{run['run_id']}")
    tab.page.get_by_role("button", name="Edit").click()
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("edited <b>")
    tags = dialog.get_by_label(re.compile("^Tags"))
    expect(tags).to_have_value(re.compile("old: 1"))
    tags.fill("old: 1\nnew: 3")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("edited <b>")
    kept = api.get(f"/api/v1/experiments/runs/{run['run_id']}").json()
    assert kept["name"] == "edited <b>"
    own = {name: value for name, value in kept["tags"].items() if not name.startswith("mlflow.")}
    assert own == {"old": "1", "new": "3"}


def test_notes_are_written_in_markdown_and_seen_before_they_are_saved(
    tab: Tab, api: httpx.Client, story: Story
) -> None:
    tab.open(f"#/runs/{story.digits[2]}/notes")
    tab.page.get_by_role("button", name="Write notes").click()
    tab.page.get_by_label("Notes, in markdown").fill("## Result\n\nIt **works**.")
    expect(tab.page.get_by_role("heading", name="Result")).to_be_visible()
    tab.page.get_by_role("button", name="Save").click()
    expect(tab.page.get_by_role("button", name="Edit the notes")).to_be_visible()
    expect(tab.page.locator("strong", has_text="works")).to_be_visible()
    kept = api.get(f"/api/v1/experiments/runs/{story.digits[2]}").json()
    assert kept["description"] == "## Result\n\nIt **works**."
    api.patch(f"/api/v1/experiments/runs/{story.digits[2]}", json={"description": None})


def test_notes_are_shown_as_elements(tab: Tab, story: Story) -> None:
    tab.open(f"#/runs/{story.digits[0]}/notes")
    main = tab.page.locator("main")
    expect(main.get_by_role("heading", name="Why the second layer stays")).to_be_visible()
    expect(main.locator("strong", has_text="overfits")).to_be_visible()
    expect(main.get_by_role("cell", name="0.95")).to_be_visible()
    expect(main.locator(".markdown ol li")).to_have_count(2)
    expect(main.locator("pre", has_text="model.fit")).to_be_visible()
    link = main.get_by_role("link", name="the paper")
    expect(link).to_have_attribute("href", "https://example.org/paper")
    expect(link).to_have_attribute("rel", re.compile("noreferrer"))


def test_a_run_is_archived_after_a_question_and_restored(
    tab: Tab, api: httpx.Client, story: Story
) -> None:
    run = api.post(
        "/api/v1/experiments/runs",
        json={"experiment_id": story.scratch, "name": "to archive"},
    ).json()
    tab.open(f"#/runs/{run['run_id']}")
    tab.page.get_by_role("button", name="Archive").click()
    tab.page.get_by_role("button", name="Archive it").click()
    expect(tab.page.get_by_text("archived", exact=True)).to_be_visible()
    expect(tab.page.get_by_role("button", name="Edit")).to_have_count(0)
    tab.page.get_by_role("button", name="Restore").click()
    expect(tab.page.get_by_role("button", name="Edit")).to_be_visible()
    kept = api.get(f"/api/v1/experiments/runs/{run['run_id']}").json()
    assert kept["lifecycle_stage"] == "active"


def test_a_run_is_compared_with_others(tab: Tab, story: Story) -> None:
    tab.open(f"#/runs/{story.digits[0]}")
    tab.page.get_by_role("button", name="Compare with …").click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Compare", exact=True)).to_be_disabled()
    dialog.get_by_label("Part of a run's name").fill("digits-07")
    dialog.get_by_label(re.compile("digits-07")).check()
    dialog.get_by_role("button", name="Compare", exact=True).click()
    tab.expect_address(rf"#/compare\?runs={story.digits[0]}(,|%2C){story.digits[7]}")


def test_a_run_with_nothing_says_how_to_fill_it(tab: Tab, story: Story) -> None:
    tab.open(f"#/runs/{story.bare}")
    tab.sees(re.compile(r"run\.log_params"))
    tab.sees(re.compile(r"run\.log\("))
