"""An `mlruns` folder: what MLflow's file store wrote, read without MLflow.

mlruns/EXPERIMENT/meta.yaml, tags/KEY; mlruns/EXPERIMENT/RUN/meta.yaml, params/KEY, tags/KEY,
metrics/KEY (a line for each point: time, value, step) and artifacts/. A key may have slashes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from trialbook.imports import flat_yaml
from trialbook.imports.source import Point, SourceExperiment, SourceFailed, SourceFile, SourceRun

_STATUSES: Final = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
"""From 1, as meta.yaml numbers them."""


class FileStore:
    """A `Source`."""

    def __init__(self, folder: Path) -> None:
        """Raises SourceFailed when nothing there looks like it."""
        self.name = folder.absolute().as_uri()
        self._folder = folder
        if not any(folder.glob("*/meta.yaml")):
            raise SourceFailed(f"there are no experiments of MLflow in this folder: {folder}")

    async def experiments(self) -> AsyncGenerator[SourceExperiment]:
        for folder in sorted(self._folder.iterdir()):
            meta = await asyncio.to_thread(_meta, folder)
            if meta is not None and meta["lifecycle_stage"] == "active":
                tags = await asyncio.to_thread(_texts, folder / "tags")
                yield SourceExperiment(folder.name, meta["name"], tags)

    async def runs(self, experiment: SourceExperiment) -> AsyncGenerator[SourceRun]:
        for folder in sorted((self._folder / experiment.id).iterdir()):
            run = await asyncio.to_thread(_run, folder)
            if run is not None:
                yield run

    async def history(self, run: SourceRun, key: str) -> list[Point]:
        file = self._of(run) / "metrics" / key
        return await asyncio.to_thread(lambda: sorted(_points(file)))

    async def files(self, run: SourceRun) -> list[SourceFile]:
        folder = self._artifacts(run)
        return await asyncio.to_thread(
            lambda: [
                SourceFile(path, (folder / path).stat().st_size) for path in _files_below(folder)
            ]
        )

    async def fetch(self, run: SourceRun, file: SourceFile, folder: Path) -> Path:
        return self._artifacts(run) / file.path

    async def close(self) -> None:
        return

    def _of(self, run: SourceRun) -> Path:
        [found] = self._folder.glob(f"*/{run.id}")
        return found

    def _artifacts(self, run: SourceRun) -> Path:
        """In the run's folder, or where it says: a folder that was moved still says where it was.

        Raises SourceFailed for another kind of store.
        """
        beside = self._of(run) / "artifacts"
        if beside.is_dir():
            return beside
        parts = urlsplit(run.artifact_uri)
        if parts.scheme not in ("", "file"):
            raise SourceFailed(
                f"its artifacts are in another store; import from an MLflow server: {parts.scheme}"
            )
        return Path(unquote(parts.path))


def _meta(folder: Path) -> dict[str, str] | None:
    """Of an experiment or a run, without what is null; None for anything else. Raises
    SourceFailed."""
    file = folder / "meta.yaml"
    if folder.name.startswith(".") or not file.is_file():
        return None
    try:
        found = flat_yaml.read(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SourceFailed(f"cannot be read: {file}: {error}") from None
    return {name: value for name, value in found.items() if value is not None}


def _run(folder: Path) -> SourceRun | None:
    meta = _meta(folder)
    if meta is None or not {"run_id", "run_uuid"} & meta.keys():
        return None
    if meta.get("lifecycle_stage") == "deleted":
        return None
    tags = _texts(folder / "tags")
    try:
        return SourceRun(
            folder.name,
            meta.get("run_name") or tags.get("mlflow.runName", ""),
            _STATUSES[int(meta["status"]) - 1],
            int(meta["start_time"]),
            int(meta["end_time"]) if "end_time" in meta else None,
            meta.get("user_id", ""),
            meta.get("artifact_uri", ""),
            tags,
            _texts(folder / "params"),
            tuple(_files_below(folder / "metrics")),
        )
    except (KeyError, ValueError, IndexError):
        raise SourceFailed(f"cannot be read: {folder / 'meta.yaml'}") from None


def _texts(folder: Path) -> dict[str, str]:
    """Of params and tags: the name of a file, and what is in it."""
    return {
        # universal newlines would change a value
        key: (folder / key).read_bytes().decode("utf-8")
        for key in _files_below(folder)
    }


def _points(file: Path) -> list[Point]:
    """Raises SourceFailed."""
    points: list[Point] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        words = line.split(" ")
        try:
            # a line of the first versions has no step, and one of a dataset has its name too
            step = int(words[2]) if len(words) > 2 else 0
            points.append(Point(step, int(words[0]), float(words[1])))
        except (ValueError, IndexError):
            raise SourceFailed(f"cannot be read: {file}: {line[:80]!r}") from None
    return points


def _files_below(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in found)
