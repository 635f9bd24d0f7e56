from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import real_engines
from tests.contract.table_engines import ENGINES, TableEngine
from tests.folders import quick_folder


@pytest.fixture(params=real_engines.marked(ENGINES))
def engine(request: pytest.FixtureRequest) -> Iterator[TableEngine]:
    """A fresh table on each engine in turn."""
    with quick_folder() as folder, ENGINES[request.param](Path(folder)) as fresh:
        yield fresh
