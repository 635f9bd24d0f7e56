"""Artifacts: found by words and meaning, one of them, and named values."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.filling import Story
from tests.browser.tab import Tab

QUERY = "Search artifacts by what they are about"


def test_artifacts_are_listed_newest_first(tab: Tab, story: Story) -> None:
    tab.open("#/artifacts")
    names = tab.page.locator("td.artifact-name a")
    expect(names.first).to_have_text("errors.png")
    expect(tab.page.get_by_text(f"{len(story.artifacts)} artifacts, newest first")).to_be_visible()


def test_words_find_artifacts_and_say_why(tab: Tab, story: Story) -> None:
    tab.open("#/artifacts")
    tab.page.get_by_label(QUERY).fill("cats on a sofa")
    tab.expect_address("query=cats")
    expect(tab.page.locator("td.artifact-name a").first).to_have_text("cats.txt")
    expect(tab.page.locator("td.artifact-why").first).not_to_be_empty()
    tab.page.reload()
    expect(tab.page.get_by_label(QUERY)).to_have_value("cats on a sofa")
    expect(tab.page.locator("td.artifact-name a").first).to_have_text("cats.txt")


def test_the_way_to_all_artifacts_forgets_the_words(tab: Tab, story: Story) -> None:
    tab.open("#/artifacts?query=cats")
    tab.page.get_by_role("navigation", name="Main").get_by_role("link", name="Artifacts").click()
    tab.sees(re.compile("newest first"))
    expect(tab.page.get_by_label(QUERY)).to_have_value("")
    tab.expect_address("#/artifacts$")


def test_what_fits_nothing_is_told(tab: Tab, story: Story) -> None:
    tab.open("#/artifacts?kind=no-such-kind")
    tab.sees("No artifact fits.")
    tab.page.get_by_role("link", name="Show all").click()
    tab.sees("cats.txt")


def test_kind_tag_and_metric_narrow_the_list(tab: Tab, story: Story) -> None:
    tab.open("#/artifacts")
    tab.page.get_by_role("button", name="table", exact=True).click()
    tab.expect_address("kind=table")
    expect(tab.page.locator("td.artifact-name a")).to_have_text(["predictions.csv"])
    tab.open("#/artifacts")
    tab.page.get_by_role("button", name="reviewed").click()
    expect(tab.page.locator("td.artifact-name a")).to_have_text(["cats.txt"])
    tab.page.get_by_role("search").get_by_role("button", name="reviewed").click()
    expect(tab.page.locator("td.artifact-name a")).to_have_count(len(story.artifacts))
    box = tab.page.get_by_label("Best by")
    box.fill("score")
    box.press("Enter")
    tab.expect_address("metric=score")
    expect(tab.page.locator("td.artifact-name a").first).to_have_text("bread.txt")


def test_an_artifact_is_pinned_and_unpinned(tab: Tab, api: httpx.Client, story: Story) -> None:
    artifact = story.artifacts["rivers.txt"]
    tab.open(f"#/artifacts/{artifact}")
    tab.page.get_by_role("button", name="Pin", exact=True).click()
    expect(tab.page.get_by_role("button", name="Unpin")).to_be_visible()
    assert api.get(f"/api/v1/artifacts/{artifact}").json()["pinned"] is True
    tab.page.get_by_role("button", name="Unpin").click()
    expect(tab.page.get_by_role("button", name="Pin", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    "name, words",
    [("cats.txt", "sleep on a sofa"), ("predictions.csv", "class")],
)
def test_an_artifact_is_previewed(tab: Tab, story: Story, name: str, words: str) -> None:
    tab.open(f"#/artifacts/{story.artifacts[name]}")
    expect(tab.page.get_by_role("heading", level=1)).to_have_text(name)
    expect(tab.page.locator("main")).to_contain_text(words)


def test_an_artifact_is_downloaded(tab: Tab, story: Story, tmp_path: Path) -> None:
    tab.watch.allow("another tab")
    tab.open(f"#/artifacts/{story.artifacts['predictions.csv']}")
    with tab.page.expect_download() as caught:
        tab.page.get_by_role("button", name="Download").click()
    caught.value.save_as(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "id,class\n1,7\n2,3\n"


def test_an_artifact_is_deleted_after_a_question(tab: Tab, api: httpx.Client, story: Story) -> None:
    twin = api.get(f"/api/v1/artifacts/{story.artifacts['cats.txt']}").json()
    made = api.post(
        "/api/v1/artifacts",
        json={"name": "to delete", "kind": "scratch", "sha256": twin["sha256"]},
    )
    assert made.status_code == 201, made.text
    artifact = made.json()["artifact_id"]
    tab.open(f"#/artifacts/{artifact}")
    tab.page.get_by_role("button", name="Delete", exact=True).click()
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Cancel").click()
    assert api.get(f"/api/v1/artifacts/{artifact}").status_code == 200
    tab.page.get_by_role("button", name="Delete", exact=True).click()
    dialog.get_by_role("button", name="Delete").click()
    tab.expect_address("#/artifacts$")
    assert api.get(f"/api/v1/artifacts/{artifact}").status_code == 404


def test_named_values_of_each_kind_are_opened(tab: Tab, story: Story) -> None:
    tab.open(f"#/experiments/{story.experiment}/artifacts")
    for name, words in (
        ("best accuracy", "0.9731"),
        ("environment", '"python": "3.13"'),
        ("classes", "[0,1,2,3]"),
        ("summary", "overfits"),
    ):
        row = tab.page.get_by_role("row").filter(has=tab.page.get_by_role("button", name=name))
        expect(row.first).to_be_visible()
        tab.page.get_by_role("button", name=re.compile(f"^.? ?{name}$")).press("Enter")
        expect(tab.page.locator("main")).to_contain_text(words)
    tab.page.get_by_role("button", name=re.compile("^.? ?sample$")).click()
    expect(tab.page.get_by_role("img", name="sample")).to_be_visible()
    tab.page.get_by_role("button", name=re.compile("^.? ?calibration$")).click()
    tab.sees(re.compile("60 points"))
    tab.expect_address("open=calibration")
    tab.page.reload()
    tab.sees(re.compile("60 points"))


def test_an_experiment_without_values_says_how_to_keep_one(tab: Tab, story: Story) -> None:
    tab.open(f"#/experiments/{story.nothing}/artifacts")
    tab.sees("No named values yet")
    expect(tab.page.locator("main pre")).to_contain_text("best accuracy")


def test_a_named_value_is_deleted_after_a_question(
    tab: Tab, api: httpx.Client, story: Story
) -> None:
    path = f"/api/v1/experiments/{story.scratch}/artifacts"
    assert (
        api.post(path, json={"name": "to delete", "kind": "value", "value": 1}).status_code == 200
    )
    tab.open(f"#/experiments/{story.scratch}/artifacts")
    tab.page.get_by_role("button", name="Delete to delete").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    tab.sees("No named values yet")
    assert api.get(f"{path}/to delete").status_code == 404
