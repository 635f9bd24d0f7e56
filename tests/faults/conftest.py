"""Assertions outside of test modules say what was compared, too."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "tests.faults.client",
    "tests.faults.ending",
    "tests.faults.story",
    "tests.faults.telling",
    "tests.faults.world",
)
