"""What DynamoDB's errors mean to a caller; no message of the vendor passes this line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from chalicelib.core.errors import (
    ConditionFailed,
    Contended,
    Throttled,
    TooLarge,
    Unavailable,
)

_THROTTLING: Final = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottledException",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
    }
)
_CONTENTION: Final = frozenset(
    {"TransactionConflict", "TransactionConflictException", "TransactionInProgressException"}
)


def core_error(error: ClientError | BotoCoreError) -> Exception:
    """The core error, or ValueError for a request that can never succeed."""
    if isinstance(error, ParamValidationError):
        return ValueError("the table refused the shape of the request")
    if not isinstance(error, ClientError):
        return Unavailable("the table did not answer; send it again")
    response = cast("dict[str, Any]", error.response)
    code: str = response.get("Error", {}).get("Code", "")
    if code == "TransactionCanceledException":
        return _cancelled(response.get("CancellationReasons", []))
    if code == "ConditionalCheckFailedException":
        return ConditionFailed()
    if code in _CONTENTION:
        return Contended("another transaction holds that item")
    if code in _THROTTLING:
        return _throttled()
    if code == "ValidationException":
        return _refused(response["Error"].get("Message", ""))
    if code == "IdempotentParameterMismatchException":
        return ValueError("that token was used for another transaction")
    if code in ("AccessDeniedException", "UnrecognizedClientException", "ExpiredTokenException"):
        return Unavailable("the table may not be used; check the function's permissions")
    if code == "ResourceNotFoundException":
        return Unavailable("there is no table; check the deployment")
    return Unavailable("the table did not answer; send it again")


def _cancelled(reasons: Sequence[Any]) -> Exception:
    codes: list[str] = [reason.get("Code", "None") for reason in reasons]
    for reason in reasons:
        if reason.get("Code") == "ValidationError":
            return _refused(reason.get("Message", ""))
    # a condition that failed fails again, so it outranks what a retry may cure
    failed = [at for at, code in enumerate(codes) if code == "ConditionalCheckFailed"]
    if failed:
        return ConditionFailed(failed)
    if any(code in _CONTENTION for code in codes):
        return Contended("another transaction holds one of the items")
    if any(code in _THROTTLING for code in codes):
        return _throttled()
    return Unavailable("the table cancelled the transaction; send it again")


def _refused(message: str) -> Exception:
    if "size" in message.lower() and "exceed" in message.lower():
        return TooLarge("item too large for the table")
    return ValueError("the table cannot store or compute that")


def _throttled() -> Throttled:
    return Throttled("the table asks to slow down; send it again")
