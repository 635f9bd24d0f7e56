"""Finding artifacts by the context's ids, tags, labels and metrics, and by text."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from typing import Final

from trialbook.artifacts.hits import Hit
from trialbook.artifacts.model import Artifact, MetricMode, SearchMode
from trialbook.artifacts.parts import FacadeParts
from trialbook.artifacts.protocols import Filters
from trialbook.artifacts.saving import checked_tags
from trialbook.artifacts.scope import (
    ScopeLevel,
    checked_limit,
    checked_metric_mode,
    checked_search_mode,
    level_ids,
    narrowed,
)

MATCHES: Final = 100
"""Of a text, unless more are asked for: every artifact has some likeness to any text."""


class SearchApi(FacadeParts):
    """A level says which of the context's ids an artifact must carry."""

    async def get_by_id(self, artifact_id: str) -> Artifact | None:
        """None when there is no such artifact."""
        return await self._index.get(artifact_id)

    async def list(
        self,
        *,
        level: ScopeLevel | None = "run",
        include_node: bool = True,
        tags: list[str] | None = None,
        filters: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> list[Artifact]:
        """Newest first: all, or `limit` of those that pass.

        `include_node` narrows to the context's graph and node, where it has them. An artifact
        passes when it has ALL the tags and every label of `filters`. Raises ValueError when the
        level needs an id that the context lacks.
        """
        ids = level_ids(self._ids, level)
        ids |= narrowed(self._ids, graph=False, node=include_node, lenient=True)
        wanted = Filters(ids, tags=_tags(tags), labels=_labels(filters))
        return await self._index.list(wanted, checked_limit(limit))

    async def search(
        self,
        *,
        query: str | None = None,
        kind: str | None = None,
        tags: builtins.list[str] | None = None,
        labels: Mapping[str, str] | None = None,
        metric: str | None = None,
        metric_mode: MetricMode | None = None,
        level: ScopeLevel | None = "run",
        extra_scope_labels: Mapping[str, str] | None = None,
        limit: int | None = None,
        include_graph: bool = False,
        include_node: bool = False,
        time_window: str | None = None,
        mode: SearchMode | None = None,
    ) -> builtins.list[Artifact]:
        """The artifacts of `search_hits`, in its order."""
        hits = await self.search_hits(
            query=query,
            kind=kind,
            tags=tags,
            labels=labels,
            metric=metric,
            metric_mode=metric_mode,
            level=level,
            extra_scope_labels=extra_scope_labels,
            limit=limit,
            include_graph=include_graph,
            include_node=include_node,
            time_window=time_window,
            mode=mode,
        )
        return [hit.artifact for hit in hits]

    async def search_hits(
        self,
        *,
        query: str | None = None,
        kind: str | None = None,
        tags: builtins.list[str] | None = None,
        labels: Mapping[str, str] | None = None,
        metric: str | None = None,
        metric_mode: MetricMode | None = None,
        level: ScopeLevel | None = "run",
        extra_scope_labels: Mapping[str, str] | None = None,
        limit: int | None = None,
        include_graph: bool = False,
        include_node: bool = False,
        time_window: str | None = None,
        mode: SearchMode | None = None,
    ) -> builtins.list[Hit]:
        """What matches a text, the best first, each with its score and why it was found.

        `mode`: "lexical" (BM25 of the words), "semantic" (cosine of the meaning) or "hybrid" (both,
        the default of a service). A local folder has "lexical" alone, its default. At most 100,
        unless `limit` says otherwise, of what has the `metric` when one is named.

        Without a text, whatever the mode: with a metric the best of it first (`metric_mode` max
        unless said) without those that have no finite number, else the newest first.

        Level, kind, tags (all of them), labels and `time_window` ("90s", "30m", "24h", "7d": the
        younger ones) narrow every mode. Raises ValueError for a bad level, mode or metric_mode,
        `errors.Invalid` for what the index cannot do, and `errors.Unavailable` while a service
        reads the artifacts for the first time.
        """
        if metric_mode is not None:
            checked_metric_mode(metric_mode)
        if mode is not None:
            checked_search_mode(mode)
        text = query if query and query.strip() else None
        ids = level_ids(self._ids, level)
        ids |= narrowed(self._ids, graph=include_graph, node=include_node)
        wanted = Filters(ids, kind, _tags(tags), {**_labels(labels), **_labels(extra_scope_labels)})
        at_most = checked_limit(limit)
        return await self._index.search_hits(
            wanted,
            query=text,
            mode=None if text is None else mode,
            metric=metric,
            metric_mode=metric_mode,
            time_window=time_window,
            limit=MATCHES if text is not None and at_most is None else at_most,
        )

    async def best(
        self,
        *,
        kind: str,
        metric: str,
        metric_mode: MetricMode,
        level: ScopeLevel | None = "run",
        tags: builtins.list[str] | None = None,
        filters: Mapping[str, str] | None = None,
    ) -> Artifact | None:
        """The one with the largest ("max") or smallest ("min") metric; of equals the newest.

        NaN, infinities and what is no number do not compete. None when nothing does.
        """
        mode = checked_metric_mode(metric_mode)
        ids = level_ids(self._ids, level)
        wanted = Filters(ids, kind, _tags(tags), _labels(filters))
        return await self._index.best(wanted, metric=metric, metric_mode=mode)

    async def pin(self, artifact_id: str, pinned: bool = True) -> None:
        """A pinned artifact is never removed by retention. Raises FileNotFoundError."""
        await self._index.pin(artifact_id, pinned)


def _tags(tags: Iterable[str] | None) -> builtins.list[str]:
    return checked_tags(tags or [])


def _labels(labels: Mapping[str, str] | None) -> dict[str, str]:
    found = dict(labels or {})
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance] -- callers may be untyped
            raise TypeError(f"label filters are strings: {name!r:.100}")
    return found
