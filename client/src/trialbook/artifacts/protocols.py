"""The two parts that `context.artifacts()` is made of; whoever has these methods can be one.

Pass your own as `Context(store=…, index=…)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from trialbook.artifacts.hits import Hit
from trialbook.artifacts.model import Artifact, MetricMode, SearchMode, Stored


@dataclass(frozen=True, slots=True)
class Filters:
    """Which artifacts: all that is named here must hold.

    `ids` by the names of `CONTEXT_IDS`. `tags`: an artifact has ALL of them. `labels` compare a
    label's string, or its JSON spelling when it is no string.
    """

    ids: Mapping[str, str] = field(default_factory=dict[str, str])
    kind: str | None = None
    tags: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    pinned: bool | None = None


class AsyncArtifactStore(Protocol):
    """Keeps bytes, by their content: saving the same twice is fine."""

    async def stage_path(self, ext: str = "") -> str:
        """Where a new file may be written; it is not there yet, its folder is."""
        ...

    async def stage_dir(self, suffix: str = "") -> str:
        """A new, empty folder."""
        ...

    async def discard(self, staged: str) -> None:
        """Remove what was staged here; anything else, and nothing, is left alone."""
        ...

    async def save_file(self, path: str, *, mime: str | None = None) -> Stored:
        """Keep a file's bytes, read in pieces. Raises OSError when it cannot be read."""
        ...

    async def save_dir(self, path: str) -> Stored:
        """Keep every file below a folder; the answer has the manifest. Raises OSError."""
        ...

    async def load_bytes(self, artifact: Artifact, path: str | None = None) -> bytes:
        """All of a file's bytes, checked; `path` picks a file of a directory artifact.

        Raises FileNotFoundError.
        """
        ...

    async def local_file(self, artifact: Artifact, path: str | None = None) -> str:
        """A local file with those bytes, checked. Raises FileNotFoundError."""
        ...

    async def local_dir(self, artifact: Artifact) -> str:
        """A local folder with all files of a directory artifact. Raises FileNotFoundError."""
        ...

    async def fetch(self, uri: str) -> str:
        """A local file of a `trialbook://` URI that is not an indexed artifact's.

        Raises FileNotFoundError, and ValueError for a URI that this store knows nothing of.
        """
        ...


class AsyncArtifactIndex(Protocol):
    """Keeps what is known of artifacts, newest first."""

    async def record(self, draft: Artifact, stored: Stored) -> Artifact:
        """Index what a store holds, with everything that `draft` says.

        The index gives the id, the time and the uri; the draft's own are ignored.
        """
        ...

    async def get(self, artifact_id: str) -> Artifact | None:
        """None when there is no such artifact."""
        ...

    async def list(self, filters: Filters, limit: int | None = None) -> list[Artifact]:
        """Newest first, at most `limit` of those that pass the filters."""
        ...

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
    ) -> list[Hit]:
        """With a query, the best by it first, of what has the metric when one is named; `mode` says
        how, and is the index's choice when it is None.

        Without one, whatever the mode: with a metric the best of it first and those without a
        finite one left out, else newest first. `time_window` is "90s", "30m", "24h" or "7d":
        younger than that. Raises `trialbook.errors.Invalid` for what the index cannot do.
        """
        ...

    async def best(
        self, filters: Filters, *, metric: str, metric_mode: MetricMode
    ) -> Artifact | None:
        """The one whose finite number is largest or smallest; of equals the newest."""
        ...

    async def pin(self, artifact_id: str, pinned: bool = True) -> None:
        """Raises FileNotFoundError when there is no such artifact."""
        ...

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
        """Replace the tags and the description, which "" removes; merge labels and metrics, of
        which None removes one.

        Raises FileNotFoundError when there is no such artifact.
        """
        ...

    async def delete(self, artifact_id: str) -> None:
        """Again is fine."""
        ...
