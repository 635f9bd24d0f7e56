"""A service on the real engines whose time flows; where they do not run, nothing is collected."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from chalicelib import wiring
from chalicelib.core.context import Clock
from chalicelib.storage.dynamo_table import table_definition
from tests import real_engines
from tests.api.engines import REAL, on_real
from tests.api.harness import Service
from tests.api.transports import quiet_logs
from tests.integration.asking import Api
from tests.integration.deployment import VARIABLE, Deployment
from tests.integration.stores import Stores

collect_ignore = [] if VARIABLE in os.environ else ["test_deployed.py", "test_emulator.py"]
if not REAL:
    collect_ignore += ["test_presigned.py", "test_writers.py"]


@pytest.fixture(scope="session")
def deployment() -> Deployment:
    """The deployed package."""
    found = Deployment.found()
    if found.failure is not None:
        pytest.fail(found.failure)
    return found


@pytest.fixture
def api(deployment: Deployment) -> Generator[Api]:
    """A client of it, as an admin of its one tenant."""
    with Api(deployment, deployment.api_key) as client:
        yield client


@pytest.fixture
def stores(tmp_path: Path) -> Generator[Stores]:
    """A table and a bucket, empty."""
    name = f"integration-{real_engines.OWNER}-{Clock().new_id()}"
    real_engines.dynamodb().create_table(**table_definition(name))
    real_engines.s3().create_bucket(Bucket=name)
    yield Stores(name, tmp_path)
    real_engines.dynamodb().delete_table(TableName=name)


@pytest.fixture
def service(stores: Stores) -> Generator[Service]:
    """A tenant on them."""
    quiet_logs()
    engine = on_real(stores.name, Clock())
    wiring.install(engine.services)
    yield Service(engine)
    wiring.install(None)
    engine.files.close()
