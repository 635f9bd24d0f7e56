"""An index in one SQLite file."""

from __future__ import annotations

import asyncio
import builtins
import json
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from trialbook.artifacts.hits import Hit
from trialbook.artifacts.ids import new_id
from trialbook.artifacts.local_store import blob_path
from trialbook.artifacts.local_texts import Among, beginning, by_words, catch_up, label_text
from trialbook.artifacts.model import (
    CONTEXT_IDS,
    Artifact,
    MetricMode,
    SearchMode,
    Stored,
    json_ready,
)
from trialbook.artifacts.protocols import Filters
from trialbook.artifacts.ranking import of_metric, younger_than_ms
from trialbook.artifacts.saving import checked_description
from trialbook.artifacts.uris import ARTIFACTS
from trialbook.errors import Invalid

T = TypeVar("T")

BUSY_S: Final = 30.0
_COLUMNS: Final = (*CONTEXT_IDS, "kind")
_SCHEMA: Final = f"""
    CREATE TABLE IF NOT EXISTS artifacts (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        artifact_id TEXT NOT NULL UNIQUE,
        created_ms INTEGER NOT NULL,
        pinned INTEGER NOT NULL,
        document TEXT NOT NULL,
        {", ".join(f"{name} TEXT" for name in _COLUMNS)}
    );
    CREATE INDEX IF NOT EXISTS of_run ON artifacts (run_id, number);
    CREATE INDEX IF NOT EXISTS of_kind ON artifacts (kind, number);
"""


class LocalArtifactIndex:
    """An `AsyncArtifactIndex` in `<folder>/index.sqlite`.

    Many processes may use it at once: each call opens it, in a thread, and writes in one
    transaction. Cost of a search: the rows of its ids and kind, newest first; by text those that
    have a word of it, and the beginnings of the texts that nobody searched yet. They are read from
    a `LocalArtifactStore` of the same folder; without one, content is not searched.
    """

    def __init__(self, folder: str | Path, now: Callable[[], float] = time.time) -> None:
        """`now` gives seconds since the epoch."""
        self._path = Path(folder).absolute() / "index.sqlite"
        self._now = now

    async def record(self, draft: Artifact, stored: Stored) -> Artifact:
        return await asyncio.to_thread(self._record, draft, stored)

    async def get(self, artifact_id: str) -> Artifact | None:
        return await asyncio.to_thread(self._get, artifact_id)

    async def list(self, filters: Filters, limit: int | None = None) -> list[Artifact]:
        return await asyncio.to_thread(self._found, filters, list, limit)

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
    ) -> builtins.list[Hit]:
        """Text is searched by its words alone. Raises Invalid for the modes that need a service."""
        text = (query or "").strip()
        if text and mode is not None and mode != "lexical":
            raise _refused(mode)
        since_ms = 0
        if time_window is not None:
            since_ms = int(self._now() * 1000) - younger_than_ms(time_window)
        if text:
            return await asyncio.to_thread(self._worded, text, filters, metric, limit, since_ms)

        def ranked(found: Iterable[Artifact]) -> Iterable[Hit]:
            if metric is None:
                return map(Hit, found)
            return of_metric(found, metric, metric_mode or "max")

        return await asyncio.to_thread(self._found, filters, ranked, limit, since_ms)

    async def best(
        self, filters: Filters, *, metric: str, metric_mode: MetricMode
    ) -> Artifact | None:
        found = await self.search_hits(filters, metric=metric, metric_mode=metric_mode, limit=1)
        return found[0].artifact if found else None

    async def pin(self, artifact_id: str, pinned: bool = True) -> None:
        await self.patch(artifact_id, pinned=pinned)

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
        kept = None if description is None else checked_description(description)

        def changed(artifact: Artifact) -> Artifact:
            return replace(
                artifact,
                tags=artifact.tags if tags is None else list(tags),
                labels=_merged(artifact.labels, labels),
                metrics=_merged(artifact.metrics, metrics),
                pinned=artifact.pinned if pinned is None else pinned,
                description=artifact.description if description is None else kept,
            )

        return await asyncio.to_thread(self._change, artifact_id, changed)

    async def delete(self, artifact_id: str) -> None:
        """The bytes stay: another artifact may have the same."""
        await asyncio.to_thread(self._delete, artifact_id)

    # -- in a thread ----------------------------------------------------------------------------

    def _record(self, draft: Artifact, stored: Stored) -> Artifact:
        with self._writing() as db:
            # the clock may stand still or go back; the number keeps the order of the writes
            created_ms = int(self._now() * 1000)
            artifact_id = new_id(created_ms)
            artifact = replace(
                draft,
                artifact_id=artifact_id,
                sha256=stored.sha256,
                bytes=stored.size_bytes,
                mime=stored.mime or draft.mime or "application/octet-stream",
                created_at=_rfc3339(created_ms),
                uri=f"{ARTIFACTS}{artifact_id}",
                verified=True,
                is_dir=stored.manifest is not None,
                file_count=None if stored.manifest is None else len(stored.manifest),
            )
            names = ("artifact_id", "created_ms", "pinned", "document", *_COLUMNS)
            ids = [getattr(artifact, name) for name in _COLUMNS]
            document = _document(artifact)
            values = (artifact_id, created_ms, artifact.pinned, document, *ids)
            marks = ", ".join("?" * len(names))
            db.execute(f"INSERT INTO artifacts ({', '.join(names)}) VALUES ({marks})", values)  # noqa: S608 -- names are constants
        return Artifact.from_dict(json.loads(document))

    def _get(self, artifact_id: str) -> Artifact | None:
        with closing(self._opened()) as db:
            return _row(db, artifact_id)

    def _found(
        self,
        filters: Filters,
        order: Callable[[Iterable[Artifact]], Iterable[T]],
        limit: int | None,
        since_ms: int = 0,
    ) -> builtins.list[T]:
        with closing(self._opened()) as db:
            return list(islice(order(_passing(db, filters, since_ms)), limit))

    def _worded(
        self, text: str, filters: Filters, metric: str | None, limit: int | None, since_ms: int
    ) -> builtins.list[Hit]:
        def passes(artifact: Artifact) -> bool:
            has_metric = metric is None or metric in (artifact.metrics or {})
            return has_metric and _passes(artifact, filters)

        with closing(self._opened()) as db:
            catch_up(db, self._content)
            among = Among(*_condition(filters, since_ms), passes)
            return by_words(db, text, among, limit)

    def _content(self, artifact: Artifact) -> str:
        if artifact.is_dir or artifact.sha256 is None:
            return ""
        return beginning(blob_path(self._path.parent, artifact.sha256))

    def _change(self, artifact_id: str, change: Callable[[Artifact], Artifact]) -> Artifact:
        with self._writing() as db:
            found = _row(db, artifact_id)
            if found is None:
                raise FileNotFoundError(f"no such artifact: {artifact_id}")
            artifact = change(found)
            db.execute(
                "UPDATE artifacts SET document = ?, pinned = ? WHERE artifact_id = ?",
                (_document(artifact), artifact.pinned, artifact_id),
            )
        return artifact

    def _delete(self, artifact_id: str) -> None:
        with self._writing() as db:
            db.execute("DELETE FROM artifacts WHERE artifact_id = ?", (artifact_id,))

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
        try:
            db.executescript(_SCHEMA)
        except sqlite3.Error:  # no database, or busy for too long
            db.close()
            raise
        return db

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        """One transaction, which takes its turn before it reads."""
        with closing(self._opened()) as db:
            db.execute("BEGIN IMMEDIATE")
            with db:
                yield db


