"""Experiment artifacts: an item for each name, and one for each entry in a partition of its series.

A write reads the name's item and then, in one transaction, adds to its counters where it is still
of the same series and puts the entry. So two writers keep both entries, and after a deletion no
entry comes to the old series any more. The counters and what the latest entry is are in the name's
item, so one read tells what a name reads as, and one query lists names. The first entry of a series
and the item that queues its removal carry `feed`, which is what counts names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, cast

from chalicelib.core.ids import ExperimentId, TenantId, UserId, made_ms
from chalicelib.core.model.experiment import Experiment
from chalicelib.core.model.experiment_artifact import Entry, Form, Series, SeriesPlace
from chalicelib.storage import artifact_keys, keys
from chalicelib.storage.experiments import experiment_of
from chalicelib.storage.table import (
    MAX_GET_MANY,
    Add,
    Delete,
    Item,
    Key,
    Put,
    Query,
    Table,
    Value,
    When,
    Write,
    query_all,
)

FEED_LOGGED: Final = "named"
FEED_DELETED: Final = "unnamed"
REPEATED_BYTES: Final = 1024
"""A value up to this long is repeated in the name's item, and read and listed from there."""


class SeriesPage(NamedTuple):
    """Names of one query, and whether there are more."""

    series: list[Series]
    more: bool


class EntryPage(NamedTuple):
    """Entries of one query, and where the next begins."""

    entries: list[Entry]
    next: tuple[str, ...] | None


class DueSeries(NamedTuple):
    """A deleted name, and since when (ms) its entries are to be removed."""

    due_ms: int
    place: SeriesPlace


class ExperimentArtifactStore:
    """Names under experiments and what was logged under them."""

    def __init__(self, table: Table) -> None:
        self.table = table

    # -- names --------------------------------------------------------------------------------

    def open(
        self, tenant: TenantId, experiment_id: ExperimentId, name: str
    ) -> tuple[Experiment | None, Series | None]:
        """The experiment and the name, None what the tenant does not have. One read."""
        experiment, item = self.table.get_many(
            [
                keys.experiment(tenant, experiment_id),
                artifact_keys.named(tenant, experiment_id, name),
            ]
        )
        return (
            None if experiment is None else experiment_of(experiment),
            None if item is None else _series(tenant, experiment_id, item),
        )

    def get(self, tenant: TenantId, experiment_id: ExperimentId, name: str) -> Series | None:
        """One read."""
        item = self.table.get(artifact_keys.named(tenant, experiment_id, name))
        return None if item is None else _series(tenant, experiment_id, item)

    def listed(
        self, tenant: TenantId, experiment_id: ExperimentId, limit: int, after: str | None
    ) -> SeriesPage:
        """Names after `after`, by their UTF-8 bytes. One query."""
        pk = artifact_keys.names(tenant, experiment_id)
        page = self.table.query(Query(pk, limit=limit, after=None if after is None else (after,)))
        found = [_series(tenant, experiment_id, item) for item in page.items]
        return SeriesPage(found, page.next is not None)

    # -- entries ------------------------------------------------------------------------------

    def logged(
        self, place: SeriesPlace, name: str, series: Series | None, entry: Entry
    ) -> list[Write]:
        """The writes that add an entry to `series` as just read, or with None to a new one at
        `place`. They fail when another writer made the name first, or somebody deleted it."""
        key = artifact_keys.named(place.tenant, place.experiment_id, name)
        amounts = {
            "entries": 1,
            "numbers": int(entry.form == "number"),
            "pointed": int(entry.form == "points"),
        }
        latest: dict[str, Value] = {"latest": _described(entry)}
        put = Put(_entry_item(place, entry))
        if series is not None:
            return [Add(key, amounts, also=latest, when=series.version), put]
        first: Item = {
            "pk": key.pk,
            "sk": key.sk,
            "version": _version(place.series_id),
            "series": place.series_id,
            "created": entry.at_ms,
            **amounts,
            **latest,
        }
        return [Put(first, when=When.ABSENT), Put({**put.item, "feed": FEED_LOGGED})]

    def entries(
        self, place: SeriesPlace, limit: int | None = None, after: tuple[str, ...] | None = None
    ) -> EntryPage:
        """Entries in the order of writing. One query."""
        query = Query(
            artifact_keys.series(place),
            prefix=artifact_keys.ENTRY_PREFIX,
            limit=limit,
            after=after,
        )
        page = self.table.query(query)
        return EntryPage([_entry(item) for item in page.items], page.next)

    def has(self, place: SeriesPlace, entry: Entry) -> bool:
        """Whether an entry of this id is there. One query per MB of those since the id was made."""
        start = artifact_keys.entry(made_ms(entry.entry_id), 0, "")
        since = Query(
            artifact_keys.series(place), start=start, stop=artifact_keys.ENTRY_PREFIX + "~"
        )
        return any(_entry(item).entry_id == entry.entry_id for item in query_all(self.table, since))

    def whole(self, wanted: Sequence[Series]) -> list[Entry | None]:
        """The latest entries of series of one tenant, in their order, with what they hold; None for
        one that is gone. One read per 100 that are not whole."""
        found = {one.place: one.latest for one in wanted if one.latest.is_whole}
        missing = [one for one in wanted if not one.latest.is_whole]
        for start in range(0, len(missing), MAX_GET_MANY):
            some = missing[start : start + MAX_GET_MANY]
            items = self.table.get_many([entry_key(one.place, one.latest) for one in some])
            for one, item in zip(some, items, strict=True):
                if item is not None:
                    found[one.place] = _entry(item)
        return [found.get(one.place) for one in wanted]

    # -- deletion -----------------------------------------------------------------------------

    def deleted(self, series: Series, due_ms: int) -> list[Write]:
        """The writes that delete a name, failing when it is not of this series any more, and queue
        the removal of its entries."""
        tenant, experiment_id, _ = series.place
        key = artifact_keys.series_due(due_ms, series.place)
        return [
            Delete(artifact_keys.named(tenant, experiment_id, series.name), when=series.version),
            Put({"pk": key.pk, "sk": key.sk, "feed": FEED_DELETED}),
        ]

    def due_before(self, now_ms: int) -> Iterator[DueSeries]:
        """Whose entries are to be removed, the longest waiting first. One query per MB, made as
        they are asked for."""
        query = Query(artifact_keys.SERIES_DUE, start="0", stop=f"{now_ms:015d}~")
        for item in query_all(self.table, query):
            yield DueSeries(*artifact_keys.parse_series_due(cast(str, item["sk"])))

    def removed(self, due: DueSeries) -> Delete:
        """The write that takes a series off the queue."""
        return Delete(artifact_keys.series_due(*due))


