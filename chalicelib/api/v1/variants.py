"""Routes of A/B experiments in production: assigning variants, logging what came of them."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint

from chalicelib.api.contract import Answer, Request, ok
from chalicelib.api.endpoint import endpoint
from chalicelib.api.errors import CODE_OF, STATUS_OF, details_of
from chalicelib.api.v1.variant_shapes import (
    EXPERIMENT,
    AssignBody,
    AssignedOut,
    BatchLoggedOut,
    LateMetrics,
    LogBatchBody,
    LogBody,
    LoggedOut,
    LogResultOut,
    log_id_in,
)
from chalicelib.core.context import Role
from chalicelib.core.errors import TrialbookError
from chalicelib.core.log_ids import LogId
from chalicelib.domain import variant_logs
from chalicelib.wiring import Services

routes = Blueprint(__name__)


@endpoint(
    routes, "POST", EXPERIMENT + "/assign", body=AssignBody, answer=AssignedOut,
    role=Role.READ, read_only=True, errors=(404,),
)  # fmt: skip
def assign_variant(request: Request[AssignBody, None], services: Services) -> Answer:
    """The variant that a user gets."""
    variant = variant_logs.assign(
        services.variants, request.context, request.path["slug"], request.body.userId
    )
    payload: AssignedOut = {"variant": variant.key, "payload": dict(variant.payload)}
    return ok(payload)


@endpoint(
    routes, "POST", EXPERIMENT + "/log", body=LogBody, answer=LoggedOut, role=Role.WRITE,
    errors=(404, 409),
)  # fmt: skip
def log_execution(request: Request[LogBody, None], services: Services) -> Answer:
    """Log an execution of a variant."""
    log_id = variant_logs.log(
        services.variants, request.context, request.path["slug"], request.body.to_new_log()
    )
    return ok(_logged(log_id))


@endpoint(
    routes, "POST", EXPERIMENT + "/log/batch", body=LogBatchBody, answer=BatchLoggedOut,
    role=Role.WRITE, errors=(404, 409),
)  # fmt: skip
def log_executions(request: Request[LogBatchBody, None], services: Services) -> Answer:
    """Log up to 500 executions; each is logged or refused on its own."""
    results = variant_logs.log_many(
        services.variants, request.context, request.path["slug"], request.body.to_new_logs()
    )
    payload: BatchLoggedOut = {"results": [_result(one) for one in results]}
    return ok(payload)


@endpoint(
    routes, "POST", EXPERIMENT + "/log/{log_id}/metrics", body=LateMetrics, answer=LoggedOut,
    role=Role.WRITE, errors=(404, 409),
)  # fmt: skip
def log_late_metrics(request: Request[dict[str, Any], None], services: Services) -> Answer:
    """Add metrics to a log, or replace some of them, when an outcome is known later."""
    log_id = log_id_in(request.path["log_id"])
    variant_logs.add_metrics(
        services.variants, request.context, request.path["slug"], log_id, request.body
    )
    return ok(_logged(log_id))


def _logged(log_id: LogId) -> LoggedOut:
    return {"success": True, "logId": log_id}


def _result(one: LogId | TrialbookError) -> LogResultOut:
    if not isinstance(one, TrialbookError):
        return {"success": True, "logId": one, "error": None}
    return {
        "success": False,
        "logId": None,
        "error": {
            "code": CODE_OF[STATUS_OF[type(one)]],
            "message": one.message,
            "details": details_of(one),
        },
    }
