"""Nobody is kept out: axe finds nothing on any page, light or dark, and no page is too wide."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final, Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.api.process import Serving
from tests.browser import axe
from tests.browser.conftest import opened_tab
from tests.browser.filling import Story
from tests.browser.filling_variants import Trials
from tests.browser.pages import EXPECTED_ERRORS, PAGES, address
from tests.browser.tab import Tab

_RUN: Final = """\
async () => {
  const { violations } = await axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    resultTypes: ["violations"],
  });
  return violations.flatMap(({ id, nodes }) =>
    nodes.slice(0, 5).map((node) => `${id}: ${node.html.slice(0, 200)}`));
}"""
_TOO_WIDE: Final = """\
() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const isScrolled = (one) => one.parentElement?.closest(".scroll, .runs-scroll, pre, .code");
  return [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > width + 1 && !isScrolled(one))
    .map((one) => `${one.parentElement.localName}.${one.parentElement.className} > ` +
      `${one.localName}.${one.className}: ${one.textContent.slice(0, 30)}`);
}"""


@pytest.fixture(scope="module")
def reader(browser: Browser, server: Serving) -> Generator[Tab]:
    """One tab that goes from page to page."""
    for tab in opened_tab(browser, server.url):
        tab.type_key()
        tab.open("#/nowhere")
        tab.page.evaluate(axe.source())
        yield tab


@pytest.mark.parametrize("name", PAGES)
def test_nobody_is_kept_out(reader: Tab, name: str, story: Story, variants: Trials) -> None:
    template, words = PAGES[name]
    if name in EXPECTED_ERRORS:
        reader.watch.allow(EXPECTED_ERRORS[name])
    reader.go("#/nowhere")  # each begins with what its address says, and with nothing else
    reader.go(address(template, story, variants))
    reader.sees(words)
    found = barriers(reader)
    reader.page.set_viewport_size({"width": 380, "height": 800})
    reader.settle()
    found += reader.page.evaluate(_TOO_WIDE)
    reader.page.set_viewport_size({"width": 1280, "height": 800})
    assert not found, "\n".join(found)


def test_nobody_is_kept_out_of_the_form_for_the_key(bare_tab: Tab) -> None:
    bare_tab.open("")
    bare_tab.page.evaluate(axe.source())
    assert barriers(bare_tab) == []
    bare_tab.page.set_viewport_size({"width": 380, "height": 800})
    assert bare_tab.page.evaluate(_TOO_WIDE) == []


@pytest.mark.parametrize("name", ["Columns …", "Choose runs", "Edit", "Compare with …", "Pause"])
def test_nobody_is_kept_out_of_a_dialog(
    reader: Tab, name: str, story: Story, variants: Trials
) -> None:
    reader.go(
        {
            "Columns …": f"#/experiments/{story.experiment}",
            "Choose runs": f"#/experiments/{story.experiment}/charts",
            "Pause": f"#/experiments/{variants.checkout}/results",
        }.get(name, f"#/runs/{story.digits[0]}")
    )
    reader.page.get_by_role("button", name=name).click()
    expect(reader.page.get_by_role("dialog")).to_be_visible()
    reader.settle()
    assert barriers(reader) == []
    reader.page.set_viewport_size({"width": 380, "height": 800})
    box = reader.page.get_by_role("dialog").bounding_box()
    reader.page.set_viewport_size({"width": 1280, "height": 800})
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 380
    reader.page.keyboard.press("Escape")
    expect(reader.page.get_by_role("dialog")).to_have_count(0)


def barriers(tab: Tab) -> list[str]:
    """What axe finds, in light and in dark colours."""
    found: list[str] = []
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        tab.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        tab.settle()
        found += [f"{scheme}: {one}" for one in tab.page.evaluate(_RUN)]
    return found
