"""Routes that read the logs of A/B experiments: newest first, or all of them as a file."""

from __future__ import annotations

from typing import Annotated

from chalice.app import Blueprint
from pydantic import Field

from chalicelib.api.contract import Answer, Body, Params, Request, ok
from chalicelib.api.endpoint import endpoint
from chalicelib.api.v1.pages import cursor_of, fitting, position_of
from chalicelib.api.v1.shapes import rfc3339
from chalicelib.api.v1.variant_shapes import EXPERIMENT, ExportOut, From, LogOut, LogsOut, To
from chalicelib.core.context import Context, Role
from chalicelib.core.model.variant_log import LogContent, VariantLog
from chalicelib.domain import variant_exports, variant_intake, variant_log_reads
from chalicelib.domain.artifact_paths import safe_disposition
from chalicelib.domain.uploads import URL_S
from chalicelib.domain.variant_log_reads import LogFilter, comparison_of
from chalicelib.storage.variant_exports import Export
from chalicelib.wiring import Services

routes = Blueprint(__name__)
EXPORTS = EXPERIMENT + "/logs/export"

Comparisons = Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=20)]
VariantText = Annotated[str, Field(max_length=100)]


class LogsQuery(Params):
    variant: VariantText | None = None
    from_: Annotated[From | None, Field(alias="from")] = None
    to: To | None = None
    metric: Comparisons = []
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: str | None = None


class ExportBody(Body):
    """Which logs; all of them when nothing is said."""

    variant: VariantText | None = None
    from_: Annotated[From | None, Field(alias="from")] = None
    to: To | None = None
    metric: Comparisons = []


def _filter_of(asked: LogsQuery | ExportBody) -> LogFilter:
    return LogFilter(
        asked.variant, asked.from_, asked.to, tuple(comparison_of(one) for one in asked.metric)
    )


@endpoint(
    routes, "GET", EXPERIMENT + "/logs", query=LogsQuery, answer=LogsOut, role=Role.READ,
    runs_long=True, errors=(404,),
)  # fmt: skip
def list_logs(request: Request[None, LogsQuery], services: Services) -> Answer:
    """List logs, newest first."""
    context, slug, query = request.context, request.path["slug"], request.query
    wanted = _filter_of(query)
    experiment = variant_intake.find(services.variants, context, slug).experiment
    scope = ("logs", experiment.id, query.variant, query.from_, query.to, query.metric)
    start = position_of(services, context, scope, query.cursor)
    page = variant_log_reads.read(
        services.variants, context, experiment.id, wanted, query.limit, start
    )
    shown = fitting(
        _shown(*one) for one in variant_log_reads.contents(services.variants, page.logs)
    )
    before = page.before
    if len(shown) < len(page.logs):
        before = page.logs[len(shown) - 1].facts.log_id
    return ok({"logs": shown, "next_cursor": cursor_of(services, context, scope, before)})


@endpoint(
    routes, "POST", EXPORTS, body=ExportBody, answer=ExportOut, role=Role.READ, read_only=True,
    runs_long=True, errors=(202, 404),
)  # fmt: skip
def export_logs(request: Request[ExportBody, None], services: Services) -> Answer:
    """Export logs as JSON Lines, newest first."""
    context, slug = request.context, request.path["slug"]
    asked = request.body.model_dump(mode="json", by_alias=True)
    wanted = _filter_of(request.body)
    experiment = variant_intake.find(services.variants, context, slug).experiment
    export = variant_exports.begin(services.variants, context, experiment.id, wanted, asked, _line)
    return _answer(services, context, slug, export, request.prefix)


@endpoint(
    routes, "GET", EXPORTS + "/{export_id}", answer=ExportOut, role=Role.READ, runs_long=True,
    errors=(202, 404),
)  # fmt: skip
def get_export(request: Request[None, None], services: Services) -> Answer:
    """Where an export is; while it is made, each look does a few seconds of the work."""
    context, slug = request.context, request.path["slug"]
    experiment = variant_intake.find(services.variants, context, slug).experiment
    export = variant_exports.find(
        services.variants, context, experiment.id, request.path["export_id"]
    )
    wanted = _filter_of(ExportBody.model_validate(export.asked))
    export = variant_exports.go_on(services.variants, context, experiment.id, export, wanted, _line)
    return _answer(services, context, slug, export, request.prefix)


def _answer(services: Services, context: Context, slug: str, export: Export, prefix: str) -> Answer:
    payload: ExportOut = {
        "export_id": export.id,
        "logs": export.lines,
        "url": None,
        "expires_at": None,
        "ask": f"{prefix}{EXPORTS.replace('{slug}', slug)}/{export.id}",
    }
    if not export.is_done:
        return Answer(202, payload, {"retry-after": "1"})
    signed = services.blobs.presign_get(
        export.object_key,
        mime=variant_exports.MIME,
        disposition=safe_disposition(f"{slug}.jsonl", inline=False),
        expires_s=URL_S,
    )
    payload["url"] = signed.url
    payload["expires_at"] = rfc3339(context.now_ms() + URL_S * 1000)
    return ok(payload)


def _line(log: VariantLog, content: LogContent) -> bytes:
    return variant_exports.json_line(_shown(log, content))


def _shown(log: VariantLog, content: LogContent) -> LogOut:
    facts = log.facts
    return {
        "logId": facts.log_id,
        "variantKey": facts.variant,
        "unitId": facts.unit,
        "timestamp": facts.timestamp_ms,
        "input": dict(content.input),
        "output": dict(content.output),
        "metrics": dict(facts.metrics),
        "context": dict(content.context),
        "covariates": dict(facts.covariates),
        "logged_at": rfc3339(log.logged_at_ms),
        "logged_by": log.logged_by,
    }
