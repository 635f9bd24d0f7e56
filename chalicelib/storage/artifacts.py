"""Indexed artifacts: one item each, and a row in the partition of every id it can be found by.

Rows hold what never changes and is filtered by (ids and kind), so pinning and patching write one
item. What else a filter names is looked up in the items, a hundred at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple, cast

import orjson

from chalicelib.core.errors import ConditionFailed
from chalicelib.core.ids import ArtifactId, TenantId, UserId
from chalicelib.core.model.artifact import ARTIFACT_IDS, Artifact
from chalicelib.storage import artifact_keys
from chalicelib.storage.table import (
    MAX_GET_MANY,
    Add,
    Delete,
    Item,
    Key,
    Put,
    Query,
    Table,
    When,
    Write,
)

OPTIONAL: Final = (
    "name",
    "suggested_uri",
    "preview_uri",
    "tool_name",
    "tool_version",
    "description",
)
FEED: Final = "artifact"
GONE_TOLD_S: Final = 90 * 24 * 3600
"""How long it is told that an artifact was deleted: a search's index is younger, or has little of
what was deleted since."""
ROW_FIELDS: Final = (*ARTIFACT_IDS, "kind")
"""Fields that an artifact has a row under, and that its rows can be filtered by."""


class ArtifactRow(NamedTuple):
    """What a row tells of an artifact: `fields` are those of `ROW_FIELDS` that it has."""

    artifact_id: ArtifactId
    created_at_ms: int
    fields: Mapping[str, str]


class RowPage(NamedTuple):
    """Rows of one query, and where the next begins."""

    rows: list[ArtifactRow]
    next: tuple[str, ...] | None


class ChangedArtifacts(NamedTuple):
    """Artifacts that were written since a mark, deleted ones perhaps among them, and the next."""

    ids: Sequence[ArtifactId]
    mark: str


class ArtifactStore:
    """Artifacts of tenants."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def added(self, tenant: TenantId, artifact: Artifact) -> list[Write]:
        """The writes of a new artifact: 2 to 12 of them."""
        return [
            Put(_item(tenant, artifact), when=When.ABSENT),
            *(Put(row) for row in _rows(tenant, artifact)),
        ]

    def removed(self, tenant: TenantId, artifact: Artifact, now_ms: int) -> list[Write]:
        """The writes that remove an artifact that is as it was read, and tell that for a while."""
        rows = [
            Delete(Key(cast(str, row["pk"]), cast(str, row["sk"])))
            for row in _rows(tenant, artifact)
        ]
        key = artifact_keys.artifact(tenant, artifact.artifact_id)
        gone = artifact_keys.artifact_gone(tenant, artifact.artifact_id)
        told: Item = {
            "pk": gone.pk,
            "sk": gone.sk,
            "cpk": artifact_keys.artifact_changes(tenant),
            "feed": FEED,
            "expires_at": now_ms // 1000 + GONE_TOLD_S,
        }
        return [Delete(key, when=artifact.version), *rows, Put(told)]

    def get(self, tenant: TenantId, artifact_id: ArtifactId) -> Artifact | None:
        """One read."""
        item = self.table.get(artifact_keys.artifact(tenant, artifact_id))
        return None if item is None else _artifact(item)

    def get_many(self, tenant: TenantId, artifact_ids: Sequence[ArtifactId]) -> list[Artifact]:
        """Those that there are, in the order of the (distinct) ids. One read per 100."""
        found: list[Artifact] = []
        for start in range(0, len(artifact_ids), MAX_GET_MANY):
            some = artifact_ids[start : start + MAX_GET_MANY]
            items = self.table.get_many([artifact_keys.artifact(tenant, one) for one in some])
            found.extend(_artifact(item) for item in items if item is not None)
        return found

    def replace(self, tenant: TenantId, old: Artifact, new: Artifact) -> Artifact:
        """Store `new` (a version higher) where `old` is still the stored one; what can be patched
        may differ. One write. Raises ConditionFailed."""
        new = replace(new, version=old.version + 1)
        self.table.put(_item(tenant, new), when=old.version)
        return new

    def pin(self, tenant: TenantId, artifact_id: ArtifactId, *, pinned: bool) -> Artifact | None:
        """None when there is no such artifact. One write."""
        key = artifact_keys.artifact(tenant, artifact_id)
        change = Add(key, {"version": 1}, also={"pinned": pinned}, when=When.PRESENT)
        try:
            return _artifact(self.table.add(change))
        except ConditionFailed:
            return None

    def set_verified(self, tenant: TenantId, artifact_id: ArtifactId) -> None:
        """Record that its bytes are what their digest says. One write; nothing when it is gone."""
        key = artifact_keys.artifact(tenant, artifact_id)
        change = Add(key, {"version": 1}, also={"verified": True}, when=When.PRESENT)
        try:
            self.table.add(change)
        except ConditionFailed:
            return

    def changed_since(self, tenant: TenantId, mark: str | None) -> ChangedArtifacts:
        """What changed since the mark (ever, when None), as `Table.changed_since` tells it. A
        request per 8,000 of them or so."""
        changed = self.table.changed_since(artifact_keys.artifact_changes(tenant), mark)
        keys = dict.fromkeys(changed.keys)
        return ChangedArtifacts(
            [artifact_keys.parse_artifact(key.pk)[1] for key in keys], changed.mark
        )

    def rows(
        self,
        tenant: TenantId,
        by: tuple[str, str] | None,
        *,
        reverse: bool = True,
        from_ms: int | None = None,
        until_ms: int | None = None,
        before: tuple[int, ArtifactId] | None = None,
        limit: int | None = None,
        after: tuple[str, ...] | None = None,
    ) -> RowPage:
        """Rows of artifacts with a value in a field (of all, when None), newest first when
        `reverse`, made from `from_ms` (inclusive) until `until_ms` (exclusive), or before the
        artifact of this time and id. One query, which reads about 4,000 rows at most."""
        pk = artifact_keys.artifacts_all(tenant)
        if by is not None:
            pk = artifact_keys.artifacts_by(tenant, *by)
        stop = "~" if until_ms is None else artifact_keys.artifact_sort_from(until_ms)
        if before is not None:
            stop = min(stop, artifact_keys.artifact_sort_before(*before))
        query = Query(
            pk,
            start=artifact_keys.artifact_sort_from(from_ms or 0),
            stop=stop,
            reverse=reverse,
            limit=limit,
            after=after,
        )
        page = self.table.query(query)
        return RowPage([_row(item) for item in page.items], page.next)


