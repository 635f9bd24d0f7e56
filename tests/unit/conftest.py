"""Real stores for the tests of rules."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.unit.stores import Stores, close, open_stores


@pytest.fixture
def stores(tmp_path: Path) -> Generator[Stores]:
    """SQLite and files in a folder of the test's own, on a clock that stands still."""
    opened = open_stores(tmp_path)
    yield opened
    close(opened)
