"""The key, and what is around every page."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Route, expect

from tests.api.process import KEY
from tests.browser.filling import Story
from tests.browser.tab import KEY_NAME, Tab

EVERYWHERE = """\
() => JSON.stringify([{ ...localStorage }, document.cookie, location.href, history.state,
  document.documentElement.outerHTML,
  [...document.querySelectorAll("input, textarea")].map((one) => one.value)])"""


def made_key(api: httpx.Client, role: str) -> Any:
    answer = api.post("/api/v1/keys", json={"name": f"to {role}", "role": role})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_key_that_is_pasted_opens_the_page_that_was_asked_for(
    bare_tab: Tab, story: Story
) -> None:
    bare_tab.open(f"#/experiments/{story.experiment}")
    page = bare_tab.page
    expect(page.get_by_label("Key", exact=True)).to_be_visible()
    page.get_by_label("Key", exact=True).fill(f"  {KEY} ")
    page.keyboard.press("Enter")
    bare_tab.sees("digits-39")
    assert page.evaluate("(name) => sessionStorage.getItem(name)", KEY_NAME) == KEY


def test_the_key_is_in_the_session_storage_and_nowhere_else(bare_tab: Tab, story: Story) -> None:
    bare_tab.open("")
    page = bare_tab.page
    page.get_by_label("Key", exact=True).fill(KEY)
    page.get_by_role("button", name="Open").click()
    for address in (
        "#/experiments",
        f"#/experiments/{story.experiment}",
        f"#/runs/{story.with_files}/files?file=notes.md",
    ):
        bare_tab.go(address)
        assert KEY not in page.evaluate(EVERYWHERE)
    assert page.context.cookies() == []
    for request in bare_tab.watch.requests:
        assert KEY not in request.url
        if "/api/" not in request.url:
            assert KEY not in json.dumps(request.headers)


def test_a_file_is_fetched_without_the_key(tab: Tab, story: Story) -> None:
    tab.open(f"#/runs/{story.with_files}/files?file=notes.md")
    tab.sees("overfits")
    fetched = [
        one for one in tab.watch.requests if "/_blobs" in one.url or "signature" in one.url.lower()
    ]
    assert fetched, [one.url for one in tab.watch.requests]
    for request in fetched:
        assert KEY not in json.dumps(request.headers)


@pytest.mark.parametrize(
    "given, words",
    [
        ("tb_wrong", "not a key"),
        ("ключ", "not a key"),
        ("tb_keyoftests_" + "x" * 40, "Paste a key that is valid"),
    ],
)
def test_a_wrong_key_is_refused_in_words(bare_tab: Tab, given: str, words: str) -> None:
    bare_tab.watch.allow("status of 401")
    bare_tab.open("")
    bare_tab.page.get_by_label("Key", exact=True).fill(given)
    bare_tab.page.keyboard.press("Enter")
    expect(bare_tab.alert()).to_contain_text(words)
    expect(bare_tab.page.get_by_role("button", name="Open")).to_be_enabled()
    assert bare_tab.page.evaluate("() => sessionStorage.length") == 0


def test_a_key_that_was_revoked_is_told_and_another_asked_for(
    tab: Tab, api: httpx.Client, story: Story
) -> None:
    tab.watch.allow("status of 401")
    made = made_key(api, "read")
    assert api.delete(f"/api/v1/keys/{made['key_id']}").status_code == 204
    tab.type_key(made["key"])
    tab.open(f"#/experiments/{story.experiment}")
    tab.sees(re.compile("no longer valid"))
    tab.page.get_by_label("Key", exact=True).fill(KEY)
    tab.page.keyboard.press("Enter")
    tab.sees("digits-39")


def test_forgetting_the_key_forgets_what_was_shown(tab: Tab, story: Story) -> None:
    tab.open(f"#/experiments/{story.experiment}")
    tab.page.get_by_role("button", name="Forget the key").click()
    expect(tab.page.get_by_label("Key", exact=True)).to_be_visible()
    assert "digits-39" not in tab.page.content()
    assert tab.page.evaluate("() => sessionStorage.length") == 0


def test_another_key_sees_nothing_of_the_one_before(tab: Tab, story: Story) -> None:
    tab.watch.allow("net::ERR_FAILED")
    tab.open(f"#/experiments/{story.experiment}")
    tab.page.get_by_role("button", name="Forget the key").click()
    tab.page.route("**/api/**", lambda route: route.abort())
    tab.page.route("**/api/v1/experiments?limit=1", lambda route: route.fulfill(json={}))
    tab.page.get_by_label("Key", exact=True).fill("tb_ofanother_" + "x" * 40)
    tab.page.keyboard.press("Enter")
    expect(tab.alert().first).to_contain_text("cannot be reached")
    assert "digits-39" not in tab.page.content()
    assert "Digits classifier" not in tab.page.content()


def test_a_server_that_is_away_is_told_and_asked_again(tab: Tab, story: Story) -> None:
    away: list[Route] = []

    def refuse(route: Route) -> None:
        away.append(route)
        route.abort()

    tab.watch.allow("net::ERR_FAILED")
    tab.page.route("**/api/**", refuse)
    for address in (
        "#/experiments",
        f"#/experiments/{story.experiment}",
        f"#/runs/{story.digits[0]}",
        "#/artifacts",
    ):
        tab.open(address)
        expect(tab.alert().first).to_contain_text("The server cannot be reached")
    tab.page.unroute("**/api/**")
    tab.open("#/experiments")
    tab.page.route("**/api/**", refuse)
    tab.go(f"#/runs/{story.digits[0]}")
    expect(tab.alert().first).to_be_visible()
    tab.page.unroute("**/api/**")
    tab.page.get_by_role("button", name="Try again").first.click()
    tab.sees("digits-00")
    expect(tab.alert()).to_have_count(0)


def test_a_busy_store_is_asked_again_by_itself(tab: Tab, story: Story) -> None:
    tab.watch.allow("status of 503")
    answered = 0

    def busy(route: Route) -> None:
        nonlocal answered
        answered += 1
        if answered > 1:
            route.continue_()
            return
        body = {"error": {"code": "unavailable", "message": "the store is away"}}
        route.fulfill(status=503, json=body, headers={"retry-after": "0"})

    tab.page.route("**/api/v1/experiments?*", busy)
    tab.open("#/experiments?search=Digits")
    tab.sees("Digits classifier")
    assert answered > 1


def test_an_answer_that_is_no_json_is_told(tab: Tab) -> None:
    tab.watch.allow("status of 502")
    tab.page.route(
        "**/api/**", lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>")
    )
    tab.open("#/experiments")
    expect(tab.alert()).to_contain_text("answered 502")


def test_a_key_to_read_cannot_write_and_is_told_so(
    tab: Tab, api: httpx.Client, story: Story
) -> None:
    tab.watch.allow("status of 403")
    tab.type_key(made_key(api, "read")["key"])
    tab.open(f"#/runs/{story.digits[1]}/notes")
    tab.page.get_by_role("button", name="Write notes").click()
    tab.page.get_by_label("Notes, in markdown").fill("never kept")
    tab.page.get_by_role("button", name="Save").click()
    expect(tab.alert()).to_contain_text("Ask an administrator")
    expect(tab.page.get_by_label("Notes, in markdown")).to_have_value("never kept")


@pytest.mark.parametrize(
    "address", ["#/runs/" + "f" * 32, "#/experiments/no-such", "#/runs/%00", "#/artifacts/no-such"]
)
def test_what_does_not_exist_is_told_in_words(tab: Tab, address: str) -> None:
    tab.watch.allow(r"status of 40[04]")
    tab.open(address)
    expect(tab.alert().first).to_be_visible()
    assert "undefined" not in tab.page.inner_text("main")


@pytest.mark.parametrize(
    "address", ["#/nowhere", "#/experiments/x/y/z/%ZZ", "#///", "#/%E0%A4%A", "#?a=1&a=2"]
)
def test_an_address_that_is_not_whole_breaks_nothing(tab: Tab, address: str) -> None:
    tab.watch.allow(r"status of 404")
    tab.open(address)
    expect(tab.page.locator("main")).not_to_be_empty()
    expect(tab.page.get_by_role("link", name="Trialbook")).to_be_visible()


def test_the_first_thing_a_keyboard_reaches_leads_to_the_content(tab: Tab) -> None:
    tab.open("#/experiments")
    tab.page.keyboard.press("Tab")
    expect(tab.page.get_by_text("Skip to the content")).to_be_focused()
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("main")).to_be_focused()
    tab.page.keyboard.press("Tab")
    expect(tab.page.get_by_label("Search by name or slug")).to_be_focused()
    assert tab.address() == "#/experiments"


def test_a_step_to_another_page_tells_where_it_led(tab: Tab, story: Story) -> None:
    """To who hears the page: its title changes, and reading goes on in what is new."""
    tab.open(f"#/experiments/{story.experiment}")
    tab.page.get_by_role("link", name="digits-39").press("Enter")
    expect(tab.page).to_have_title("digits-39 · Trialbook")
    expect(tab.page.locator("main")).to_be_focused()


def test_colours_that_were_chosen_stay(tab: Tab) -> None:
    tab.open("#/experiments")
    root = tab.page.locator("html")
    light = root.evaluate("(one) => getComputedStyle(one).backgroundColor")
    tab.page.get_by_role("button", name="Dark colours").click()
    expect(root).not_to_have_css("background-color", light)
    tab.page.reload()
    expect(tab.page.get_by_role("button", name="Light colours")).to_be_visible()
    expect(root).not_to_have_css("background-color", light)
