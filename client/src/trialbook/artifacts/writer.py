"""Writing an artifact piece by piece."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from trialbook.artifacts.model import Artifact, Labels, Metrics, json_ready
from trialbook.artifacts.saving import checked_tags
from trialbook.transfer.concurrency import in_thread


class ArtifactWriter:
    """What `async with context.artifacts().writer(…) as w` gives.

    `artifact` is there when the block has been left without an exception.
    """

    def __init__(self, staged: str) -> None:
        self.staged_path = staged
        self.labels: Labels = {}
        self.metrics: Metrics = {}
        self.tags: list[str] | None = None
        self.artifact: Artifact | None = None
        self._file: IO[bytes] = Path(staged).open("xb")  # noqa: SIM115 -- closed by `close`

    async def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append bytes; how many. Raises TypeError for text, ValueError after the block's end."""
        if not isinstance(data, bytes | bytearray | memoryview):  # pyright: ignore[reportUnnecessaryIsInstance] -- callers may be untyped
            raise TypeError(f"write takes bytes, not {type(data).__name__}; encode text first")
        return await in_thread(self._file.write, data)

    def add_labels(self, labels: Mapping[str, Any]) -> None:
        """Add to the labels; a list under `tags` becomes the artifact's tags.

        Raises TypeError for what JSON cannot hold.
        """
        added = json_ready(labels)
        tags = added.pop("tags", None)
        if tags is not None:
            self.tags = checked_tags(tags)
        self.labels.update(added)

    def add_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Add to the metrics. Raises TypeError for what JSON cannot hold."""
        self.metrics.update(json_ready(metrics))

    def close(self) -> None:
        """No more bytes; again is fine."""
        self._file.close()
