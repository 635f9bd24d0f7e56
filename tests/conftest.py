"""What holds for every test: nothing of the machine's own environment gets in."""

from __future__ import annotations

import os

import pytest

# Assertions outside of test modules say what was compared, too. Here, before anything imports them.
pytest.register_assert_rewrite(
    "tests.faults.client",
    "tests.faults.ending",
    "tests.faults.story",
    "tests.faults.telling",
    "tests.faults.world",
)
AWS_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="session", autouse=True)
def _no_environment_but_ours() -> None:
    """No setting of Trialbook's, no cloud account, no proxy: also for processes a test starts."""
    for name in list(os.environ):
        if name.upper().startswith(("TRIALBOOK_", "AWS_")) or name.upper().endswith("_PROXY"):
            del os.environ[name]
    os.environ.update(AWS_ENVIRONMENT)