def entry_key(place: SeriesPlace, entry: Entry) -> Key:
    """The address of an entry."""
    return Key(artifact_keys.series(place), entry_sort(entry))


def entry_sort(entry: Entry) -> str:
    """The sort key of an entry, which tells its place among the others."""
    return artifact_keys.entry(entry.at_ms, entry.order, entry.entry_id)


def counted(key: Key, feed: str) -> tuple[SeriesPlace, int]:
    """What an item of the feed, which is written once, adds to the number of names."""
    if feed == FEED_LOGGED:
        return artifact_keys.parse_series(key.pk), 1
    return artifact_keys.parse_series_due(key.sk)[1], -1


def _version(series_id: str) -> int:
    """Tells one series of a name from a later one; 60 bits of chance."""
    return int(series_id[-15:], 16)


def _series(tenant: TenantId, experiment_id: ExperimentId, item: Item) -> Series:
    return Series(
        name=cast(str, item["sk"]),
        place=SeriesPlace(tenant, experiment_id, cast(str, item["series"])),
        version=cast(int, item["version"]),
        entries=cast(int, item["entries"]),
        numbers=cast(int, item["numbers"]),
        pointed=cast(int, item["pointed"]),
        latest=_entry(cast(Item, item["latest"])),
        created_at_ms=cast(int, item["created"]),
    )


def _described(entry: Entry) -> dict[str, Value]:
    """An entry as it is repeated in the name's item: whole when it is small or in a blob."""
    attributes = _attributes(entry)
    attributes.pop("packed", None)
    if entry.text is not None and entry.size_bytes > REPEATED_BYTES:
        del attributes["text"]
    attributes["sk"] = entry_sort(entry)
    return attributes


def _entry_item(place: SeriesPlace, entry: Entry) -> Item:
    key = entry_key(place, entry)
    return {"pk": key.pk, "sk": key.sk, **_attributes(entry)}


def _attributes(entry: Entry) -> dict[str, Value]:
    attributes: dict[str, Value] = {
        "by": entry.created_by,
        "form": entry.form,
        "size": entry.size_bytes,
    }
    optional = {
        "text": entry.text,
        "packed": entry.packed,
        "blob": entry.blob_key,
        "mime": entry.mime,
        # As JSON: an int of a point has any number of digits.
        "span": None if entry.span is None else json.dumps(entry.span),
    }
    attributes |= {name: value for name, value in optional.items() if value is not None}
    return attributes


def _entry(item: Item) -> Entry:
    at_ms, order, entry_id = artifact_keys.parse_entry(cast(str, item["sk"]))
    span: Any = item.get("span")
    return Entry(
        entry_id=entry_id,
        at_ms=at_ms,
        order=order,
        created_by=UserId(cast(str, item["by"])),
        form=cast(Form, item["form"]),
        size_bytes=cast(int, item["size"]),
        text=cast("str | None", item.get("text")),
        packed=cast("bytes | None", item.get("packed")),
        blob_key=cast("str | None", item.get("blob")),
        mime=cast("str | None", item.get("mime")),
        span=None if span is None else tuple(json.loads(span)),
    )
