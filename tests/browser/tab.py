"""A tab of the page: opened by an address, with a key that was typed before."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from playwright.sync_api import Locator, Page, expect

from tests.api.process import KEY
from tests.browser.watching import Watch

KEY_NAME: Final = "trialbook.key"
_FRAMES: Final = (
    "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
)
_QUIET_ROUNDS: Final = 2
_MOST_ROUNDS: Final = 400


@dataclass(frozen=True)
class Tab:
    page: Page
    watch: Watch
    url: str

    def type_key(self, key: str = KEY) -> None:
        """As if the form had been filled in before: the next page that is opened has the key."""
        self.page.add_init_script(
            f"""if (location.protocol !== "about:" && window.name !== {json.dumps(key)}) {{
              window.name = {json.dumps(key)};
              sessionStorage.setItem({json.dumps(KEY_NAME)}, {json.dumps(key)});
            }}"""
        )

    def open(self, address: str) -> None:
        """Load the page at `#/…` anew, and wait until it is at rest."""
        if self.page.url.startswith(f"{self.url}/#"):
            self.page.goto("about:blank")
        self.page.goto(f"{self.url}/{address}")
        self.settle()

    def go(self, address: str) -> None:
        """Follow a link to `#/…` within the page that is open."""
        self.page.evaluate("(address) => { location.hash = address; }", address)
        self.settle()

    def settle(self) -> None:
        """Until nothing is asked for any more, and what came is drawn."""
        quiet = 0
        for _ in range(_MOST_ROUNDS):
            self.page.evaluate(_FRAMES)
            quiet = 0 if self.watch.in_flight else quiet + 1
            if quiet == _QUIET_ROUNDS:
                break
        else:
            waiting = [one.url for one in self.watch.in_flight]
            raise AssertionError(f"the page asks and asks: {waiting}")
        expect(self.page.locator(".loading")).to_have_count(0)

    def address(self) -> str:
        """From the hash on."""
        return self.page.url.removeprefix(f"{self.url}/")

    def expect_address(self, pattern: str) -> None:
        """Until the address has the pattern in it."""
        expect(self.page).to_have_url(re.compile(pattern))

    def sees(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible()

    def alert(self) -> Locator:
        return self.page.get_by_role("alert")

    def asking(self, part: str, act: Callable[[], Any]) -> Any:
        """What is sent to a path with that part in it when `act` is done: the JSON of the body."""
        with self.page.expect_request(lambda one: part in one.url) as caught:
            act()
        return caught.value.post_data_json