def _item(tenant: TenantId, artifact: Artifact) -> Item:
    key = artifact_keys.artifact(tenant, artifact.artifact_id)
    item: Item = {
        "pk": key.pk,
        "sk": key.sk,
        "cpk": artifact_keys.artifact_changes(tenant),
        "feed": FEED,
        "id": artifact.artifact_id,
        "kind": artifact.kind,
        "sha256": artifact.sha256,
        "size": artifact.size_bytes,
        "blob": artifact.blob_key,
        "verified": artifact.verified,
        "created": artifact.created_at_ms,
        "by": artifact.created_by,
        "mime": artifact.mime,
        "tags": list(artifact.tags),
        # As JSON: numbers of labels and metrics keep their type and spelling.
        "labels": orjson.dumps(artifact.labels).decode(),
        "metrics": orjson.dumps(artifact.metrics).decode(),
        "pinned": artifact.pinned,
        "files": artifact.file_count,
        "version": artifact.version,
    }
    if artifact.ids:  # the stream of DynamoDB Local loses the type of an empty map
        item["ids"] = dict(artifact.ids)
    item |= {name: getattr(artifact, name) for name in OPTIONAL if getattr(artifact, name)}
    return item


def _artifact(item: Item) -> Artifact:
    optional = {name: cast(str, item[name]) for name in OPTIONAL if name in item}
    return Artifact(
        artifact_id=ArtifactId(cast(str, item["id"])),
        kind=cast(str, item["kind"]),
        sha256=cast(str, item["sha256"]),
        size_bytes=cast(int, item["size"]),
        blob_key=cast(str, item["blob"]),
        verified=cast(bool, item["verified"]),
        created_at_ms=cast(int, item["created"]),
        created_by=UserId(cast(str, item["by"])),
        mime=cast(str, item["mime"]),
        ids=cast("dict[str, str]", item.get("ids", {})),
        tags=tuple(cast("list[str]", item["tags"])),
        labels=orjson.loads(cast(str, item["labels"])),
        metrics=orjson.loads(cast(str, item["metrics"])),
        pinned=cast(bool, item["pinned"]),
        file_count=cast("int | None", item["files"]),
        version=cast(int, item["version"]),
        **optional,
    )


def _rows(tenant: TenantId, artifact: Artifact) -> Iterator[Item]:
    fields = {**artifact.ids, "kind": artifact.kind}
    sk = artifact_keys.artifact_sort(artifact.created_at_ms, artifact.artifact_id)
    described: Item = {"sk": sk, "fields": dict(fields)}
    yield {**described, "pk": artifact_keys.artifacts_all(tenant)}
    for name, value in fields.items():
        yield {**described, "pk": artifact_keys.artifacts_by(tenant, name, value)}


def _row(item: Item) -> ArtifactRow:
    created_at_ms, artifact_id = artifact_keys.parse_artifact_sort(cast(str, item["sk"]))
    return ArtifactRow(artifact_id, created_at_ms, cast("dict[str, str]", item["fields"]))
