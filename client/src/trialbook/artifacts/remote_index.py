"""The index at the service."""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from trialbook._http import Api
from trialbook.artifacts.hits import Hit
from trialbook.artifacts.model import (
    CONTEXT_IDS,
    Artifact,
    MetricMode,
    SearchMode,
    Stored,
    json_ready,
)
from trialbook.artifacts.protocols import Filters
from trialbook.artifacts.saving import checked_description
from trialbook.errors import NotFound

ARTIFACTS: Final = "/api/v1/artifacts"
PAGE: Final = 1000

_DRAFTED: Final = (
    *CONTEXT_IDS,
    *("kind", "name", "suggested_uri", "preview_uri", "tool_name", "tool_version", "description"),
)
_ID: Final = re.compile(r"[A-Za-z0-9_-]+")


class RemoteArtifactIndex:
    """An `AsyncArtifactIndex` on a server; what the server refuses is the client's error."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def record(self, draft: Artifact, stored: Stored) -> Artifact:
        """Raises Conflict, with `details["missing"]`, when the service lacks bytes."""
        body: dict[str, Any] = {
            "tags": draft.tags or [],
            "labels": json_ready(draft.labels or {}),
            "metrics": json_ready(draft.metrics or {}),
            "pinned": draft.pinned,
        }
        body |= {name: getattr(draft, name) for name in _DRAFTED}
        if stored.manifest is None:
            body |= {"sha256": stored.sha256, "mime": stored.mime or draft.mime}
        else:
            body["manifest"] = [file.to_dict() for file in stored.manifest]
        sent = {name: value for name, value in body.items() if value is not None}
        return Artifact.from_dict(await self._api.call("POST", ARTIFACTS, body=sent))

    async def get(self, artifact_id: str) -> Artifact | None:
        if not _ID.fullmatch(artifact_id):
            return None
        try:
            return Artifact.from_dict(await self._api.call("GET", f"{ARTIFACTS}/{artifact_id}"))
        except NotFound:
            return None

    async def list(self, filters: Filters, limit: int | None = None) -> list[Artifact]:
        """Cost: one request for up to 1,000, more when many do not pass."""
        query: dict[str, Any] = {
            **filters.ids,
            "kind": filters.kind,
            "tags": list(filters.tags) or None,
            "pinned": None if filters.pinned is None else str(filters.pinned).lower(),
            **{f"label.{name}": value for name, value in filters.labels.items()},
        }
        found: list[Artifact] = []
        cursor: str | None = None
        while limit is None or len(found) < limit:
            size = PAGE if limit is None else min(PAGE, limit - len(found))
            page = await self._api.call(
                "GET", ARTIFACTS, query={**query, "limit": size, "cursor": cursor}
            )
            found += [Artifact.from_dict(one) for one in page["artifacts"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        return found

    async def search_hits(
        self,
        filters: Filters,
        *,
        query: str | None = None,
        mode: SearchMode | None = None,
        metric: str | None = None,
        metric_mode: MetricMode | None = None,
        time_window: str | None = None,
        limit: int | None = None,
    ) -> builtins.list[Hit]:
        """At most 1,000; without query, metric and time window it is a list, and so may be more.

        A service that sees the artifacts for the first time may be Unavailable for a while.
        """
        if limit == 0:
            return []
        has_text = query is not None and bool(query.strip())
        if not (has_text or metric or time_window):
            return [Hit(artifact) for artifact in await self.list(filters, limit)]
        body = _filters(filters) | {
            "query": query if has_text else None,
            "mode": mode if has_text else None,
            "metric": metric,
            "metric_mode": metric_mode,
            "time_window": time_window,
            "limit": min(PAGE, limit or PAGE),
        }
        answer = await self._api.call("POST", f"{ARTIFACTS}/search", body=_said(body))
        hits = cast("builtins.list[Mapping[str, Any]]", answer["hits"])
        return [Hit.from_dict(hit) for hit in hits]

    async def best(
        self, filters: Filters, *, metric: str, metric_mode: MetricMode
    ) -> Artifact | None:
        body = _filters(filters) | {"metric": metric, "metric_mode": metric_mode}
        try:
            answer = await self._api.call("POST", f"{ARTIFACTS}/best", body=_said(body))
        except NotFound:
            return None
        return Artifact.from_dict(answer)

    async def pin(self, artifact_id: str, pinned: bool = True) -> None:
        await self._of(artifact_id, "PUT", "/pin", {"pinned": pinned})

    async def patch(
        self,
        artifact_id: str,
        *,
        tags: Sequence[str] | None = None,
        labels: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        pinned: bool | None = None,
        description: str | None = None,
    ) -> Artifact:
        if description is not None:
            checked_description(description)
        body = {
            "tags": None if tags is None else list(tags),
            "labels": None if labels is None else json_ready(labels),
            "metrics": None if metrics is None else json_ready(metrics),
            "pinned": pinned,
            "description": description,
        }
        return Artifact.from_dict(await self._of(artifact_id, "PATCH", "", _said(body)))

    async def delete(self, artifact_id: str) -> None:
        if _ID.fullmatch(artifact_id):
            await self._api.call("DELETE", f"{ARTIFACTS}/{artifact_id}")

    async def _of(self, artifact_id: str, method: str, path: str, body: Mapping[str, Any]) -> Any:
        if _ID.fullmatch(artifact_id):
            try:
                return await self._api.call(method, f"{ARTIFACTS}/{artifact_id}{path}", body=body)
            except NotFound:
                pass
        raise FileNotFoundError(f"no such artifact: {artifact_id}")


def _filters(filters: Filters) -> dict[str, Any]:
    return {
        **filters.ids,
        "kind": filters.kind,
        "tags": list(filters.tags) or None,
        "labels": dict(filters.labels) or None,
        "pinned": filters.pinned,
    }


def _said(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}
