"""What the errors of S3 Vectors mean to a caller; no message of the vendor passes this line."""

from __future__ import annotations

from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from chalicelib.core.errors import Throttled, Unavailable

_THROTTLING: Final = frozenset(
    {
        "ServiceUnavailableException",  # more vectors at once than there is capacity for
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_NOT_ALLOWED: Final = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "InvalidSignatureException",
        "KmsDisabledException",
        "KmsInvalidKeyUsageException",
        "KmsInvalidStateException",
        "KmsNotFoundException",
        "ServiceQuotaExceededException",
        "UnrecognizedClientException",
    }
)
_REFUSED: Final = frozenset({"SerializationException", "ValidationException"})


class Missing(Unavailable):
    """There is no such index, or no such bucket: the service calls both by one name."""


class Exists(Unavailable):
    """There is an index of that name."""


def core_error(error: ClientError | BotoCoreError) -> Exception:
    """The core error, or ValueError for a request that can never succeed."""
    if isinstance(error, ParamValidationError):
        return ValueError("the vector store refused the shape of the request")
    if not isinstance(error, ClientError):
        return Unavailable("the vector store did not answer; send it again")
    code = _code_of(error)
    if code == "NotFoundException":
        return Missing("the vector store is not there; check the deployment")
    if code == "ConflictException":
        return Exists("the vector store is being changed; send it again")
    if code in _THROTTLING:
        return Throttled("the vector store asks to slow down; send it again")
    if code in _NOT_ALLOWED:
        return Unavailable("the vector store is full or may not be used; check the deployment")
    if code in _REFUSED:
        return ValueError("the vector store refused the request")
    return Unavailable("the vector store did not answer; send it again")


def _code_of(error: ClientError) -> str:
    answer: dict[str, Any] = error.response
    return str(answer.get("Error", {}).get("Code", ""))
