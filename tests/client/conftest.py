"""Fixtures of client tests: a service on SQLite, and a machine on which nothing is kept yet."""

from __future__ import annotations

import logging
from collections.abc import Generator
from pathlib import Path

import pytest

from chalicelib import wiring
from tests.api.engines import Fresh, StandingClock
from tests.api.harness import Service
from tests.api.transports import quiet_logs
from tests.client.artifact_places import Place, local, remote
from tests.client.harness import Bench
from tests.faults import left_out, suite
from tests.folders import quick_folder


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out.leave_out(config, items)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of the test's own, also for the processes that it starts."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture(
    scope="module", params=[pytest.param("sqlite", id=pytest.HIDDEN_PARAM), *suite.FAULTY]
)
def laptop_engine(request: pytest.FixtureRequest) -> Generator[Fresh]:
    quiet_logs()
    with (
        quick_folder() as folder,
        suite.opener(request.param)(Path(folder), StandingClock()) as opened,
    ):
        yield opened


@pytest.fixture
def service(laptop_engine: Fresh) -> Generator[Service]:
    """A fresh tenant on SQLite, also where its requests fail."""
    engine = laptop_engine()
    wiring.install(engine.services)
    yield Service(engine)
    wiring.install(None)
    engine.luck.tell()


@pytest.fixture
def bench(service: Service, tmp_path: Path) -> Bench:
    """Clients of that tenant, with weather before it."""
    return Bench(service, tmp_path / "spool")


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What the client logs."""
    # the service in this process has turned down the loggers of this name
    caplog.set_level(logging.INFO, "trialbook.client")
    return caplog


@pytest.fixture
def anyio_backend() -> str:
    """Tests marked `anyio` run in asyncio's event loop."""
    return "asyncio"


@pytest.fixture(params=["remote", "local"])
def place(request: pytest.FixtureRequest, bench: Bench, tmp_path: Path) -> Place:
    """Artifacts at the service, and the same on this machine alone."""
    return remote(bench, tmp_path) if request.param == "remote" else local(tmp_path)
