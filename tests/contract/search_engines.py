"""The engines that the SearchBackend contract runs on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chalicelib.core.context import Clock, Context, Principal, Role
from chalicelib.core.ids import ArtifactId, TenantId, UserId
from chalicelib.core.model.search import Match, SearchDocument, SearchMode, SearchQuery
from chalicelib.search.backend import Delta, SearchBackend, Versions
from chalicelib.search.built_in import BuiltInSearch
from chalicelib.search.s3_vectors import S3VectorsSearch
from chalicelib.search.snapshots import Snapshots
from local.disk_blobs import DiskBlobs
from local.sqlite_table import SqliteTable
from tests.unit.bag_of_words import BagOfWords
from tests.unit.s3_vectors_model import s3_vectors_client
from tests.unit.s3_vectors_stub import S3VectorsStub

ALL: tuple[SearchMode, ...] = ("lexical", "semantic", "hybrid")
TENANT = TenantId("acme")


@dataclass(frozen=True)
class SearchEngine:
    """A backend, and how its documents change: what is put, and what is removed."""

    backend: SearchBackend
    change: Callable[[TenantId, Sequence[SearchDocument], Sequence[ArtifactId]], None]

    def put(self, *documents: SearchDocument, tenant: TenantId = TENANT) -> None:
        self.change(tenant, documents, [])

    def remove(self, *artifact_ids: str) -> None:
        self.change(TENANT, [], [ArtifactId(one) for one in artifact_ids])

    def search(
        self, text: str, mode: SearchMode, tenant: TenantId = TENANT, **more: object
    ) -> list[Match]:
        clock = Clock()
        asks = Context(Principal(tenant, UserId("ada"), Role.READ), clock, clock.monotonic_s() + 25)
        query = SearchQuery(text, mode, **more)  # pyright: ignore[reportArgumentType]
        return self.backend.search(asks, query)

    def found(
        self, text: str, mode: SearchMode, tenant: TenantId = TENANT, **more: object
    ) -> list[str]:
        """The ids, the best first."""
        return [match.artifact_id for match in self.search(text, mode, tenant, **more)]


@dataclass(frozen=True)
class EngineKind:
    """How to open an engine, given an empty folder, and the modes it offers."""

    open: Callable[[Path], AbstractContextManager[SearchEngine]]
    modes: Sequence[SearchMode] = ALL


@dataclass
class Written:
    """Implements `backend.Source` by what tests wrote; a mark is how much that was."""

    changes: list[tuple[TenantId, Sequence[SearchDocument], Sequence[ArtifactId]]] = field(
        default_factory=list[tuple[TenantId, Sequence[SearchDocument], Sequence[ArtifactId]]]
    )

    def change(
        self, tenant: TenantId, documents: Sequence[SearchDocument], removed: Sequence[ArtifactId]
    ) -> None:
        self.changes.append((tenant, documents, removed))

    def since(self, tenant: TenantId, mark: str | None, known: Versions) -> Iterator[Delta]:
        for of, documents, removed in self.changes[int(mark or 0) :]:
            if of == tenant:
                versions = known.versions([one.artifact_id for one in documents])
                new = [one for one in documents if versions.get(one.artifact_id) != one.version]
                yield Delta(new, removed)
        yield Delta([], [], str(len(self.changes)))

    def read(self, tenant: TenantId, artifact_ids: Sequence[ArtifactId], known: Versions) -> Delta:
        wanted = {*artifact_ids}
        every = [one for delta in self.since(tenant, None, known) for one in delta.documents]
        return Delta([one for one in every if one.artifact_id in wanted])

    def changed(self, tenant: TenantId, mark: str | None) -> int:
        return sum(of == tenant for of, _, _ in self.changes[int(mark or 0) :])


def built_in(published: bool) -> Callable[[Path], AbstractContextManager[SearchEngine]]:
    """BuiltInSearch over SQLite and files. What is written is published at once by another process,
    or is asked for by the one that searches."""

    @contextmanager
    def opened(folder: Path) -> Generator[SearchEngine]:
        clock, written = Clock(), Written()
        table = SqliteTable(folder / "table.db", clock)
        blobs = DiskBlobs(folder / "blobs", "http://localhost", b"secret", clock)
        searches, builds = (
            BuiltInSearch(written, Snapshots(table, blobs, clock), BagOfWords(), clock)
            for _ in range(2)
        )

        def change(
            tenant: TenantId, documents: Sequence[SearchDocument], removed: Sequence[ArtifactId]
        ) -> None:
            written.change(tenant, documents, removed)
            if published:
                builds.build(tenant)

        yield SearchEngine(searches, change)
        for one in (searches, builds):
            one.close()
        table.close()

    return opened


def s3_vectors(knows_words: bool) -> Callable[[Path], AbstractContextManager[SearchEngine]]:
    """S3VectorsSearch on the stub; what is written is applied at once. The client knows searches by
    words, or is from before there were such."""

    @contextmanager
    def opened(_folder: Path) -> Generator[SearchEngine]:
        client, stub = s3_vectors_client(knows_words=knows_words), S3VectorsStub("vectors")
        with stub.serving(client):
            search = S3VectorsSearch(client, "vectors", BagOfWords(), Written())
            yield SearchEngine(search, search.apply)

    return opened


ENGINES = {
    "built-in": EngineKind(built_in(published=False)),
    "built-in-published": EngineKind(built_in(published=True)),
    "s3-vectors": EngineKind(s3_vectors(knows_words=True)),
    "s3-vectors-before-words": EngineKind(s3_vectors(knows_words=False), ("semantic", "hybrid")),
}
