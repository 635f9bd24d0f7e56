"""Verification of multipart uploads: a digest is believed only when the bytes were read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import assert_never

from chalicelib.core.context import Clock
from chalicelib.core.errors import ConditionFailed
from chalicelib.core.ids import ArtifactId, TenantId, UploadId
from chalicelib.core.model.artifact import Upload
from chalicelib.core.model.stored_bytes import Owner
from chalicelib.domain.stored_bytes import ByteStores
from chalicelib.storage.artifacts import ArtifactStore
from chalicelib.storage.blobs import BlobMissing
from chalicelib.storage.run_files import RunFileStore
from chalicelib.storage.uploads import UploadStore

SETTLE_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Verification:
    """The stores in which it is recorded that bytes are what they claim to be."""

    bytes: ByteStores
    uploads: UploadStore
    files: RunFileStore
    artifacts: ArtifactStore
    clock: Clock


def verify(of: Verification, tenant: TenantId, upload_id: UploadId) -> None:
    """Compare the digest of a completed upload's bytes with the one it claimed, and tell everything
    that reads them; where none was claimed, tell its file. Reads all of the bytes; again is fine.
    """
    upload = of.uploads.get(tenant, upload_id)
    if upload is None:
        return
    try:
        digest = _sha256(of.bytes.blobs.stream(upload.blob_key))
    except BlobMissing:
        return
    if not upload.described:
        if upload.place is not None:
            _tell(of, tenant, Owner("file", upload_id, upload.place), digest)
        return
    _record(of, tenant, upload, is_true=digest == upload.sha256)
    if digest != upload.sha256:
        return
    # Listed after the record changed: an owner added since has read that the bytes are verified.
    for owned in of.bytes.records.owners(tenant, upload.sha256):
        if owned.blob_key == upload.blob_key:
            _tell(of, tenant, owned.owner, digest)


def _record(of: Verification, tenant: TenantId, upload: Upload, *, is_true: bool) -> None:
    """The record of the digest, verified where the claim was true and removed where it was not."""
    records = of.bytes.records
    for _ in range(SETTLE_ATTEMPTS):
        known = records.get(tenant, upload.sha256)
        if known is None or known.doomed or known.verified:
            return
        if known.blob_key != upload.blob_key:
            return  # an object that counted no more must not count again: it may be collected
        believed = replace(known, verified=True, promised_at_ms=of.clock.now_ms())
        change = (
            records.replaced(tenant, known, believed) if is_true else records.removed(tenant, known)
        )
        try:
            records.table.transact([change])
        except ConditionFailed:
            continue
        return


def _tell(of: Verification, tenant: TenantId, owner: Owner, digest: str) -> None:
    match owner.kind:
        case "file":
            if owner.place is not None:
                tree, path = owner.place.tree, owner.place.path
                of.files.set_verified(tenant, tree, path, owner.id, digest)
        case "artifact":
            of.artifacts.set_verified(tenant, ArtifactId(owner.id))
        case "directory" | "entry":
            pass  # these do not say whether they are verified
        case _:
            assert_never(owner.kind)


def _sha256(pieces: Iterable[bytes]) -> str:
    state = hashlib.sha256()
    for piece in pieces:
        state.update(piece)
    return state.hexdigest()
