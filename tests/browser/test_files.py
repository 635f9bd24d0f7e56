"""Files of a run and what is seen of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.browser.filling import Story
from tests.browser.tab import Tab

BYTES = re.compile(r"/_blobs/")
"""Where the server has them, by presigned URLs."""


def opened(tab: Tab, story: Story, path: str) -> Locator:
    tab.open(f"#/runs/{story.with_files}/files?file={path}")
    return tab.page.locator(".file-shown")


def test_folders_are_opened_and_a_file_chosen_by_the_keyboard(tab: Tab, story: Story) -> None:
    tab.open(f"#/runs/{story.with_files}/files")
    tree = tab.page.get_by_role("navigation", name="Files of the run")
    for name in ("deep/", "er/", "still/"):
        tree.get_by_role("button", name=name, exact=True).press("Enter")
    tree.get_by_role("button", name=re.compile("Größe")).press("Enter")
    expect(tab.page.get_by_text("found it")).to_be_visible()
    tab.expect_address("file=deep")
    tab.page.reload()
    expect(tab.page.get_by_text("found it")).to_be_visible()
    expect(tree.get_by_role("button", name=re.compile("Größe"))).to_have_attribute(
        "aria-current", "true"
    )


@pytest.mark.parametrize(
    "path",
    [
        "plots/confusion matrix.png", "plots/shape.svg", "plots/photo.jpg", "plots/photo.webp",
        "plots/blink.gif",
    ],
)  # fmt: skip
def test_a_picture_is_shown(tab: Tab, story: Story, path: str) -> None:
    image = opened(tab, story, path).get_by_role("img", name=path)
    expect(image).to_be_visible()
    expect(image).to_have_js_property("complete", value=True)
    assert image.evaluate("(one) => one.naturalWidth") > 0


def test_a_table_is_shown_as_one(tab: Tab, story: Story) -> None:
    shown = opened(tab, story, "tables/history.csv")
    expect(shown.get_by_role("columnheader")).to_have_text(["epoch", "loss", "note"])
    expect(shown.locator("tbody tr")).to_have_count(200)
    expect(shown).to_contain_text("The first 200 rows")
    shown.get_by_label("As it is written").check()
    expect(shown.locator("pre")).to_contain_text("0,1.0000,row 0")
    expect(opened(tab, story, "tables/history.tsv").locator("tbody tr")).to_have_count(5)


def test_a_sound_can_be_played(tab: Tab, story: Story) -> None:
    player = opened(tab, story, "sounds/tone.wav").locator("audio")
    expect(player).to_be_visible()
    expect(player).to_have_js_property("duration", 0.5)


def test_json_keeps_its_digits(tab: Tab, story: Story) -> None:
    shown = opened(tab, story, "config.json")
    expect(shown.locator("pre")).to_contain_text('"seed": 12345678901234567890')
    expect(opened(tab, story, "broken.json")).to_contain_text("It is not valid JSON")


def test_markdown_is_shown_as_elements(tab: Tab, story: Story) -> None:
    shown = opened(tab, story, "notes.md")
    expect(shown.locator("strong", has_text="overfits")).to_be_visible()
    expect(shown.get_by_role("cell", name="0.95")).to_be_visible()


def test_of_a_long_text_the_beginning_is_fetched(tab: Tab, story: Story) -> None:
    shown = opened(tab, story, "train.log")
    expect(shown).to_contain_text(re.compile(r"The first 2\d\d KB of the file"))
    expect(shown.locator("pre")).to_contain_text("loss is falling")
    ranges = [one.headers["range"] for one in tab.watch.requests if "range" in one.headers]
    assert len(ranges) == 1
    assert re.fullmatch(r"bytes=0-2\d{5}", ranges[0])


@pytest.mark.parametrize(
    "path, words",
    [
        ("train.py", 'print("training")'),
        ("page.html", "<h1>A report</h1>"),
        ("empty.txt", "The file is empty."),
        ("weights.bin", "There is no preview of this kind of file."),
        ("clip.mp4", "This video cannot be shown"),
        ("no/such/file.txt", "The run has no such file"),
    ],
)
def test_what_is_no_picture_is_told_or_shown_as_text(
    tab: Tab, story: Story, path: str, words: str
) -> None:
    tab.watch.allow("MEDIA_ELEMENT_ERROR|DEMUXER")
    expect(opened(tab, story, path)).to_contain_text(words)


def test_a_file_is_downloaded_under_its_name(tab: Tab, story: Story, tmp_path: Path) -> None:
    opened(tab, story, "weights.bin")
    with tab.page.expect_download() as caught:
        tab.page.get_by_role("button", name="Download").click()
    assert caught.value.suggested_filename == "weights.bin"
    caught.value.save_as(tmp_path / "weights.bin")
    assert (tmp_path / "weights.bin").read_bytes() == bytes(range(256)) * 8


def test_a_link_to_bytes_that_died_is_told_and_asked_again(tab: Tab, story: Story) -> None:
    tab.watch.allow("status of 403|ERR_FAILED")
    tab.open(f"#/runs/{story.with_files}/files")

    def dead(route: Route) -> None:
        route.fulfill(status=403, body="expired")

    tab.page.route(BYTES, dead, times=1)
    tab.page.get_by_role("button", name=re.compile("train.py")).click()
    expect(tab.alert()).to_contain_text("answered 403")
    tab.page.get_by_role("button", name="Try again").click()
    expect(tab.page.locator(".file-shown pre")).to_contain_text("training")


def test_a_run_without_files_says_how_to_keep_some(tab: Tab, story: Story) -> None:
    tab.open(f"#/runs/{story.bare}/files")
    tab.sees("No files yet")
    tab.sees(re.compile(r"run\.upload"))
