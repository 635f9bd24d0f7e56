"""Files of a run or a logged model: small ones through us, listing, reads by presigned GET, and
removal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chalicelib.core.context import Context, retry_races
from chalicelib.core.errors import Conflict, NotFound, Throttled
from chalicelib.core.ids import ExperimentId, RunId, TreeId, is_model_id
from chalicelib.core.model.artifact import FilePlace, Folder, RunArtifact
from chalicelib.core.model.stored_bytes import Owner, StoredBytes
from chalicelib.domain import collection, previews, stored_bytes
from chalicelib.domain.artifact_paths import is_inline_safe, safe_disposition
from chalicelib.domain.logging import writable
from chalicelib.domain.media_types import mime_by_name, sniff_mime
from chalicelib.domain.stored_bytes import ByteStores
from chalicelib.domain.uploads import URL_S, UploadStores
from chalicelib.storage import artifact_keys
from chalicelib.storage.blobs import SignedRequest
from chalicelib.storage.logged_models import LoggedModelStore
from chalicelib.storage.run_files import LevelPage, RunFileStore
from chalicelib.storage.runs import RunStore
from chalicelib.storage.uploads import UploadStore

REMOVED_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The stores that files of runs and of logged models live in."""

    runs: RunStore
    models: LoggedModelStore
    files: RunFileStore
    uploads: UploadStore
    bytes: ByteStores

    @property
    def upload_stores(self) -> UploadStores:
        return UploadStores(self.uploads, self.bytes)


def save(
    stores: RunFiles, context: Context, tree: TreeId, path: str, body: bytes, mime: str | None
) -> RunArtifact:
    """A small file. Two reads and one transaction, and for bytes that the tenant has not yet one
    write and one blob. Raises Conflict when the run is deleted, NotFound, Forbidden."""
    experiment_id = experiment_of(stores, context, tree)
    now_ms = context.now_ms()
    artifact_id = context.fresh_id()  # a repeat takes the place of what it finds, as any other
    mime = mime or mime_by_name(path) or sniff_mime(body)

    def artifact(kept: StoredBytes) -> RunArtifact:
        return RunArtifact(
            artifact_id=artifact_id,
            path=path,
            size_bytes=kept.size_bytes,
            sha256=kept.sha256,
            mime=mime,
            blob_key=kept.blob_key,
            verified=kept.verified,
            created_at_ms=now_ms,
            created_by=context.user,
        )

    kept = stored_bytes.keep(
        stores.bytes,
        context,
        body,
        mime,
        Owner("file", artifact_id, FilePlace(tree, path)),
        lambda kept: stores.files.writes(context.tenant, experiment_id, tree, artifact(kept)),
    )
    return artifact(kept)


def level(
    stores: RunFiles,
    context: Context,
    tree: TreeId,
    folder: str,
    limit: int,
    after: tuple[str, ...] | None,
) -> LevelPage:
    """One level of the tree, folders first. One read and one query. Raises NotFound, Forbidden."""
    check_there(stores, context, tree)
    return stores.files.level(context.tenant, tree, folder, limit, after)


def content(
    stores: RunFiles, context: Context, tree: TreeId, path: str
) -> tuple[SignedRequest, int]:
    """A presigned GET and when it dies (ms). One read. Raises NotFound, Forbidden."""
    artifact = find(stores, context, tree, path)
    return located(stores, artifact), context.now_ms() + URL_S * 1000


def located(stores: RunFiles, artifact: RunArtifact) -> SignedRequest:
    """A presigned GET of a file's bytes, good for `URL_S`."""
    name = artifact.path.rpartition("/")[2]
    return stores.bytes.blobs.presign_get(
        artifact.blob_key,
        mime=artifact.mime,
        disposition=safe_disposition(name, inline=is_inline_safe(artifact.mime)),
        expires_s=URL_S,
    )