def _row(db: sqlite3.Connection, artifact_id: str) -> Artifact | None:
    query = "SELECT document FROM artifacts WHERE artifact_id = ?"
    row = db.execute(query, (artifact_id,)).fetchone()
    return None if row is None else Artifact.from_dict(json.loads(row[0]))


def _condition(filters: Filters, since_ms: int) -> tuple[str, builtins.list[object]]:
    """SQL of what the table has columns for, and its values. Raises ValueError."""
    wanted: dict[str, Any] = {**filters.ids}
    if filters.kind is not None:
        wanted["kind"] = filters.kind
    if filters.pinned is not None:
        wanted["pinned"] = filters.pinned
    unknown = wanted.keys() - {*_COLUMNS, "pinned"}
    if unknown:
        raise ValueError(f"no such id: {', '.join(sorted(unknown))}")
    conditions = ["created_ms >= ?", *(f"{name} = ?" for name in wanted)]
    return " AND ".join(conditions), [since_ms, *wanted.values()]


def _passing(db: sqlite3.Connection, filters: Filters, since_ms: int) -> Iterator[Artifact]:
    """Newest first."""
    condition, values = _condition(filters, since_ms)
    query = f"SELECT document FROM artifacts WHERE {condition} ORDER BY number DESC"  # noqa: S608 -- names are checked
    for (document,) in db.execute(query, values):
        artifact = Artifact.from_dict(json.loads(document))
        if _passes(artifact, filters):
            yield artifact


def _passes(artifact: Artifact, filters: Filters) -> bool:
    if not set(filters.tags) <= set(artifact.tags or ()):
        return False
    labels = artifact.labels or {}
    return all(
        name in labels and label_text(labels[name]) == value
        for name, value in filters.labels.items()
    )


def _merged(old: dict[str, Any] | None, new: Mapping[str, Any] | None) -> dict[str, Any]:
    """None in the new removes one of the old."""
    new = new or {}
    kept = {name: value for name, value in (old or {}).items() if name not in new}
    return kept | {name: value for name, value in new.items() if value is not None}


def _refused(mode: SearchMode) -> Invalid:
    if mode == "structured":
        said = "a structured search takes no query; leave out one of the two"
    else:
        said = f"mode={mode} needs a service; a folder is searched by words, mode=lexical"
    return Invalid(said, code="invalid", status=400)


def _document(artifact: Artifact) -> str:
    return json.dumps(json_ready(artifact.to_dict()), ensure_ascii=False)


def _rfc3339(ms: int) -> str:
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
