"""Error kinds as MLflow spells them: a code that its client branches on, and the status beside it.

Codes: https://github.com/mlflow/mlflow/blob/master/mlflow/protos/databricks.proto
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import orjson

from chalicelib.core import errors
from chalicelib.core.errors import TrialbookError

Code: TypeAlias = Literal[
    "INVALID_PARAMETER_VALUE",
    "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_DOES_NOT_EXIST",
    "INVALID_STATE",
    "BAD_REQUEST",
    "ENDPOINT_NOT_FOUND",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "REQUEST_LIMIT_EXCEEDED",
    "TEMPORARILY_UNAVAILABLE",
    "NOT_IMPLEMENTED",
    "INTERNAL_ERROR",
]
STATUS_OF: Final[dict[Code, int]] = {
    "INVALID_PARAMETER_VALUE": 400,
    "RESOURCE_ALREADY_EXISTS": 400,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "INVALID_STATE": 500,
    "BAD_REQUEST": 400,
    "ENDPOINT_NOT_FOUND": 404,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "REQUEST_LIMIT_EXCEEDED": 429,
    "TEMPORARILY_UNAVAILABLE": 503,
    "NOT_IMPLEMENTED": 501,
    "INTERNAL_ERROR": 500,
}
"""As MLflow's server has them; INVALID_STATE is never answered, for a client sends a 500 again."""
CODE_OF: Final[dict[type[TrialbookError], Code]] = {
    errors.Invalid: "INVALID_PARAMETER_VALUE",
    errors.Unauthenticated: "UNAUTHENTICATED",
    errors.Forbidden: "PERMISSION_DENIED",
    errors.NotFound: "RESOURCE_DOES_NOT_EXIST",
    errors.Conflict: "INVALID_PARAMETER_VALUE",
    errors.PreconditionFailed: "INVALID_PARAMETER_VALUE",
    errors.TooLarge: "INVALID_PARAMETER_VALUE",
    errors.UnsupportedMediaType: "BAD_REQUEST",
    errors.Throttled: "REQUEST_LIMIT_EXCEEDED",
    errors.Unavailable: "TEMPORARILY_UNAVAILABLE",
}


class Failure(Exception):
    """What a view answers in MLflow's own words, where a client looks at the code."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message


def already_exists(what: str) -> Failure:
    """`what` names it: "Experiment(name=x)"."""
    return Failure("RESOURCE_ALREADY_EXISTS", f"{what} already exists.")


def missing(message: str) -> Failure:
    return Failure("RESOURCE_DOES_NOT_EXIST", message)


def invalid(message: str) -> Failure:
    return Failure("INVALID_PARAMETER_VALUE", message)


def failure_of(error: TrialbookError) -> Failure:
    """An error of the domain, as this surface answers it."""
    return Failure(CODE_OF[type(error)], error.in_words())


def body_of(failure: Failure) -> str:
    """The JSON that every error answer has."""
    return orjson.dumps({"error_code": failure.code, "message": failure.message}).decode()
