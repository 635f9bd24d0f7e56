"""A browser and a server for all tests; where nobody asked for them, nothing is collected."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from tests.api.process import ROOT, Serving, serving
from tests.browser import chromium, filling, filling_hostile, filling_large, filling_variants
from tests.browser.filling import Story
from tests.browser.filling_hostile import Hostile
from tests.browser.filling_large import Large
from tests.browser.filling_variants import Trials
from tests.browser.tab import Tab
from tests.browser.watching import Watch
from tests.folders import quick_folder
from tools import pack_web

HERE = Path(__file__).parent
PROGRAM = os.environ.get(chromium.VARIABLE)
collect_ignore_glob = [] if PROGRAM else ["test_*.py"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: in Chromium, by `python -m tests.browser`")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def tree() -> Generator[Path]:
    """The service, with the page as it is deployed."""
    with quick_folder() as folder:
        root = Path(folder)
        shutil.copy(ROOT / "app.py", root)
        for name in ("chalicelib", "local"):
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        web = root / "chalicelib" / "api" / "web"
        shutil.rmtree(web / "static")
        pack_web.write(web / "packed")
        yield root


@pytest.fixture(scope="session")
def server(tree: Path) -> Generator[Serving]:
    with quick_folder() as folder, serving(Path(folder), tree=tree) as started:
        yield started


@pytest.fixture(scope="session")
def hostile_server(tree: Path) -> Generator[Serving]:
    """Of its own: what was logged there is in every list."""
    with quick_folder() as folder, serving(Path(folder), tree=tree) as started:
        yield started


@pytest.fixture(scope="session")
def browser() -> Generator[Browser]:
    assert PROGRAM is not None
    with chromium.started(PROGRAM) as started:
        yield started


@pytest.fixture(scope="session")
def story(server: Serving) -> Story:
    return filling.fill(server)


@pytest.fixture(scope="session")
def variants(server: Serving) -> Trials:
    return filling_variants.fill(server)


@pytest.fixture(scope="session")
def large(server: Serving) -> Large:
    return filling_large.fill(server)


@pytest.fixture(scope="session")
def hostile(hostile_server: Serving) -> Hostile:
    return filling_hostile.fill(hostile_server)


@pytest.fixture
def api(server: Serving) -> Generator[httpx.Client]:
    with server.client() as client:
        yield client


@pytest.fixture
def bare_tab(browser: Browser, server: Serving) -> Generator[Tab]:
    """A tab that has no key."""
    yield from opened_tab(browser, server.url)


@pytest.fixture
def tab(bare_tab: Tab) -> Tab:
    bare_tab.type_key()
    return bare_tab


@pytest.fixture
def hostile_tab(browser: Browser, hostile_server: Serving) -> Generator[Tab]:
    for tab in opened_tab(browser, hostile_server.url):
        tab.type_key()
        yield tab


def opened_tab(browser: Browser, url: str) -> Generator[Tab]:
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, color_scheme="light", accept_downloads=True
    )
    context.set_default_timeout(10_000)
    watch = Watch(context, url)
    yield Tab(context.new_page(), watch, url)
    context.close()
    assert watch.unexpected() == []
