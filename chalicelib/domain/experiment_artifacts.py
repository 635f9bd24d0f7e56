"""Experiment artifacts: logging a value under a name, and deleting the name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Final, TypeAlias

from chalicelib.core.context import Context, retry_races
from chalicelib.core.errors import Invalid, NotFound
from chalicelib.core.ids import ExperimentId
from chalicelib.core.model.experiment_artifact import (
    Content,
    Entry,
    JsonContent,
    MediaContent,
    PointsContent,
    Series,
    SeriesPlace,
    StoredContent,
)
from chalicelib.core.model.stored_bytes import Owner, StoredBytes
from chalicelib.domain import artifact_values, experiments, stored_bytes
from chalicelib.domain.image_types import IMAGE_TYPES, SNIFFED_BYTES, image_type, raster_type
from chalicelib.domain.media_types import UNKNOWN_MIME
from chalicelib.domain.stored_bytes import ByteStores, lacking
from chalicelib.storage.blobs import BlobMissing
from chalicelib.storage.experiment_artifacts import ExperimentArtifactStore
from chalicelib.storage.experiments import ExperimentStore
from chalicelib.storage.table import Write

INLINE_BYTES: Final = 32 * 1024
"""What is longer goes to a blob. From about there on a blob costs less than the writes of an item,
and reading all entries of a name stays cheap."""
MAX_SVG_BYTES: Final = 4 * 1024 * 1024

Writes: TypeAlias = Callable[[Entry], Sequence[Write]]


@dataclass(frozen=True, slots=True)
class ExperimentArtifacts:
    """The stores that experiment artifacts live in."""

    experiments: ExperimentStore
    artifacts: ExperimentArtifactStore
    bytes: ByteStores


def log(
    stores: ExperimentArtifacts, context: Context, id_or_slug: str, name: str, content: Content
) -> None:
    """Add an entry to a name. One read and one transaction. What goes to a blob costs a read more,
    and unless the tenant has the bytes a write and a blob; bytes uploaded before one or two looks;
    a repeat a query per MB of what was logged since the first try.

    Raises NotFound (also for another tenant's experiment), Conflict when the experiment is deleted
    or the tenant lacks the bytes, Invalid when uploaded bytes are no image.
    """
    experiment_id, series = open_for_writing(stores, context, id_or_slug, name)
    known = [series]
    entry = Entry(context.new_id(), context.now_ms(), 0, context.user, "json", 0)
    if context.is_repeat and series is not None and stores.artifacts.has(series.place, entry):
        return

    def writes(entry: Entry) -> Sequence[Write]:
        # The first try has just read it; who lost a race reads again.
        artifacts = stores.artifacts
        series = known.pop() if known else artifacts.get(context.tenant, experiment_id, name)
        if series is None:
            place = SeriesPlace(context.tenant, experiment_id, context.fresh_id())
            return artifacts.logged(place, name, None, entry)
        return artifacts.logged(series.place, name, series, replace(entry, order=series.entries))

    match content:
        case JsonContent(text, numeric):
            entry = replace(entry, form="number" if numeric else "json")
            body = text.encode()
            if len(body) <= INLINE_BYTES:
                _put(stores, context, writes, replace(entry, size_bytes=len(body), text=text))
            else:
                _keep(stores, context, writes, entry, body, "application/json")
        case PointsContent(points):
            # In the order that they are read in: a page of many takes what it needs.
            in_order = sorted(points, key=itemgetter(0))
            entry = replace(entry, form="points", span=(in_order[0].x, in_order[-1].x))
            body = artifact_values.packed(in_order)
            if len(body) <= INLINE_BYTES:
                _put(stores, context, writes, replace(entry, size_bytes=len(body), packed=body))
            else:
                _keep(stores, context, writes, entry, body, UNKNOWN_MIME)
        case MediaContent(body, mime):
            entry = replace(entry, form="media", mime=mime)
            _keep(stores, context, writes, entry, body, mime)
        case StoredContent():
            _refer(stores, context, writes, replace(entry, form="media"), content)


def open_for_writing(
    stores: ExperimentArtifacts, context: Context, id_or_slug: str, name: str
) -> tuple[ExperimentId, Series | None]:
    """The experiment, and the name's series when there is one. One read. Raises NotFound, Conflict
    when the experiment is deleted."""
    experiment_id = experiments.resolve(stores.experiments, context, id_or_slug)
    experiment, series = stores.artifacts.open(context.tenant, experiment_id, name)
    if experiment is None:
        raise no_such_experiment(id_or_slug)
    experiments.check_writable(experiment)
    return experiment_id, series


def no_such_experiment(id_or_slug: str) -> NotFound:
    """Another tenant's is not told from one that does not exist."""
    return NotFound("there is no such experiment", experiment_id=id_or_slug)


def _put(stores: ExperimentArtifacts, context: Context, writes: Writes, entry: Entry) -> None:
    retry_races(context, lambda: stores.artifacts.table.transact(writes(entry)))


def _keep(
    stores: ExperimentArtifacts,
    context: Context,
    writes: Writes,
    entry: Entry,
    body: bytes,
    mime: str,
) -> None:
    def commit(kept: StoredBytes) -> Sequence[Write]:
        return writes(replace(entry, size_bytes=len(body), blob_key=kept.blob_key))

    stored_bytes.keep(stores.bytes, context, body, mime, owner_of(entry), commit)


def _refer(
    stores: ExperimentArtifacts,
    context: Context,
    writes: Writes,
    entry: Entry,
    content: StoredContent,
) -> None:
    def commit(stored: StoredBytes) -> Sequence[Write]:
        look = _image_type_of if content.is_image else _type_of
        try:
            mime = look(stores.bytes, stored)
        except BlobMissing as error:
            raise lacking([stored.sha256]) from error
        size_bytes, blob_key = stored.size_bytes, stored.blob_key
        return writes(replace(entry, size_bytes=size_bytes, blob_key=blob_key, mime=mime))

    stored_bytes.refer(stores.bytes, context, content.sha256, owner_of(entry), commit)


def owner_of(entry: Entry) -> Owner:
    """As which an entry needs its bytes."""
    return Owner("entry", entry.entry_id)


def _type_of(stores: ByteStores, stored: StoredBytes) -> str:
    """The media type that the bytes were uploaded with."""
    info = stores.blobs.head(stored.blob_key)
    if info is None:
        raise BlobMissing(stored.blob_key)
    return info.mime


def _image_type_of(stores: ByteStores, stored: StoredBytes) -> str:
    found: str | None = None
    if stored.size_bytes:
        found = raster_type(stores.blobs.get(stored.blob_key, 0, SNIFFED_BYTES))
        if found is None and stored.size_bytes <= MAX_SVG_BYTES:
            found = image_type(stores.blobs.get(stored.blob_key))
    if found is None:
        raise Invalid.field(
            "sha256", f"the bytes are none of {', '.join(IMAGE_TYPES)}; log them as a file"
        )
    return found
