"""Where artifacts are kept in tests: at the real app in this process, or on this machine alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from tests.client.harness import URL, Bench
from trialbook._http import Api
from trialbook.artifacts.facade import ArtifactFacade
from trialbook.artifacts.local import LocalArtifactIndex, LocalArtifactStore
from trialbook.context import Context

START_S: Final = 1_800_000_000.0
DAY_S: Final = 24 * 3600


@dataclass
class Place:
    """Contexts over one store and index."""

    name: str
    of: Callable[..., Context]
    wait: Callable[[float], None]
    """Let so many seconds pass."""

    def artifacts(self, **ids: Any) -> ArtifactFacade:
        return self.of(**ids).artifacts()


def remote(bench: Bench, folder: Path) -> Place:
    def of(**ids: Any) -> Context:
        return Context.of(bench.api(), progress=False, cache=folder / "cache", **ids)

    return Place("remote", of, bench.service.clock.advance)


def local(folder: Path) -> Place:
    now = [START_S]

    def tick() -> float:
        now[0] += 0.001
        return now[0]

    def wait(seconds: float) -> None:
        now[0] += seconds

    index = LocalArtifactIndex(folder / "artifacts", tick)
    store = LocalArtifactStore(folder / "artifacts")

    def of(**ids: Any) -> Context:
        return Context(store, index, **ids)

    return Place("local", of, wait)


def remote_context(api: Api, folder: Path, **ids: Any) -> Context:
    return Context.of(api, progress=False, cache=folder / "cache", **ids)


def api_over(bench: Bench, bytes_transport: httpx.AsyncBaseTransport) -> Api:
    """The bench's api with another way to the stored bytes."""
    return Api(
        URL,
        bench.key,
        transport=bench.weather,
        bytes_transport=bytes_transport,
        sleep=bench.pauses,
    )


def tree_of(folder: str | Path) -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    root = Path(folder)
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def plant(folder: Path, files: dict[str, bytes]) -> Path:
    """Write these files below a folder."""
    for path, body in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(body)
    return folder
