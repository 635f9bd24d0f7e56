"""Fixtures of the tests that meet a real server."""

from __future__ import annotations

from collections.abc import Generator

import httpx
import pytest

from tests.api.process import Serving, serving


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Serving]:
    with serving(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def api(server: Serving) -> Generator[httpx.Client]:
    """The same server's HTTP API."""
    with server.client() as client:
        yield client
