"""What SQS's errors mean to a caller; no message of the vendor passes this line."""

from __future__ import annotations

from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from chalicelib.core.errors import Throttled, Unavailable

_THROTTLING: Final = frozenset(
    {
        "KmsThrottled",
        "OverLimit",
        "RequestThrottled",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_NOT_ALLOWED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAddress",
        "InvalidClientTokenId",
        "NonExistentQueue",
        "QueueDeletedRecently",
        "QueueDoesNotExist",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_REFUSED: Final = frozenset(
    {"InvalidMessageContents", "InvalidParameterValue", "MissingParameter", "UnsupportedOperation"}
)


def code_of(error: ClientError) -> str:
    """SQS's name for the error, without the namespace that one of its protocols puts before it."""
    answer: dict[str, Any] = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    return code.rpartition("AWS.SimpleQueueService.")[2]


def core_error(error: ClientError | BotoCoreError) -> Exception:
    """The core error, or ValueError for a request that can never succeed."""
    if isinstance(error, ParamValidationError):
        return ValueError("the queue refused the shape of the request")
    if not isinstance(error, ClientError):
        return Unavailable("the queue did not answer; send it again")
    code = code_of(error)
    if code in _THROTTLING:
        return Throttled("the queue asks to slow down; send it again")
    if code in _NOT_ALLOWED:
        return Unavailable("the queue is not there or may not be used; check the deployment")
    if code in _REFUSED:
        return ValueError("the queue refused the message")
    return Unavailable("the queue did not answer; send it again")
