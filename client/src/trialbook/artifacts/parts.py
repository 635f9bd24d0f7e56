"""What every part of `context.artifacts()` works with."""

from __future__ import annotations

from collections.abc import Mapping

from trialbook.artifacts.loading import Loader
from trialbook.artifacts.protocols import AsyncArtifactIndex, AsyncArtifactStore


class FacadeParts:
    """A store, perhaps an index, and the ids that are set."""

    def __init__(
        self, store: AsyncArtifactStore, index: AsyncArtifactIndex | None, ids: Mapping[str, str]
    ) -> None:
        self._store = store
        self._maybe_index = index
        self._ids = ids
        self._loader = Loader(store, index)

    @property
    def _index(self) -> AsyncArtifactIndex:
        if self._maybe_index is None:
            raise RuntimeError("no artifact index is configured: give one to Context(index=…)")
        return self._maybe_index
