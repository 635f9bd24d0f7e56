"""What S3's presigned URLs bind, and what its errors become."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.stub import Stubber

from chalicelib.core.errors import Throttled, Unavailable
from chalicelib.storage.blobs import BadPart, BlobExists, BlobMissing, Part
from chalicelib.storage.s3_blobs import S3Blobs
from tests.contract.blob_engines import s3_client

BUCKET = "a-secret-bucket"
SHA256 = hashlib.sha256(b"body").hexdigest()
Call: TypeAlias = Callable[[S3Blobs], object]


@pytest.fixture
def client() -> Generator[Any]:
    client = s3_client("http://127.0.0.1:1")
    yield client
    client.close()


def signed(url: str) -> tuple[set[str], dict[str, list[str]]]:
    """The signed headers and the query."""
    query = parse_qs(urlsplit(url).query)
    return set(query["X-Amz-SignedHeaders"][0].split(";")), query


def test_a_signed_put_binds_length_digest_and_media_type(client: Any) -> None:
    request = S3Blobs(client, BUCKET).presign_put(
        "a b/ü%2F", size_bytes=4, sha256=SHA256, mime="text/plain", expires_s=60
    )
    headers, query = signed(request.url)
    assert headers == {"content-length", "content-type", "host", "x-amz-checksum-sha256"}
    assert query["X-Amz-Expires"] == ["60"]
    assert urlsplit(request.url).path == f"/{BUCKET}/a%20b/%C3%BC%252F"
    assert set(request.headers) == {"content-type", "x-amz-checksum-sha256"}


@pytest.mark.parametrize("sha256", [SHA256, None])
def test_a_signed_part_binds_length_place_and_digest(client: Any, sha256: str | None) -> None:
    request = S3Blobs(client, BUCKET).presign_part(
        "key", "upload", 7, size_bytes=4, sha256=sha256, expires_s=60
    )
    headers, query = signed(request.url)
    digest: set[str] = set() if sha256 is None else {"x-amz-checksum-sha256"}
    assert headers == {"content-length", "host"} | digest
    assert (query["uploadId"], query["partNumber"]) == (["upload"], ["7"])
    assert set(request.headers) == digest


def test_a_signed_get_binds_what_the_answer_says_of_itself(client: Any) -> None:
    request = S3Blobs(client, BUCKET).presign_get(
        "key", mime="text/plain", disposition="attachment", expires_s=60
    )
    headers, query = signed(request.url)
    assert headers == {"host"}
    assert query["response-content-type"] == ["text/plain"]
    assert query["response-content-disposition"] == ["attachment"]


def put(blobs: S3Blobs) -> object:
    return blobs.put("key", b"x", mime="a/b", only_if_absent=True)


def get(blobs: S3Blobs) -> object:
    return blobs.get("key")


def head(blobs: S3Blobs) -> object:
    return blobs.head("key")


def list_all(blobs: S3Blobs) -> object:
    return blobs.list("key")


def delete(blobs: S3Blobs) -> object:
    return blobs.delete("key")


def complete(blobs: S3Blobs) -> object:
    return blobs.complete_multipart("key", "upload", [Part(1, "etag", SHA256)])


@pytest.mark.parametrize(
    "call,operation,code,status,expected",
    [
        (put, "put_object", "PreconditionFailed", 412, BlobExists),
        (put, "put_object", "ConditionalRequestConflict", 409, BlobExists),
        (put, "put_object", "SlowDown", 503, Throttled),
        (put, "put_object", "", 503, Throttled),
        (put, "put_object", "", 429, Throttled),
        (put, "put_object", "InternalError", 500, Unavailable),
        (put, "put_object", "AccessDenied", 403, Unavailable),
        (put, "put_object", "NoSuchBucket", 404, Unavailable),
        (put, "put_object", "RequestTimeout", 400, Unavailable),
        (complete, "complete_multipart_upload", "NoSuchUpload", 404, BlobMissing),
        (complete, "complete_multipart_upload", "InvalidPart", 400, BadPart),
        (complete, "complete_multipart_upload", "InvalidPartOrder", 400, BadPart),
        (complete, "complete_multipart_upload", "EntityTooSmall", 400, BadPart),
        (complete, "complete_multipart_upload", "BadDigest", 400, BadPart),
        (complete, "complete_multipart_upload", "InvalidRequest", 400, BadPart),
        (complete, "complete_multipart_upload", "SlowDown", 503, Throttled),
        (get, "get_object", "NoSuchKey", 404, BlobMissing),
        (head, "head_object", "403", 403, Unavailable),
        (list_all, "list_objects_v2", "SlowDown", 503, Throttled),
    ],
)
def test_errors_of_s3_become_ours_and_name_no_bucket(
    client: Any,
    call: Call,
    operation: str,
    code: str,
    status: int,
    expected: type[Exception],
) -> None:
    # botocore ships no types
    stubber: Any = Stubber(client)
    with stubber:
        stubber.add_client_error(
            operation, code, f"arn:aws:s3:::{BUCKET} refused", http_status_code=status
        )
        with pytest.raises(expected) as caught:
            call(S3Blobs(client, BUCKET))
    assert BUCKET not in str(caught.value)
    assert "arn:" not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://x"),
        ConnectTimeoutError(endpoint_url="http://x"),
        ReadTimeoutError(endpoint_url="http://x"),
        NoCredentialsError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_store_that_does_not_answer_is_unavailable(client: Any, error: Exception) -> None:
    def fail(**_: object) -> None:
        raise error

    client.meta.events.register("before-send.s3", fail)
    for call in (put, get, head, list_all, delete, complete):
        with pytest.raises(Unavailable):
            call(S3Blobs(client, BUCKET))
