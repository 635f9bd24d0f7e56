from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import real_engines
from tests.contract.table_engines import ENGINES, TableEngine


@pytest.fixture(params=real_engines.marked(ENGINES))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TableEngine]:
    """A fresh table on each engine in turn."""
    with ENGINES[request.param](tmp_path) as fresh:
        yield fresh
