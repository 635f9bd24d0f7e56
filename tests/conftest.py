"""What holds for every test: nothing of the machine's own environment gets in."""

from __future__ import annotations

import functools
import gc
import os
import sys
from collections.abc import Generator
from typing import Any
from unittest import mock

import pytest
from botocore.loaders import JSONFileLoader

# Assertions outside of test modules say what was compared, too. Here, before anything imports them.
pytest.register_assert_rewrite(
    "tests.faults.client",
    "tests.faults.ending",
    "tests.faults.story",
    "tests.faults.telling",
    "tests.faults.world",
)
# Bytecode is kept, whatever the machine says: or every process that a test starts would compile the
# service anew, and every worker all tests.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
AWS_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def pytest_collection_finish() -> None:
    """The thousands of tests are no garbage: to look through them again and again takes a tenth of
    the time or more."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _no_environment_but_ours() -> None:
    """No setting of Trialbook's, no cloud account, no proxy: also for processes a test starts."""
    for name in list(os.environ):
        if name.upper().startswith(("TRIALBOOK_", "AWS_")) or name.upper().endswith("_PROXY"):
            del os.environ[name]
    os.environ.update(AWS_ENVIRONMENT)


@pytest.fixture(scope="session", autouse=True)
def _services_of_aws_are_described_once() -> Generator[None]:
    """botocore reads the large descriptions of them for every session, and whoever plays moto
    begins a new one."""
    loader: Any = JSONFileLoader
    read = functools.cache(functools.partial(loader.load_file, loader()))

    def load_file(_: Any, path: str) -> Any:
        return read(path)

    with mock.patch.object(loader, "load_file", load_file):
        yield
