"""The browser: where it is, and how it is started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, sync_playwright

VARIABLE: Final = "TEST_CHROMIUM"
"""The path of the program, for the tests; without it there are none."""
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
MISSING: Final = (
    "There is no Chromium: install one (`apt-get install chromium` on Debian),"
    " or name its program in TRIALBOOK_CHROMIUM"
)


def found() -> str | None:
    """The program that TRIALBOOK_CHROMIUM names, else the first one on the PATH."""
    given = os.environ.get("TRIALBOOK_CHROMIUM")
    names = _NAMES if given is None else (given,)
    return next((path for path in map(shutil.which, names) if path is not None), None)


@contextmanager
def started(program: str) -> Generator[Browser]:
    """Without a window."""
    # Its sandbox needs a user of its own, which root is not.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
