"""The SearchBackend seam: artifacts of a tenant ranked for a text.

Implementations: `built_in.BuiltInSearch`, which needs nothing but the table and the blobs, and
`s3_vectors.S3VectorsSearch`, for more artifacts than fit into a function. Each passes
`tests/contract/test_search_contract.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chalicelib.core.context import Context
from chalicelib.core.ids import ArtifactId, TenantId
from chalicelib.core.model.search import Match, SearchDocument, SearchQuery


class SearchBackend(Protocol):
    def search(self, context: Context, query: SearchQuery) -> list[Match]:
        """The best matches among the documents of the caller's tenant as they are now, the best
        first; one that was deleted a moment ago may still be among them. Raises Unavailable where
        an index is being built for the first time, Throttled."""
        ...

    def forget(self, tenant: TenantId, artifact_ids: Sequence[ArtifactId]) -> None:
        """These were found and are deleted."""
        ...

    def changed(self, tenant: TenantId, artifact_ids: Sequence[ArtifactId]) -> None:
        """The change feed tells that these were saved, changed or deleted, perhaps again. Raises
        Throttled, Unavailable."""
        ...

    def publish(self, tenant: TenantId, deadline_s: float) -> bool:
        """Called by the clock for tenants that `changed` noted in the snapshots, with the clock's
        time when to stop: whether there was enough to do. Raises Throttled, Unavailable."""
        ...

    def build(self, tenant: TenantId, *, anew: bool = False) -> int:
        """Bring what is stored of the tenant's artifacts up to date, with `anew` all of it; returns
        how many are in it, or were put. Called again, it goes on. Raises Throttled, Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Delta:
    """Some of what changed; with a `mark`, that was all up to there."""

    documents: Sequence[SearchDocument]
    removed: Sequence[ArtifactId] = ()
    mark: str | None = None


class Versions(Protocol):
    def versions(self, artifact_ids: Sequence[ArtifactId]) -> Mapping[ArtifactId, int]:
        """Of those that an index holds."""
        ...


class Source(Protocol):
    """Where documents come from."""

    def read(self, tenant: TenantId, artifact_ids: Sequence[ArtifactId], known: Versions) -> Delta:
        """Of these what does not have the known version, and which of the known are gone."""
        ...

    def since(self, tenant: TenantId, mark: str | None, known: Versions) -> Iterator[Delta]:
        """What changed since the mark, or all there is; what has the known version is left out.
        The last one has the mark to go on from."""
        ...

    def changed(self, tenant: TenantId, mark: str | None) -> int:
        """How many changed since the mark, or there are; some may be counted that did not."""
        ...