def preview(
    stores: RunFiles, context: Context, tree: TreeId, path: str
) -> tuple[SignedRequest, int]:
    """A presigned GET of an image's preview and when it dies (ms). One read, one blob. Raises
    NotFound, Forbidden."""
    artifact = find(stores, context, tree, path)
    signed = previews.locate(stores.bytes.blobs, artifact.blob_key, path)
    return signed, context.now_ms() + URL_S * 1000


def remove(stores: RunFiles, context: Context, tree: TreeId, path: str) -> None:
    """Remove a file, or a folder with all that is below it ("" is the whole tree); what is not
    there is fine. A read; a read and a transaction for each file; a read and a query for each
    folder, and a write for each that is left empty.

    Raises Throttled, with as much removed as there was time for, Conflict when the run is deleted,
    NotFound, Forbidden.
    """
    removal = _Removal(stores, context, tree, experiment_of(stores, context, tree))
    if path:
        removal.remove_file(path)
        removal.remove_below(path)
        removal.leave(path.rpartition("/")[0])
    else:
        removal.remove_below("")


@dataclass(frozen=True, slots=True)
class _Removal:
    stores: RunFiles
    context: Context
    tree: TreeId
    experiment_id: ExperimentId

    def remove_below(self, folder: str) -> None:
        """What is in the folder, and the folder."""
        after: tuple[str, ...] | None = None
        while True:
            page = self.stores.files.level(
                self.context.tenant, self.tree, folder, REMOVED_AT_ONCE, after
            )
            for entry in page.entries:
                if isinstance(entry, Folder):
                    self.remove_below(entry.path)
                else:
                    self.remove_file(entry.path)
            after = page.next
            if after is None:
                break
        if folder:
            self.stores.files.is_rid_of(self.context.tenant, self.tree, folder)

    def remove_file(self, path: str) -> None:
        context = self.context
        if context.clock.monotonic_s() > context.deadline_s:
            raise Throttled("there was no time to remove all of the files; send it again")
        retry_races(context, lambda: self._try_to_remove(path))

    def leave(self, folder: str) -> None:
        """Remove the folder and those around it as long as they are empty."""
        while folder and self.stores.files.is_rid_of(self.context.tenant, self.tree, folder):
            folder = folder.rpartition("/")[0]

    def _try_to_remove(self, path: str) -> None:
        tenant, files = self.context.tenant, self.stores.files
        found = files.get(tenant, self.tree, path)
        if found is None:
            return
        writes = files.removed(tenant, self.experiment_id, self.tree, found)
        if artifact_keys.is_of_one_writer(found.blob_key):
            records, owner = self.stores.bytes.records, Owner("file", found.artifact_id)
            writes += collection.let_go(records, found.blob_key, owner, self.context.now_ms())
        files.table.transact(writes)


def find(stores: RunFiles, context: Context, tree: TreeId, path: str) -> RunArtifact:
    """A file. One read. Raises NotFound, Forbidden."""
    artifact = stores.files.get(context.tenant, tree, path)
    if artifact is None:
        check_there(stores, context, tree)  # tells another tenant's run from a missing file
        raise NotFound("there is no such file", path=path)
    return artifact


def check_there(stores: RunFiles, context: Context, tree: TreeId) -> None:
    """One read. Raises NotFound when there is no such run or logged model, Forbidden."""
    if is_model_id(tree):
        stores.models.get(context.tenant, tree)
    else:
        stores.runs.open(context.tenant, RunId(tree))


def experiment_of(stores: RunFiles, context: Context, tree: TreeId) -> ExperimentId:
    """The experiment of a run or a logged model that may be written to. One read. Raises Conflict
    when it is deleted, NotFound, Forbidden."""
    if not is_model_id(tree):
        return writable(stores.runs.open(context.tenant, RunId(tree))).experiment_id
    model = stores.models.get(context.tenant, tree)
    if model.lifecycle_stage != "active":
        raise Conflict("the logged model is deleted", model_id=tree)
    return model.experiment_id
