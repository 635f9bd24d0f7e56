"""Fixtures: the service on every engine, or on the laptop's where the engine cannot matter."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from chalicelib import wiring
from tests import real_engines
from tests.api.engines import REAL, Fresh, StandingClock
from tests.api.harness import Service
from tests.api.transports import quiet_logs
from tests.faults import left_out, suite
from tests.folders import quick_folder


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out.leave_out(config, items)


# The inner loop does without moto: half of its minute went there. The adapters' contract suites
# stay in it; they find most of what an engine can do wrong.
@pytest.fixture(
    scope="module",
    params=[
        "sqlite",
        *([] if suite.IS_FAST else [pytest.param("aws", marks=pytest.mark.slow)]),
        *suite.FAULTY,
        *real_engines.marked(REAL),
    ],
)
def engine(request: pytest.FixtureRequest) -> Generator[Fresh]:
    """What makes stores for the tests of a file."""
    quiet_logs()
    with (
        quick_folder() as folder,
        suite.opener(request.param)(Path(folder), StandingClock()) as opened,
    ):
        yield opened


@pytest.fixture
def service(engine: Fresh) -> Generator[Service]:
    """A fresh tenant on each engine in turn, and on the laptop's where its requests fail."""
    yield from _serving(engine)


ON_REAL = [pytest.param(name, marks=[pytest.mark.engines, pytest.mark.any_engine]) for name in REAL]


@pytest.fixture(scope="module", params=["sqlite", *suite.FAULTY, *ON_REAL])
def laptop_engine(request: pytest.FixtureRequest) -> Generator[Fresh]:
    quiet_logs()
    with (
        quick_folder() as folder,
        suite.opener(request.param)(Path(folder), StandingClock()) as opened,
    ):
        yield opened


@pytest.fixture
def laptop(laptop_engine: Fresh) -> Generator[Service]:
    """A fresh tenant on SQLite: for what is decided before any store is asked.

    Also where its requests fail, and where real engines run, on these.
    """
    yield from _serving(laptop_engine)


def _serving(fresh: Fresh) -> Generator[Service]:
    engine = fresh()
    wiring.install(engine.services)
    yield Service(engine)
    wiring.install(None)
    engine.luck.tell()
