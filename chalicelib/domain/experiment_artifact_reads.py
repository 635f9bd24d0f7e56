"""What the name of an experiment artifact reads as, whatever was logged under it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, cast

from chalicelib.core.context import Context
from chalicelib.core.errors import Forbidden, NotFound
from chalicelib.core.model.experiment_artifact import Entry, Series, ShownKind
from chalicelib.domain import experiments
from chalicelib.domain.artifact_paths import is_inline_safe, safe_disposition
from chalicelib.domain.data_urls import family_of
from chalicelib.domain.experiment_artifacts import ExperimentArtifacts, no_such_experiment
from chalicelib.domain.media_types import UNKNOWN_MIME
from chalicelib.domain.stored_bytes import ByteStores
from chalicelib.domain.uploads import URL_S
from chalicelib.storage.blobs import SignedRequest

MAX_INLINE_BYTES: Final = 4 * 1024 * 1024
MAX_LISTED_BYTES: Final = 4_000_000
_FAMILIES: Final = frozenset({"image", "audio", "video", "text", "application"})


class Described(NamedTuple):
    """A name and, where it reads as a value, the latest one as JSON text."""

    series: Series
    value: str | None


class Listed(NamedTuple):
    """Names in their order, and whether there are more after `last`."""

    found: list[Described]
    last: str | None
    more: bool


def find(stores: ExperimentArtifacts, context: Context, id_or_slug: str, name: str) -> Series:
    """One read. Raises NotFound."""
    experiment_id = experiments.resolve(stores.experiments, context, id_or_slug)
    series = stores.artifacts.get(context.tenant, experiment_id, name)
    if series is None:
        raise _no_such(id_or_slug)
    return series


def described(stores: ExperimentArtifacts, series: Series) -> Described:
    """With its value. No request up to 1 KB, then one read, past 32 KiB one blob. Raises NotFound
    when it was deleted meanwhile."""
    found = _described(stores, [series])
    if not found:
        raise _no_such(series.place.experiment_id)
    return found[0]


def listed(
    stores: ExperimentArtifacts, context: Context, id_or_slug: str, limit: int, after: str | None
) -> Listed:
    """Names after `after`, by their UTF-8 bytes: as many as the query finds and 4 MB of values
    allow, at least one. One read and one query; for values over 1 KB one read per 100, for those
    over 32 KiB a blob each. Raises NotFound."""
    experiment_id = experiments.resolve(stores.experiments, context, id_or_slug)
    try:
        stores.experiments.get(context.tenant, experiment_id)
    except Forbidden as error:
        raise no_such_experiment(id_or_slug) from error
    page = stores.artifacts.listed(context.tenant, experiment_id, limit, after)
    shown = _fitting(page.series)
    more = page.more or len(shown) < len(page.series)
    return Listed(_described(stores, shown), shown[-1].name if shown else None, more)


def shown_kind(series: Series) -> ShownKind:
    """What a name reads as."""
    if series.axis is not None:
        return "timeseries"
    if not series.is_media:
        return "value"
    family = family_of(series.latest.mime or UNKNOWN_MIME)
    return cast(ShownKind, family if family in _FAMILIES else "application")


def content(
    stores: ByteStores, context: Context, series: Series, *, inline: bool
) -> tuple[SignedRequest, int]:
    """A presigned GET of the latest bytes, and when it dies (ms). No request. `inline` is granted
    up to 4 MiB, to types in which a browser runs nothing. Raises NotFound when it does not read as
    bytes."""
    latest = series.latest
    if not series.is_media or latest.blob_key is None:
        raise NotFound(
            "the artifact has no bytes; read its value", experiment_id=series.place.experiment_id
        )
    mime = latest.mime or UNKNOWN_MIME
    inline = inline and is_inline_safe(mime) and latest.size_bytes <= MAX_INLINE_BYTES
    signed = stores.blobs.presign_get(
        latest.blob_key,
        mime=mime,
        disposition=safe_disposition(series.name, inline),
        expires_s=URL_S,
    )
    return signed, context.now_ms() + URL_S * 1000


def _described(stores: ExperimentArtifacts, wanted: Sequence[Series]) -> list[Described]:
    """In their order, but for values that were deleted since."""
    values = [one for one in wanted if _reads_as_value(one)]
    entries = stores.artifacts.whole(values)
    latest = {one.place: entry for one, entry in zip(values, entries, strict=True)}
    found: list[Described] = []
    for series in wanted:
        if series.place not in latest:
            found.append(Described(series, None))
            continue
        entry = latest[series.place]
        if entry is not None:
            found.append(Described(series, _text_of(stores.bytes, entry)))
    return found


def _text_of(stores: ByteStores, entry: Entry) -> str:
    if entry.text is not None:
        return entry.text
    assert entry.blob_key is not None
    return stores.blobs.get(entry.blob_key).decode()


def _reads_as_value(series: Series) -> bool:
    return series.axis is None and not series.is_media


def _fitting(found: Sequence[Series]) -> Sequence[Series]:
    """The first of them whose values are 4 MB together, at least one."""
    size_bytes = 0
    for number, series in enumerate(found):
        size_bytes += series.latest.size_bytes if _reads_as_value(series) else 0
        if number and size_bytes > MAX_LISTED_BYTES:
            return found[:number]
    return found


def _no_such(id_or_slug: str) -> NotFound:
    return NotFound("the experiment has no such artifact", experiment_id=id_or_slug)
