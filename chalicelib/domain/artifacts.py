"""Indexed artifacts: index, get, change, pin, delete, and where their bytes are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final

import orjson

from chalicelib.core.context import Clock, Context, retry_races
from chalicelib.core.errors import ConditionFailed, Invalid, NotFound
from chalicelib.core.ids import ArtifactId, TenantId
from chalicelib.core.model.artifact import Artifact
from chalicelib.core.model.stored_bytes import Owner, StoredBytes
from chalicelib.domain import collection, previews, stored_bytes
from chalicelib.domain.artifact_paths import is_inline_safe, safe_disposition
from chalicelib.domain.media_types import UNKNOWN_MIME, guess_mime, mime_by_name, sniff_blob
from chalicelib.domain.stored_bytes import ByteStores
from chalicelib.domain.uploads import URL_S
from chalicelib.storage.artifacts import ArtifactStore
from chalicelib.storage.blobs import SignedRequest
from chalicelib.storage.manifests import DirectoryQueue
from chalicelib.storage.table import Write

MAX_DESCRIBED_BYTES: Final = 64 * 1024
"""Of tags, labels and metrics together, as JSON: an artifact stays one item, and a page of them
one answer."""


@dataclass(frozen=True, slots=True)
class ArtifactStores:
    """The stores that indexed artifacts live in."""

    artifacts: ArtifactStore
    bytes: ByteStores

    @property
    def directories(self) -> DirectoryQueue:
        return DirectoryQueue(self.artifacts.table)


@dataclass(frozen=True, slots=True)
class Description:
    """All of an artifact but its bytes. `texts` are the fields that are text or absent (name,
    suggested_uri, preview_uri, tool_name, tool_version, description); `ids` are some of
    `ARTIFACT_IDS`."""

    kind: str
    mime: str | None = None
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    ids: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: Sequence[str] = ()
    labels: Mapping[str, object] = field(default_factory=dict[str, object])
    metrics: Mapping[str, object] = field(default_factory=dict[str, object])
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """None leaves alone. Tags and description are replaced; labels and metrics merge, and None
    deletes a name."""

    tags: Sequence[str] | None = None
    labels: Mapping[str, object] = field(default_factory=dict[str, object])
    metrics: Mapping[str, object] = field(default_factory=dict[str, object])
    pinned: bool | None = None
    description: str | None = None


def described(
    context: Context,
    artifact_id: ArtifactId,
    created_at_ms: int,
    wanted: Description,
    kept: StoredBytes,
) -> Artifact:
    """The artifact of these bytes."""
    text = wanted.texts.get
    name = text("name") or _last_segment(text("suggested_uri"))
    return Artifact(
        artifact_id=artifact_id,
        kind=wanted.kind,
        sha256=kept.sha256,
        size_bytes=kept.size_bytes,
        blob_key=kept.blob_key,
        verified=kept.verified,
        created_at_ms=created_at_ms,
        created_by=context.user,
        mime=wanted.mime or guess_mime(name),
        name=name,
        suggested_uri=text("suggested_uri"),
        preview_uri=text("preview_uri"),
        tool_name=text("tool_name"),
        tool_version=text("tool_version"),
        description=text("description"),
        ids=wanted.ids,
        tags=tuple(dict.fromkeys(wanted.tags)),
        labels=wanted.labels,
        metrics=wanted.metrics,
        pinned=wanted.pinned,
    )


def index(stores: ArtifactStores, context: Context, sha256: str, wanted: Description) -> Artifact:
    """Index bytes that the tenant has. One read, one transaction, and one blob when nothing but the
    bytes tells their media type; a read before when repeated. Raises Conflict with the digest in
    `missing` when it has them not, Invalid when the description is too large."""
    check_size(wanted.tags, wanted.labels, wanted.metrics)
    artifact_id, now_ms = ArtifactId(context.new_id()), context.now_ms()
    if context.is_repeat and (made := stores.artifacts.get(context.tenant, artifact_id)):
        return made

    @cache
    def sniffed(blob_key: str) -> str:
        return sniff_blob(stores.bytes.blobs, blob_key)

    def artifact(kept: StoredBytes) -> Artifact:
        one = described(context, artifact_id, now_ms, wanted, kept)
        if one.mime != UNKNOWN_MIME or mime_by_name(one.name) is not None:
            return one
        return replace(one, mime=sniffed(kept.blob_key))

    kept = stored_bytes.refer(
        stores.bytes,
        context,
        sha256,
        Owner("artifact", artifact_id),
        lambda kept: stores.artifacts.added(context.tenant, artifact(kept)),
    )
    return artifact(kept)


def get(stores: ArtifactStores, context: Context, artifact_id: ArtifactId) -> Artifact:
    """One read. Raises NotFound."""
    artifact = stores.artifacts.get(context.tenant, artifact_id)
    if artifact is None:
        raise no_such(artifact_id)
    return artifact


def pin(
    stores: ArtifactStores, context: Context, artifact_id: ArtifactId, *, pinned: bool
) -> Artifact:
    """One write. Raises NotFound."""
    artifact = stores.artifacts.pin(context.tenant, artifact_id, pinned=pinned)
    if artifact is None:
        raise no_such(artifact_id)
    return artifact


def change(
    stores: ArtifactStores, context: Context, artifact_id: ArtifactId, changes: Changes
) -> Artifact:
    """One read, and one write unless nothing changes. Raises NotFound, Invalid when the description
    gets too large."""

    def attempt() -> Artifact:
        old = get(stores, context, artifact_id)
        new = replace(
            old,
            tags=old.tags if changes.tags is None else tuple(dict.fromkeys(changes.tags)),
            labels=_merged(old.labels, changes.labels),
            metrics=_merged(old.metrics, changes.metrics),
            pinned=old.pinned if changes.pinned is None else changes.pinned,
            description=_replaced(old.description, changes.description),
        )
        if new == old:
            return old
        check_size(new.tags, new.labels, new.metrics)
        return stores.artifacts.replace(context.tenant, old, new)

    return retry_races(context, attempt)


def delete(stores: ArtifactStores, context: Context, artifact_id: ArtifactId) -> None:
    """Again is fine. One read and one transaction; a directory's files are let go later."""

    def attempt() -> None:
        artifact = stores.artifacts.get(context.tenant, artifact_id)
        if artifact is not None:
            _remove(stores, context.now_ms(), context.tenant, artifact)

    retry_races(context, attempt)


