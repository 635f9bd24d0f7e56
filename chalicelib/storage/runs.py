"""Runs: item to dataclass, and their access patterns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, cast

import orjson

from chalicelib.core.errors import TooLarge
from chalicelib.core.ids import ExperimentId, RunId, TenantId
from chalicelib.core.model.experiment import Stage
from chalicelib.core.model.run import Run
from chalicelib.storage import directory, keys
from chalicelib.storage.run_document import RunDocument, run_of
from chalicelib.storage.run_pages import Json, whole_buckets
from chalicelib.storage.table import MAX_GET_MANY, Index, Item, Query, Table, Write, query_all

FEED = "run"
"""Creation, deletion and restoring of a run go to the feed; logging to it does not."""


class RunPage(NamedTuple):
    """Runs newest first, the place of each in the list, and whether more come after them."""

    runs: list[Run]
    places: list[tuple[str, ...]]
    more: bool


class RunStore:
    """All reads are strongly consistent but `page`."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def create(self, tenant: TenantId, run: Run) -> None:
        """One transaction. Raises ConditionFailed when the id is taken."""
        self.save(RunDocument.of_run(tenant, run), [directory.owned(tenant, run.run_id)], feed=FEED)

    def get(self, tenant: TenantId, run_id: RunId) -> Run:
        """One read, and one query per MB of a run that spilled. Raises NotFound, Forbidden."""
        return self._whole(self._root(tenant, run_id))

    def get_many(self, tenant: TenantId, run_ids: Sequence[RunId]) -> list[Run]:
        """In the order of `run_ids` (distinct). One batch read per 100, and the spilled ones'
        queries. Raises NotFound, Forbidden for the first that is missing."""
        runs: list[Run] = []
        for start in range(0, len(run_ids), MAX_GET_MANY):
            some = run_ids[start : start + MAX_GET_MANY]
            items = self.table.get_many([keys.run(tenant, run_id) for run_id in some])
            for run_id, item in zip(some, items, strict=True):
                if item is None:
                    raise directory.why_missing(self.table, tenant, "run", run_id)
                runs.append(self._whole(item))
        return runs

    def page(
        self,
        tenant: TenantId,
        experiment_id: ExperimentId,
        stage: Stage,
        limit: int,
        after: tuple[str, ...] | None,
    ) -> RunPage:
        """Newest first, by start time; one query (fewer than `limit` when it read 1 MB)."""
        partition = keys.runs_listed(tenant, experiment_id, stage)
        page = self.table.query(
            Query(partition, reverse=True, limit=limit, index=Index.LISTED, after=after)
        )
        places = [
            (cast(str, item["lsk"]), cast(str, item["pk"]), cast(str, item["sk"]))
            for item in page.items
        ]
        return RunPage([self._whole(item) for item in page.items], places, page.next is not None)

    def open(self, tenant: TenantId, run_id: RunId, names: Collection[str] = ()) -> RunDocument:
        """For a change of these tags, params and metrics. One read; one more when it spilled, and
        one when it has long values of these names.

        Raises NotFound, Forbidden.
        """
        document = RunDocument.of_item(self._root(tenant, run_id))
        buckets = document.missing_buckets(names)
        if buckets:
            for key, item in zip(buckets, self.table.get_many(buckets), strict=True):
                document.take_bucket(key, item)
        pages = document.missing_pages(names)
        for start in range(0, len(pages), MAX_GET_MANY):
            some = pages[start : start + MAX_GET_MANY]
            for key, item in zip(some, self.table.get_many(some), strict=True):
                document.take_page(key, item)
        return document

    def save(
        self, document: RunDocument, also: Sequence[Write] = (), *, feed: str | None = None
    ) -> None:
        """Store the document and `also` in one transaction, `also` first: a position in
        ConditionFailed below `len(also)` is one of theirs, else the document lost a race."""
        puts = document.puts(feed)
        try:
            if len(puts) == 1 and not also:
                self.table.put(puts[0].item, puts[0].when)
            else:
                self.table.transact([*also, *puts])
        except TooLarge as error:
            raise TooLarge(
                "the run would outgrow what one write takes; send a smaller batch", **error.details
            ) from error

    def _root(self, tenant: TenantId, run_id: RunId) -> Item:
        item = self.table.get(keys.run(tenant, run_id))
        if item is None:
            raise directory.why_missing(self.table, tenant, "run", run_id)
        return item

    def _whole(self, item: Item) -> Run:
        return self.of_item(item)

    def of_item(self, item: Item) -> Run:
        """The run of a root item. No request, unless it spilled: then a query per MB of it."""
        return whole_run(self.table, item)


def buckets_of(table: Table, item: Item) -> list[Json]:
    """The buckets of a root item when it spilled (a query per MB of them), else none."""
    if "spilled" not in item:
        return []
    siblings = Query(cast(str, item["pk"]), prefix=keys.RUN_BUCKET_PREFIX)
    return whole_buckets(query_all(table, siblings))


def whole_run(table: Table, item: Item) -> Run:
    """The run of a root item, with its buckets when it spilled (a query per MB of them)."""
    _, run_id = keys.parse_run(cast(str, item["pk"]))
    buckets = buckets_of(table, item)
    root = orjson.loads(cast(str, item["doc"]))
    return run_of(run_id, cast(int, item["version"]), root, buckets)
