"""Runs: create, find, log to, compare. What logs in the background is an active run (run.py)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypedDict
from urllib.parse import quote

from trialbook._http import Api
from trialbook._pages import pages
from trialbook.models import (
    Comparison,
    EndStatus,
    FileEntry,
    Goal,
    Logged,
    Point,
    Run,
    RunStatus,
    Series,
    Stage,
)

BASE: Final = "/api/v1/experiments/runs"


class MetricPoint(TypedDict, total=False):
    """A value of a metric; `step` is 0 and `timestamp` (ms) is now when left out."""

    key: str
    value: float
    step: int
    timestamp: int


class AsyncRuns:
    """`client.runs`. Each method is one request, but for lists: one for each page."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def create(
        self,
        experiment: str,
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        parent_run_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Run:
        """`experiment` is an id or a slug. Nothing ends this run but `end`."""
        body = {
            "experiment_id": experiment,
            "name": name,
            "description": description,
            "tags": tags or {},
            "parent_run_id": parent_run_id,
        }
        made = await self._api.call("POST", BASE, body=body, idempotency_key=idempotency_key)
        return Run.model_validate(made)

    async def get(self, run_id: str) -> Run:
        """Deleted ones too. Raises NotFound."""
        return Run.model_validate(await self._api.call("GET", path_of(run_id)))

    async def list(
        self,
        experiment: str,
        *,
        status: RunStatus | None = None,
        filter: str | None = None,  # noqa: A002  # the name that the service gives it
        order_by: Sequence[str] = (),
        lifecycle_stage: Stage = "active",
        limit: int | None = None,
    ) -> list[Run]:
        """Newest first unless `order_by` says otherwise; all of them without a limit."""
        found = self.iterate(
            experiment,
            status=status,
            filter=filter,
            order_by=order_by,
            lifecycle_stage=lifecycle_stage,
            limit=limit,
        )
        return [run async for run in found]

    def iterate(
        self,
        experiment: str,
        *,
        status: RunStatus | None = None,
        filter: str | None = None,  # noqa: A002  # as above
        order_by: Sequence[str] = (),
        lifecycle_stage: Stage = "active",
        limit: int | None = None,
    ) -> AsyncGenerator[Run]:
        """The same, page by page."""
        asked = {
            "experiment_id": experiment,
            "status": status,
            "filter": filter,
            "order_by": list(order_by) or None,
            "lifecycle_stage": lifecycle_stage,
        }
        return pages(self._api, "GET", BASE, asked, "runs", Run, limit)

    async def search(
        self,
        experiments: Iterable[str],
        *,
        filter: str | None = None,  # noqa: A002  # as above
        order_by: Sequence[str] = (),
        lifecycle_stage: Stage = "active",
        limit: int | None = None,
    ) -> list[Run]:
        """Runs of up to 100 experiments by MLflow's filter language."""
        found = self.iterate_search(
            experiments,
            filter=filter,
            order_by=order_by,
            lifecycle_stage=lifecycle_stage,
            limit=limit,
        )
        return [run async for run in found]

    def iterate_search(
        self,
        experiments: Iterable[str],
        *,
        filter: str | None = None,  # noqa: A002  # as above
        order_by: Sequence[str] = (),
        lifecycle_stage: Stage = "active",
        limit: int | None = None,
    ) -> AsyncGenerator[Run]:
        """The same, page by page."""
        asked = {
            "experiment_ids": list(experiments),
            "filter": filter,
            "order_by": list(order_by),
            "lifecycle_stage": lifecycle_stage,
        }
        return pages(self._api, "POST", f"{BASE}/search", asked, "runs", Run, limit)

    async def update(
        self,
        run_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str | None] | None = None,
        status: RunStatus | None = None,
    ) -> Run:
        """Change what is given; a tag of None is deleted, an empty description too."""
        body: dict[str, Any] = {"name": name, "tags": tags, "status": status}
        body = {field: value for field, value in body.items() if value is not None}
        if description is not None:
            body["description"] = description or None
        return Run.model_validate(await self._api.call("PATCH", path_of(run_id), body=body))

    async def delete(self, run_id: str) -> None:
        """Softly: `restore` brings it back. Again is fine."""
        await self._api.call("DELETE", path_of(run_id))

    async def restore(self, run_id: str) -> Run:
        return Run.model_validate(await self._api.call("POST", f"{path_of(run_id)}/restore"))

    async def end(
        self, run_id: str, status: EndStatus = "finished", *, end_time: datetime | None = None
    ) -> Run:
        """Raises Conflict when the run ended with another status. `end_time` is aware."""
        body: dict[str, Any] = {"status": status}
        if end_time is not None:
            body["end_time"] = end_time
        return Run.model_validate(await self._api.call("POST", f"{path_of(run_id)}/end", body=body))

    async def log_metrics(
        self,
        run_id: str,
        metrics: Mapping[str, float],
        *,
        step: int = 0,
        timestamp: int | None = None,
    ) -> Logged:
        """Up to 1,000 metrics at one step, at once. `timestamp` is in milliseconds."""
        body: dict[str, Any] = {"metrics": metrics, "step": step}
        if timestamp is not None:
            body["timestamp"] = timestamp
        answer = await self._api.call("POST", f"{path_of(run_id)}/log-metrics", body=body)
        return Logged.model_validate(answer)

    async def log_params(self, run_id: str, params: Mapping[str, str | float | bool]) -> Logged:
        """Up to 100 params. Raises Conflict when one would change its value."""
        path = f"{path_of(run_id)}/log-params"
        answer = await self._api.call("POST", path, body={"params": params})
        return Logged.model_validate(answer)

    async def log_batch(
        self,
        run_id: str,
        *,
        metrics: Sequence[MetricPoint] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Logged:
        """Up to 1,000 points, 100 params and 100 tags: all of it is logged or none of it."""
        body = {"metrics": list(metrics), "params": _pairs(params), "tags": _pairs(tags)}
        path = f"{path_of(run_id)}/log-batch"
        answer = await self._api.call("POST", path, body=body, idempotency_key=idempotency_key)
        return Logged.model_validate(answer)

    async def set_tags(self, run_id: str, tags: Mapping[str, str | None]) -> Run:
        """Tags merge; one of None is deleted."""
        return await self.update(run_id, tags=tags)

    async def compare(
        self,
        run_ids: Sequence[str],
        *,
        metrics: Sequence[str] | None = None,
        goals: Mapping[str, Goal] | None = None,
    ) -> Comparison:
        """2 to 10 runs of any experiments, by all of their metrics when none are named."""
        body: dict[str, Any] = {"run_ids": list(run_ids), "goals": goals or {}}
        if metrics is not None:
            body["metrics"] = list(metrics)
        return Comparison.model_validate(await self._api.call("POST", f"{BASE}/compare", body=body))

    async def history(
        self,
        run_id: str,
        key: str,
        *,
        max_points: int | None = None,
        start_step: int | None = None,
        end_step: int | None = None,
    ) -> list[Point]:
        """Points of a metric, ascending by (step, timestamp).

        All of them, or at most `max_points` (to 10,000) that keep the curve's shape. Steps are
        inclusive. Raises NotFound when the run has no such metric.
        """
        asked = {"max_points": max_points, "start_step": start_step, "end_step": end_step}
        points: list[Point] = []
        cursor = None
        while True:
            answer = await self._api.call(
                "GET",
                f"{path_of(run_id)}/metrics/{quote(key, safe='')}",
                query={**asked, "cursor": cursor},
            )
            points += [Point.model_validate(point) for point in answer["points"]]
            cursor = answer["next_cursor"]
            if cursor is None:
                return points

    async def histories(
        self,
        run_ids: Sequence[str],
        keys: Sequence[str],
        *,
        max_points: int = 1000,
        start_step: int | None = None,
        end_step: int | None = None,
    ) -> list[Series]:
        """Metrics of up to 100 runs, at most 100,000 points in all.

        A run that lacks a key is left out.
        """
        body = {"run_ids": list(run_ids), "keys": list(keys), "max_points": max_points}
        steps = {"start_step": start_step, "end_step": end_step}
        body |= {name: step for name, step in steps.items() if step is not None}
        answer = await self._api.call("POST", f"{BASE}/metrics/history", body=body)
        return [Series.model_validate(series) for series in answer["series"]]

    async def files(
        self, run_id: str, path: str | None = None, *, limit: int | None = None
    ) -> list[FileEntry]:
        """One level of the run's tree, folders first."""
        found = pages(
            self._api,
            "GET",
            f"{path_of(run_id)}/artifacts",
            {"path": path or None},
            "artifacts",
            FileEntry,
            limit,
        )
        return [entry async for entry in found]


def path_of(run_id: str) -> str:
    """The run's path at the service."""
    return f"{BASE}/{quote(run_id, safe='')}"


def _pairs(fields: Mapping[str, str] | None) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in (fields or {}).items()]
