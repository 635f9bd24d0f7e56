"""What botocore raises, as core errors whose messages tell nothing of the deployment."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from botocore.exceptions import (
    ClientError,
    ConnectionError,  # noqa: A004 (botocore's own, no kin of the built-in one)
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ResponseStreamingError,
)

from chalicelib.core.errors import Throttled, Unavailable
from chalicelib.storage.blobs import BlobMissing

EXISTS: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
"""How a put with If-None-Match loses: to a blob, or to a put at the same time."""
BAD_PART: Final = frozenset(
    {
        "InvalidPart",
        "InvalidPartOrder",
        "EntityTooSmall",
        "BadDigest",
        "MalformedXML",
        "InvalidRequest",  # a part is named without the digest that the upload wants
    }
)
_MISSING: Final = frozenset({"NoSuchKey", "NoSuchVersion", "NotFound", "NoSuchUpload", "404"})
_THROTTLED: Final = frozenset(
    {"SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException", "RequestLimitExceeded"}
)
_NOT_NOW: Final = EXISTS | {
    "AccessDenied",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "NoSuchBucket",
    "OperationAborted",
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "SignatureDoesNotMatch",
}
"""Faults of the deployment, the connection or a concurrent change: no caller's fault."""


def code_of(error: ClientError) -> str:
    """S3's name for the error; for an answer without a body its status."""
    answer: dict[str, Any] = error.response
    return str(answer.get("Error", {}).get("Code", ""))


@contextmanager
def core_errors(key: str) -> Generator[None]:
    """Raises BlobMissing, Throttled, Unavailable; a code not listed here is a mistake of ours and
    stays what it is."""
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        answer: dict[str, Any] = error.response
        status: int = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _MISSING:
            raise BlobMissing(key) from error
        if code in _THROTTLED or status in {429, 503}:
            raise Throttled("the blob store asks to slow down; send it again later") from error
        if code in _NOT_NOW or status in {401, 403} or status >= 500:
            raise Unavailable("the blob store cannot serve this now; send it again") from error
        raise
    except (
        ConnectionError,
        HTTPClientError,
        IncompleteReadError,
        ResponseStreamingError,
        NoCredentialsError,
        CredentialRetrievalError,
    ) as error:
        raise Unavailable("the blob store does not answer; send it again later") from error