def remove(stores: ArtifactStores, clock: Clock, tenant: TenantId, artifact: Artifact) -> bool:
    """Delete an artifact that still is as it was read; False when it is not, and nothing happened.
    One transaction."""
    try:
        _remove(stores, clock.now_ms(), tenant, artifact)
    except ConditionFailed:
        return False
    return True


def content_of(stores: ArtifactStores, artifact: Artifact) -> SignedRequest:
    """A presigned GET of a file's bytes, or of a directory's manifest. Costs nothing."""
    name = artifact.name or artifact.artifact_id
    return signed(stores, artifact.blob_key, name, artifact.mime)


def preview_of(stores: ArtifactStores, artifact: Artifact) -> SignedRequest:
    """A presigned GET of an image's preview. One blob. Raises NotFound."""
    name = artifact.name or artifact.artifact_id
    return previews.locate(stores.bytes.blobs, artifact.blob_key, name)


def signed(stores: ArtifactStores, blob_key: str, path: str, mime: str) -> SignedRequest:
    """A presigned GET, good for `URL_S`; a browser opens what is safe and saves the rest."""
    return stores.bytes.blobs.presign_get(
        blob_key,
        mime=mime,
        disposition=safe_disposition(path, inline=is_inline_safe(mime)),
        expires_s=URL_S,
    )


def check_size(
    tags: Sequence[str], labels: Mapping[str, object], metrics: Mapping[str, object]
) -> None:
    """Raises Invalid when they are too large for an artifact."""
    size = len(orjson.dumps([list(tags), labels, metrics]))
    if size > MAX_DESCRIBED_BYTES:
        raise Invalid(
            "tags, labels and metrics are too large; save what is large as an artifact of its own: "
            f"bytes={size} max={MAX_DESCRIBED_BYTES}",
            size_bytes=size,
            max_bytes=MAX_DESCRIBED_BYTES,
        )


def no_such(artifact_id: str) -> NotFound:
    """The same for what is not there and for what is another tenant's."""
    return NotFound("there is no such artifact", artifact_id=artifact_id[:100])


def _remove(stores: ArtifactStores, now_ms: int, tenant: TenantId, artifact: Artifact) -> None:
    writes: list[Write] = stores.artifacts.removed(tenant, artifact, now_ms)
    if artifact.file_count is None:
        owner = Owner("artifact", artifact.artifact_id)
        writes += collection.let_go(stores.bytes.records, artifact.blob_key, owner, now_ms)
    else:
        writes.append(
            stores.directories.due(tenant, artifact.artifact_id, artifact.blob_key, now_ms)
        )
    stores.artifacts.table.transact(writes)


def _replaced(old: str | None, new: str | None) -> str | None:
    return old if new is None else new or None


def _merged(old: Mapping[str, object], changes: Mapping[str, object]) -> Mapping[str, object]:
    merged = {**old, **changes}
    return {
        name: value for name, value in merged.items() if name not in changes or value is not None
    }


def _last_segment(uri: str | None) -> str | None:
    return (uri or "").rstrip("/").rpartition("/")[2] or None
