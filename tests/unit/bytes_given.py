"""Bytes in tests of rules: uploaded ones that nobody owns yet, and whether anything is left."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from chalicelib.core.model.artifact import ManifestFile
from chalicelib.core.model.stored_bytes import StoredBytes
from chalicelib.domain import artifact_directories, collection, stored_bytes
from chalicelib.domain.artifact_directories import GUARD_MS
from chalicelib.domain.artifacts import ArtifactStores
from chalicelib.domain.stored_bytes import GRACE_MS
from chalicelib.storage import artifact_keys
from chalicelib.storage.table import Query
from tests.unit.stores import HandClock, Stores

LATER_S = 1e12


def artifacts_of(stores: Stores) -> ArtifactStores:
    return ArtifactStores(stores.artifacts, stores.bytes)


def sha256_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def uploaded(stores: Stores, body: bytes) -> str:
    """The digest of bytes as they are after their upload: promised for a day, owned by nobody."""
    context, sha256 = stores.context, sha256_of(body)
    blob_key = artifact_keys.blob(stores.tenant, sha256, context.new_id())
    stores.blobs.put(blob_key, body, mime="text/plain")
    arrived = StoredBytes(sha256, len(body), blob_key, True, context.now_ms())
    known = stores.bytes.records.get(stores.tenant, sha256)
    stored_bytes.settle(stores.bytes, context, known, arrived, None, lambda _: [])
    return sha256


def uploaded_files(stores: Stores, files: Mapping[str, bytes]) -> list[ManifestFile]:
    """A manifest of uploaded files."""
    for body in set(files.values()):
        uploaded(stores, body)
    return [ManifestFile(path, sha256_of(body), len(body)) for path, body in files.items()]


def work_off(stores: Stores) -> None:
    """Run the jobs until long after everything is due."""
    clock = stores.clock
    assert isinstance(clock, HandClock)
    for _ in range(3):
        clock.advance(GRACE_MS + GUARD_MS)
        artifact_directories.release_due(artifacts_of(stores), clock, deadline_s=LATER_S)
        collection.collect(stores.bytes, clock, deadline_s=LATER_S)


def objects(stores: Stores) -> list[str]:
    """The keys of all that is in the blob store."""
    return [one.key for one in stores.blobs.list("cas/").blobs]


def queued(stores: Stores) -> list[str]:
    """What is on the queues."""
    return [
        str(item["sk"])
        for queue in (artifact_keys.DIRECTORIES_DUE, artifact_keys.COLLECTION_DUE)
        for item in stores.table.query(Query(queue)).items
    ]
