"""Clients of the engines that `make test-integration` starts: DynamoDB Local and SeaweedFS. (The
deployed package is found by tests/integration/deployment.py.)

Where an address is not set, its engine does not run, and no test has it as a parameter.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from enum import Enum
from typing import Any, Final, cast

import boto3
import pytest
from botocore.config import Config

DYNAMODB_VARIABLE: Final = "TEST_DYNAMODB_URL"
S3_VARIABLE: Final = "TEST_S3_URL"
OWNER_VARIABLE: Final = "TEST_DYNAMODB_OWNER"
DYNAMODB_URL: Final = os.environ.get(DYNAMODB_VARIABLE)
S3_URL: Final = os.environ.get(S3_VARIABLE)

REAL: Final = frozenset({"dynamodb", "seaweedfs", "real"})
"""Names of engines that are no mocks; tests on them are marked `engines`."""
OWNER: Final = os.environ.get(OWNER_VARIABLE, f"test{os.getpid()}")
"""The access key by which DynamoDB Local keeps apart the tables of processes that run tests."""
KEY_ID: Final = "test"
SECRET: Final = "a-secret-of-tests"


class Deviation(Enum):
    """Where a real engine does what AWS does not; tests/integration/README.md has the reasons."""

    MINUTES_IN_STREAM = "minutes-in-stream"
    KEYS_ARE_PATHS = "keys-are-paths"
    LISTS_FOLDER_BY_FOLDER = "lists-folder-by-folder"
    COPY_WITHOUT_QUOTES = "copy-without-quotes"
    PARTS_WITHOUT_DIGESTS = "parts-without-digests"
    UPLOADS_BEGIN_WITH_A_PART = "uploads-begin-with-a-part"
    UPLOAD_IDS_ARE_PATHS = "upload-ids-are-paths"
    ALARMS_OF_ONE_METRIC = "alarms-of-one-metric"
    SETTINGS_LEFT_OUT = "settings-left-out"
    GATEWAY_IN_OTHER_WORDS = "gateway-in-other-words"
    BODIES_ARE_TEXT = "bodies-are-text"
    PREFLIGHT_WITHOUT_HEADERS = "preflight-without-headers"
    LOG_GROUP_UNTOLD = "log-group-untold"


OF_DYNAMODB_LOCAL: Final = frozenset({Deviation.MINUTES_IN_STREAM})
OF_EMULATOR: Final = frozenset(
    {
        Deviation.ALARMS_OF_ONE_METRIC,
        Deviation.SETTINGS_LEFT_OUT,
        Deviation.GATEWAY_IN_OTHER_WORDS,
        Deviation.BODIES_ARE_TEXT,
        Deviation.PREFLIGHT_WITHOUT_HEADERS,
        Deviation.LOG_GROUP_UNTOLD,
    }
)
OF_SEAWEEDFS: Final = frozenset(Deviation) - OF_DYNAMODB_LOCAL - OF_EMULATOR


def marked(names: Iterable[str]) -> list[Any]:
    """Engines' names as parameters of a fixture or a test. moto takes its time."""
    marks = dict.fromkeys(REAL, pytest.mark.engines) | {"moto": pytest.mark.slow}
    return [pytest.param(name, marks=marks.get(name, ())) for name in names]


@functools.cache
def dynamodb(service: str = "dynamodb") -> Any:
    """DynamoDB Local, or its streams."""
    return client(service, DYNAMODB_URL, OWNER)


@functools.cache
def s3() -> Any:
    """SeaweedFS."""
    return client("s3", S3_URL)


def client(service: str, url: str | None, key_id: str = KEY_ID) -> Any:
    """Like a deployment's own (`chalicelib.wiring.aws_services`) but for the address."""
    assert url is not None
    config = Config(
        signature_version="s3v4" if service == "s3" else None,
        s3={"addressing_style": "path"},
        retries={"mode": "standard", "max_attempts": 3},
        connect_timeout=5,
        read_timeout=30,
        max_pool_connections=50,
        proxies={},
        account_id_endpoint_mode="disabled",
    )
    return cast("Any", boto3.client)(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=SECRET,
        config=config,
    )
