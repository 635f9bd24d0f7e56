"""What a page may never do, whatever a test is about."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Page, Request, WebError

_OWN: Final = ("data:", "blob:", "about:")
_VIOLATIONS: Final = """\
addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


class Watch:
    """Collects errors, violations of the policy, dialogs and requests to other hosts in all tabs of
    a context. `allow` takes a pattern of what a test causes on purpose."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.problems: list[str] = []
        self.requests: list[Request] = []
        self.in_flight: set[Request] = set()
        self._allowed: list[str] = []
        self._origin = _origin(url)
        context.add_init_script(_VIOLATIONS)
        context.on("console", self._said)
        context.on("weberror", self._failed)
        context.on("dialog", self._asked)
        context.on("request", self._requested)
        context.on("requestfinished", self._ended)
        context.on("requestfailed", self._ended)
        context.on("page", self._opened)
        self._pages = 0

    def allow(self, pattern: str) -> None:
        self._allowed.append(pattern)

    def unexpected(self) -> list[str]:
        return [
            one
            for one in self.problems
            if not any(re.search(pattern, one) for pattern in self._allowed)
        ]

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning", "assert"}:
            where = message.location["url"]
            self.problems.append(f"console {message.type}: {message.text} ({where})")

    def _failed(self, error: WebError) -> None:
        self.problems.append(f"error: {error.error}")

    def _asked(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _opened(self, page: Page) -> None:
        self._pages += 1
        if self._pages > 1:
            self.problems.append(f"another tab: {page.url}")

    def _requested(self, request: Request) -> None:
        self.requests.append(request)
        if request.resource_type != "media":  # a player leaves what it does not need yet
            self.in_flight.add(request)
        if not request.url.startswith(_OWN) and _origin(request.url) != self._origin:
            self.problems.append(f"request to another host: {request.url}")

    def _ended(self, request: Request) -> None:
        self.in_flight.discard(request)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
