"""What follows when an object of stored bytes is there, whoever brought it.

An upload of one part is completed as its client would, who may have died since, and an image gets
its preview. The bytes of such an upload are those of its digest: its signature binds them. Uploads
of several parts are left to their clients, for only they know what the parts are.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from chalicelib.core.context import Clock, Context, Principal, Role
from chalicelib.core.errors import Conflict, Forbidden, NotFound
from chalicelib.core.ids import TenantId, UploadId, UserId
from chalicelib.core.model.artifact import Upload
from chalicelib.domain import artifact_uploads, previews, run_uploads
from chalicelib.domain.run_files import RunFiles
from chalicelib.storage import artifact_keys

log = logging.getLogger("trialbook")
COMPLETED_WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Finalization:
    """The stores that bytes arrive in."""

    files: RunFiles
    clock: Clock


def finalize(of: Finalization, blob_key: str) -> None:
    """Complete the open upload of one part that the object belongs to, and make the object's
    preview. One read and `previews.make`, and for an open upload what `complete` costs besides.

    Again is fine, and so is an object that is gone, or whose upload is over or may not be completed
    any more: its bytes are collected when their time has come. Raises Throttled, Unavailable.
    """
    if not artifact_keys.is_of_one_writer(blob_key):
        return  # written before there were events
    tenant, _, object_id = artifact_keys.parse_blob(blob_key)
    upload = of.files.uploads.get(tenant, UploadId(object_id))
    if upload is not None and not _is_done(of, tenant, upload):
        return
    previews.make(of.files.bytes.blobs, blob_key)


def _is_done(of: Finalization, tenant: TenantId, upload: Upload) -> bool:
    """Whether the upload was completed, now or before; what has parts has no object before."""
    if upload.store_upload is not None:
        return not upload.described  # else larger than any image that has a preview
    if upload.state == "open" and upload.created_by is not None:
        return _complete(of, tenant, upload, upload.created_by)
    return upload.state == "completed"


def _complete(of: Finalization, tenant: TenantId, upload: Upload, user: UserId) -> bool:
    deadline_s = of.clock.monotonic_s() + COMPLETED_WITHIN_S
    context = Context(Principal(tenant, user, Role.WRITE), of.clock, deadline_s)
    try:
        if upload.place is None:
            artifact_uploads.complete(of.files.upload_stores, context, upload.upload_id, ())
        else:
            run_uploads.complete(of.files, context, upload.place.tree, upload.upload_id, ())
    except (Conflict, Forbidden, NotFound) as error:
        # Aborted at this moment, the run was deleted, or the object is not of the size: a client
        # that asks is told the same.
        log.info("upload %s is not completed: %s", upload.upload_id, type(error).__name__)
        return False
    return True
