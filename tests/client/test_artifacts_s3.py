"""`s3://` URIs, with S3 as moto plays it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import boto3
import moto
import pytest

from tests.client.artifact_places import tree_of
from trialbook.context import local_context
from trialbook.transfer import UnsafePath

pytestmark = pytest.mark.anyio


@pytest.fixture
def s3() -> Generator[Any]:
    with moto.mock_aws():
        client = cast("Any", boto3.client)("s3", region_name="us-east-1")
        client.create_bucket(Bucket="bucket")
        yield client


async def test_an_object_loads_and_is_cached_by_its_version(s3: Any, tmp_path: Path) -> None:
    artifacts = local_context(tmp_path).artifacts()
    s3.put_object(Bucket="bucket", Key="deep/a b.csv", Body=b"one")
    assert await artifacts.load_text("s3://bucket/deep/a b.csv") == "one"
    first = await artifacts.as_local_file("s3://bucket/deep/a b.csv")
    assert Path(first).name == "a b.csv"
    assert await artifacts.as_local_file("s3://bucket/deep/a b.csv") == first
    s3.put_object(Bucket="bucket", Key="deep/a b.csv", Body=b"two")
    assert await artifacts.load_text("s3://bucket/deep/a b.csv") == "two"
    for uri in ("s3://bucket/nothing", "s3://other/nothing"):
        with pytest.raises(FileNotFoundError, match="nothing there"):
            await artifacts.load_bytes(uri)


async def test_a_folder_of_objects_becomes_a_folder(s3: Any, tmp_path: Path) -> None:
    artifacts = local_context(tmp_path).artifacts()
    for key in ("data/a", "data/sub/b", "data/sub/", "database/c"):
        s3.put_object(Bucket="bucket", Key=key, Body=key.encode())
    folder = await artifacts.as_local_dir("s3://bucket/data")
    assert tree_of(folder) == {"a": b"data/a", "sub/b": b"data/sub/b"}
    s3.put_object(Bucket="bucket", Key="data/a", Body=b"new")
    assert await artifacts.as_local_dir("s3://bucket/data/") == folder
    assert tree_of(folder)["a"] == b"new"
    with pytest.raises(FileNotFoundError, match="nothing there"):
        await artifacts.as_local_dir("s3://bucket/dat")
    s3.put_object(Bucket="bucket", Key="evil/../../x", Body=b"x")
    with pytest.raises(UnsafePath):
        await artifacts.as_local_dir("s3://bucket/evil")


@pytest.mark.slow
def test_without_boto3_the_error_says_what_to_install() -> None:
    code = (
        "import asyncio, sys\n"
        "sys.modules['boto3'] = None\n"
        "from trialbook.context import local_context\n"
        "asyncio.run(local_context('x').artifacts().load_bytes('s3://bucket/key'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("ImportError: s3:// URIs need boto3: pip install trialbook[s3]\n")
