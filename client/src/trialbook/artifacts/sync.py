"""`context.artifacts()` for code that awaits nothing."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from typing import Any, Unpack

from trialbook.artifacts.facade import ArtifactFacade
from trialbook.artifacts.model import Artifact
from trialbook.artifacts.writer import ArtifactWriter
from trialbook.context import Context, ContextIds
from trialbook.portal import Driven, Portal, driven


class SyncWriter:
    """What `with context.artifacts().writer(…) as w` gives."""

    def __init__(self, portal: Portal, writer: ArtifactWriter) -> None:
        self._portal = portal
        self._writer = writer

    @property
    def artifact(self) -> Artifact | None:
        """There when the block has been left without an exception."""
        return self._writer.artifact

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append bytes; how many. Raises TypeError for text, ValueError after the block's end."""
        return self._portal.call(self._writer.write(data))

    def add_labels(self, labels: Mapping[str, Any]) -> None:
        """Add to the labels; a list under `tags` becomes the artifact's tags."""
        self._writer.add_labels(labels)

    def add_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Add to the metrics."""
        self._writer.add_metrics(metrics)


class SyncArtifactFacade(Driven):
    """Every method of `ArtifactFacade`, waited for."""

    save_file = driven(ArtifactFacade.save_file)
    save_text = driven(ArtifactFacade.save_text)
    save_json = driven(ArtifactFacade.save_json)
    get_by_id = driven(ArtifactFacade.get_by_id)
    list = driven(ArtifactFacade.list)
    search = driven(ArtifactFacade.search)
    search_hits = driven(ArtifactFacade.search_hits)
    best = driven(ArtifactFacade.best)
    pin = driven(ArtifactFacade.pin)
    stage_path = driven(ArtifactFacade.stage_path)
    stage_dir = driven(ArtifactFacade.stage_dir)
    ingest_file = driven(ArtifactFacade.ingest_file)
    ingest_dir = driven(ArtifactFacade.ingest_dir)
    load_bytes_by_id = driven(ArtifactFacade.load_bytes_by_id)
    load_text_by_id = driven(ArtifactFacade.load_text_by_id)
    load_json_by_id = driven(ArtifactFacade.load_json_by_id)
    load_bytes = driven(ArtifactFacade.load_bytes)
    load_text = driven(ArtifactFacade.load_text)
    load_json = driven(ArtifactFacade.load_json)
    as_local_dir = driven(ArtifactFacade.as_local_dir)
    as_local_file = driven(ArtifactFacade.as_local_file)

    @contextmanager
    def writer(
        self,
        *,
        kind: str,
        planned_ext: str | None = None,
        pin: bool = False,
        description: str | None = None,
    ) -> Generator[SyncWriter]:
        """Write an artifact piece by piece; leaving the block saves it, an exception does not."""
        target: ArtifactFacade = self.target
        writing = target.writer(
            kind=kind, planned_ext=planned_ext, pin=pin, description=description
        )
        writer = self.portal.call(_entered(writing))
        try:
            yield SyncWriter(self.portal, writer)
        except BaseException as error:
            self.portal.call(_left(writing, error))
            raise
        self.portal.call(_left(writing, None))


class SyncContext:
    """A context whose artifacts are waited for."""

    def __init__(self, portal: Portal, context: Context) -> None:
        self._portal = portal
        self.context = context

    def artifacts(self) -> SyncArtifactFacade:
        return SyncArtifactFacade(self._portal, self.context.artifacts())

    def scoped(self, **ids: Unpack[ContextIds]) -> SyncContext:
        """The same with these ids in place of its own; None removes one."""
        return SyncContext(self._portal, self.context.scoped(**ids))


async def _entered(writing: AbstractAsyncContextManager[ArtifactWriter]) -> ArtifactWriter:
    return await writing.__aenter__()


async def _left(
    writing: AbstractAsyncContextManager[ArtifactWriter], error: BaseException | None
) -> None:
    if error is None:
        await writing.__aexit__(None, None, None)
        return
    with suppress(type(error)):
        await writing.__aexit__(type(error), error, error.__traceback__)
