"""Sending a record to the service.

Sent again it is the same request, and one bad value stops nothing else.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, cast

from trialbook._http import Api
from trialbook._json import encode
from trialbook.errors import (
    Conflict,
    Invalid,
    NotFound,
    TooLarge,
    TrialbookError,
    error_in_answer,
)
from trialbook.experiments import AsyncExperiments, variants_path
from trialbook.runs import BASE, path_of
from trialbook.spool import Record

_FOR_GOOD: Final = frozenset(
    {
        "conflict",
        "invalid",
        "method_not_allowed",
        "not_found",
        "precondition_failed",
        "too_large",
        "unsupported_media_type",
    }
)
"""Codes of what the same request would be answered tomorrow. A proxy's 404 has no code."""


@dataclass
class Refusal:
    """What the service will never take; `body` is that part of a record, as JSON."""

    body: Any
    error: TrialbookError


@dataclass
class Outcome:
    """What became of a record. `run_id` is that of a run which it created."""

    run_id: str | None = None
    experiment_id: str | None = None
    name: str | None = None
    points: int = 0
    logs: int = 0
    refusals: list[Refusal] = field(default_factory=list[Refusal])


async def send(api: Api, run_id: str | None, record: Record, slug: str | None = None) -> Outcome:
    """Send a record of this run, or of the variants of the experiment `slug`.

    What is refused for good is in the outcome; a batch is divided until only what is bad is
    refused. Anything else raises TrialbookError, and the record may be sent again: the service is
    away, the key is not accepted, or the run could not be created.
    """
    if record.do == "create":
        return await _create(api, record)
    outcome = Outcome()
    if record.do == "logs":
        await _logs(api, slug, json.loads(record.body)["logs"], outcome, record.body)
        return outcome
    if run_id is None:
        raise NotFound("the run was never created", code="not_found")
    if record.do == "batch":
        await _batch(api, run_id, record, outcome)
    else:
        await _end(api, run_id, record, outcome)
    return outcome


async def _create(api: Api, record: Record) -> Outcome:
    body = json.loads(record.body)
    run = body["run"]
    if "experiment_id" not in run:
        experiments = AsyncExperiments(api)
        find = experiments.get_or_create if body["create_experiment"] else experiments.find
        run = {"experiment_id": (await find(body["experiment"])).id, **run}
    made = await api.call("POST", BASE, body=run, idempotency_key=record.key)
    return Outcome(made["run_id"], made["experiment_id"], made["name"])


async def _batch(api: Api, run_id: str, record: Record, outcome: Outcome) -> None:
    try:
        answer = await api.call(
            "POST",
            f"{path_of(run_id)}/log-batch",
            body=record.body,
            idempotency_key=record.key,
        )
    except TrialbookError as error:
        if not _for_good(error):
            raise
        batch = json.loads(record.body)
        pieces = _divided(batch) if _may_be_a_part(error) else []
        if not pieces:
            outcome.refusals.append(Refusal(batch, error))
        for number, piece in enumerate(pieces):
            part = Record(f"{record.key}.{number}", "batch", encode(piece))
            await _batch(api, run_id, part, outcome)
    else:
        outcome.points += answer["metrics_logged"]


async def _logs(
    api: Api, slug: str | None, logs: list[Any], outcome: Outcome, body: bytes | None = None
) -> None:
    """Logs have ids of their own, by which they count once; `body` is their JSON.

    The record's key is not sent: a remembered answer would keep what passes by itself.
    """
    path = f"{variants_path(slug or '')}/log/batch"
    try:
        answer = await api.call("POST", path, body=body or encode({"logs": logs}), counts_once=True)
    except TrialbookError as error:
        if not _for_good(error):
            raise
        if len(logs) == 1 or not isinstance(error, Invalid | TooLarge):
            outcome.refusals.append(Refusal({"logs": logs}, error))
            return
        middle = len(logs) // 2
        for half in (logs[:middle], logs[middle:]):
            await _logs(api, slug, half, outcome)
        return
    later: TrialbookError | None = None
    for log, result in zip(logs, answer["results"], strict=True):
        if result["success"]:
            outcome.logs += 1
            continue
        error = error_in_answer(result["error"])
        if _for_good(error):
            outcome.refusals.append(Refusal({"logs": [log]}, error))
        else:
            later = error
    if later is not None:
        raise later


async def _end(api: Api, run_id: str, record: Record, outcome: Outcome) -> None:
    path = f"{path_of(run_id)}/end"
    body = json.loads(record.body)
    try:
        try:
            await api.call("POST", path, body=record.body, idempotency_key=record.key)
        except Invalid as error:
            if not any(f.startswith("end_time") for f in error.fields):
                raise
            # the clocks differ, or the run was created at the service after it had ended here
            body.pop("end_time", None)
            key = f"{record.key}.now"
            await api.call("POST", path, body=body, idempotency_key=key)
    except TrialbookError as error:
        if not _for_good(error):
            raise
        outcome.refusals.append(Refusal(body, error))


def told(refusals: list[Refusal]) -> list[str]:
    """A line for each reason, with how often it was given."""
    reasons = Counter(str(refusal.error) for refusal in refusals)
    return [
        reason if count == 1 else f"{reason} ({count} times)" for reason, count in reasons.items()
    ]


def _for_good(error: TrialbookError) -> bool:
    return error.code in _FOR_GOOD


def _may_be_a_part(error: TrialbookError) -> bool:
    """Whether the rest of the batch may be fine: a bad field, a param that changes, its size."""
    return isinstance(error, Invalid | TooLarge) or (
        isinstance(error, Conflict) and "param" in error.details
    )


def _divided(batch: dict[str, Any]) -> list[dict[str, Any]]:
    """Its kinds, else the halves of its only kind; nothing when it is a single value."""
    kinds = {kind: cast("list[Any]", values) for kind, values in batch.items() if values}
    if len(kinds) > 1:
        return [{kind: values} for kind, values in kinds.items()]
    for kind, values in kinds.items():
        if len(values) > 1:
            middle = len(values) // 2
            return [{kind: values[:middle]}, {kind: values[middle:]}]
    return []
