"""Artifacts as documents of a search: what is found by words and meaning, and what narrows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from chalicelib.core.ids import ArtifactId, TenantId
from chalicelib.core.model.artifact import Artifact
from chalicelib.core.model.search import SearchDocument
from chalicelib.domain.artifact_filters import ArtifactFilters, label_text
from chalicelib.domain.stored_bytes import Spread
from chalicelib.search.backend import Delta, Versions
from chalicelib.storage.artifacts import ArtifactStore
from chalicelib.storage.blobs import BlobMissing, Blobs
from chalicelib.storage.table import MAX_GET_MANY

CONTENT_BYTES: Final = 64 * 1024
"""Of a text, from its beginning, are searched."""
LATELY_MS: Final = 60_000
"""What was made in the last minute is looked up in the rows besides: changes may be told late."""
_TEXTS: Final = frozenset({
    "application/json", "application/x-ndjson", "application/jsonl", "application/xml",
    "application/yaml", "application/x-yaml", "application/toml", "application/sql",
    "application/x-sh", "application/javascript",
})  # fmt: skip
"""Media types of texts besides `text/…` and `…+json`."""


def terms_of(artifact: Artifact) -> frozenset[str]:
    """What the artifact can be narrowed by."""
    return frozenset((
        _term("kind", artifact.kind),
        _term("pinned", str(artifact.pinned)),
        *(_term(name, value) for name, value in artifact.ids.items()),
        *(_term("tag", tag) for tag in artifact.tags),
        *(_term("label", name, label_text(value)) for name, value in artifact.labels.items()),
        *(_term("metric", name) for name in artifact.metrics),
    ))  # fmt: skip


def terms_for(filters: ArtifactFilters, metric: str | None) -> list[str]:
    """What artifacts must have that match, and have a metric when one is named."""
    terms = [_term(name, value) for name, value in filters.fields.items()]
    terms += [_term("tag", tag) for tag in filters.tags]
    terms += [_term("label", name, value) for name, value in filters.labels.items()]
    if filters.pinned is not None:
        terms.append(_term("pinned", str(filters.pinned)))
    if metric is not None:
        terms.append(_term("metric", metric))
    return terms


def document_of(artifact: Artifact, content: str = "") -> SearchDocument:
    """`content` is the beginning of what is in it, when that is text."""
    about = (
        artifact.kind,
        *artifact.tags,
        *(f"{name} {label_text(value)}" for name, value in artifact.labels.items()),
        *artifact.metrics,
        artifact.tool_name or "",
        artifact.description or "",
    )
    return SearchDocument(
        artifact_id=artifact.artifact_id,
        version=artifact.version,
        created_at_ms=artifact.created_at_ms,
        terms=terms_of(artifact),
        name=artifact.name or "",
        about="\n".join(filter(None, about)),
        content=content,
    )


def has_text(artifact: Artifact) -> bool:
    """Whether its content can be searched: a file of text."""
    mime = artifact.mime.partition(";")[0].strip().lower()
    is_text = mime.startswith("text/") or mime.endswith("+json") or mime in _TEXTS
    return artifact.file_count is None and is_text


@dataclass(frozen=True, slots=True)
class ArtifactSource:
    """Documents from the store of artifacts, and what texts hold from the blobs."""

    artifacts: ArtifactStore
    blobs: Blobs
    spread: Spread
    now_ms: Callable[[], int]

    def since(self, tenant: TenantId, mark: str | None, known: Versions) -> Iterator[Delta]:
        """See `search.backend.Source`. A request for what changed and one for what was made lately,
        then a read per 100 artifacts and a blob per text among them; without a mark a query per
        4,000 artifacts besides."""
        changed = self.artifacts.changed_since(tenant, mark)
        if mark is None:
            ids = self._all(tenant)
        else:
            ids = [*dict.fromkeys((*changed.ids, *self._lately(tenant, known)))]
        for start in range(0, len(ids), MAX_GET_MANY):
            yield self.read(tenant, ids[start : start + MAX_GET_MANY], known)
        yield Delta([], [], changed.mark)

    def read(self, tenant: TenantId, artifact_ids: Sequence[ArtifactId], known: Versions) -> Delta:
        """See `search.backend.Source`. A read per 100, and a blob per text among them."""
        found = self.artifacts.get_many(tenant, artifact_ids)
        versions = known.versions(artifact_ids)
        new = [one for one in found if versions.get(one.artifact_id) != one.version]
        there = {one.artifact_id for one in found}
        gone = [one for one in versions if one not in there]
        contents = [*self.spread(self._content, new)]
        documents = [document_of(one, text) for one, text in zip(new, contents, strict=True)]
        return Delta(documents, gone)

    def changed(self, tenant: TenantId, mark: str | None) -> int:
        """See `search.backend.Source`. A request per 8,000."""
        return len(self.artifacts.changed_since(tenant, mark).ids)

    def _all(self, tenant: TenantId) -> list[ArtifactId]:
        found: list[ArtifactId] = []
        after: tuple[str, ...] | None = None
        while True:
            page = self.artifacts.rows(tenant, None, after=after)
            found += [row.artifact_id for row in page.rows]
            after = page.next
            if after is None:
                return found

    def _lately(self, tenant: TenantId, known: Versions) -> Sequence[ArtifactId]:
        rows = self.artifacts.rows(tenant, None, from_ms=max(0, self.now_ms() - LATELY_MS)).rows
        ids = [row.artifact_id for row in rows]
        versions = known.versions(ids)
        return [one for one in ids if one not in versions]

    def _content(self, artifact: Artifact) -> str:
        if not has_text(artifact):
            return ""
        try:
            head = self.blobs.get(artifact.blob_key, 0, CONTENT_BYTES)
        except BlobMissing:  # deleted at this moment, or not there yet
            return ""
        return head.decode(errors="replace").replace("\0", " ")


def _term(*parts: str) -> str:
    return "\0".join(parts)
