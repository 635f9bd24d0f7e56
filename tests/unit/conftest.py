"""Real stores for the tests of rules."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.folders import quick_folder
from tests.unit.stores import Stores, close, open_stores

# A busy machine is no failure: examples have no deadline, and may be slow to make.
settings.register_profile("trialbook", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# `make test-fast` looks at a fifth of the examples.
settings.register_profile("fast", settings.get_profile("trialbook"), max_examples=20)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "trialbook"))


@pytest.fixture
def stores() -> Generator[Stores]:
    """SQLite and files in a folder of the test's own, on a clock that stands still."""
    with quick_folder() as folder:
        opened = open_stores(Path(folder))
        yield opened
        close(opened)
