"""S3 blobs in a bucket that keeps versions, as the one of a deployment does."""

from __future__ import annotations

from typing import Any, cast

import boto3
import moto
import pytest

from chalicelib.storage.blobs import BlobMissing
from chalicelib.storage.s3_blobs import S3Blobs

TEXT = "text/plain"


@moto.mock_aws()
def test_a_replaced_or_deleted_version_can_still_be_read() -> None:
    client = cast("Any", boto3.client)("s3", region_name="us-east-1")
    client.create_bucket(Bucket="versions")
    enabled = {"Status": "Enabled"}
    client.put_bucket_versioning(Bucket="versions", VersioningConfiguration=enabled)
    blobs = S3Blobs(client, "versions")
    client.meta.events.register("after-call.s3.PutObject", _dated)
    old = blobs.put("key", b"old", mime=TEXT).version
    new = blobs.put("key", b"new", mime=TEXT).version
    head = blobs.head("key")
    assert head is not None
    assert head.version == new != old
    blobs.delete("key")
    assert (blobs.get("key", version=old), blobs.get("key", 1, version=new)) == (b"old", b"ew")
    with pytest.raises(BlobMissing):
        blobs.get("key")


def _dated(parsed: Any, **_: Any) -> None:
    parsed["ResponseMetadata"]["HTTPHeaders"].setdefault("date", "Sat, 01 Jan 2028 00:00:00 GMT")
