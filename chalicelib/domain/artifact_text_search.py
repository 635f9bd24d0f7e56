"""Artifacts that match a text, by words and by meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from chalicelib.core.context import Context
from chalicelib.core.model.artifact import Artifact
from chalicelib.core.model.search import Match, SearchMode, SearchQuery
from chalicelib.domain.artifact_documents import terms_for
from chalicelib.domain.artifact_filters import ArtifactFilters
from chalicelib.search.backend import SearchBackend
from chalicelib.storage.artifacts import ArtifactStore

LOOKS: Final = 3
"""How often it is searched again where what was found is deleted."""


class TextHit(NamedTuple):
    """An artifact as it is now, and why it was found."""

    artifact: Artifact
    match: Match


@dataclass(frozen=True, slots=True)
class TextSearch:
    """What is looked for, and among what: artifacts that have `metric` when one is named, made in
    the last `window_ms` when that is given."""

    text: str
    mode: SearchMode
    filters: ArtifactFilters
    metric: str | None = None
    window_ms: int | None = None
    limit: int = 100


def search(
    backend: SearchBackend, store: ArtifactStore, context: Context, wanted: TextSearch
) -> list[TextHit]:
    """The best first. What the backend asks for, and a read per 100 that were found. Raises what
    the backend raises."""
    window_ms = wanted.window_ms
    query = SearchQuery(
        wanted.text,
        wanted.mode,
        terms_for(wanted.filters, wanted.metric),
        0 if window_ms is None else max(0, context.now_ms() - window_ms),
        wanted.limit,
    )
    hits: list[TextHit] = []
    for _ in range(LOOKS):
        matches = backend.search(context, query)
        ids = [match.artifact_id for match in matches]
        found = {one.artifact_id: one for one in store.get_many(context.tenant, ids)}
        hits = [
            TextHit(found[match.artifact_id], match)
            for match in matches
            if match.artifact_id in found and _is_wanted(found[match.artifact_id], wanted, query)
        ]
        gone = [one for one in ids if one not in found]
        if not gone:
            break
        backend.forget(context.tenant, gone)
    return hits


def _is_wanted(artifact: Artifact, wanted: TextSearch, query: SearchQuery) -> bool:
    """Whether it still is what the filters ask for: an index may be behind."""
    fields = {**artifact.ids, "kind": artifact.kind}
    return (
        all(fields.get(name) == value for name, value in wanted.filters.fields.items())
        and wanted.filters.keep(artifact)
        and (wanted.metric is None or wanted.metric in artifact.metrics)
        and artifact.created_at_ms >= query.from_ms
    )
