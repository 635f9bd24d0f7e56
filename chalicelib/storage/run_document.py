"""A run as it is stored: one JSON document, and sibling buckets once it outgrew an item's thrift.

A small run keeps its tags, params and metric summaries in the root document. Past `SPILL_BYTES`
they move, for good, into `keys.RUN_BUCKETS` buckets by a hash of their name, so that logging one
of ten thousand metrics rewrites a few kilobytes and not a megabyte; long values go to pages
(`run_pages`). The root's version guards these siblings too: they are only ever written together
with their root. Nobody outside storage can tell.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Any, cast

import orjson

from chalicelib.core.ids import ExperimentId, RunId, TenantId, UserId
from chalicelib.core.model.dataset import RunInputs
from chalicelib.core.model.experiment import Stage
from chalicelib.core.model.run import MetricSummary, Run, RunStatus
from chalicelib.storage import keys, run_inputs
from chalicelib.storage.run_pages import LONG_CHARACTERS, PAGED, Json, RunPages
from chalicelib.storage.table import Item, Key, Put, When

SPILL_BYTES = 16 * 1024


def bucket_number(name: str) -> int:
    """The bucket that keeps a tag, param or metric of this name."""
    return zlib.crc32(name.encode()) % keys.RUN_BUCKETS


def spelled(value: float) -> float | str:
    """JSON knows no NaN and no infinities: orjson would write null without a word."""
    return value if isfinite(value) else repr(value)


class RunDocument:
    """A run opened for a change: its root, and the buckets that the change touches."""

    __slots__ = ("buckets", "pages", "root", "run_id", "spilled", "tenant", "touched", "version")

    def __init__(
        self, tenant: TenantId, run_id: RunId, version: int, root: Json, spilled: bool
    ) -> None:
        self.tenant = tenant
        self.run_id = run_id
        self.version = version
        self.root = root
        self.spilled = spilled
        self.buckets: dict[int, Json] = {}
        self.touched: set[int] = set()
        self.pages = RunPages(tenant, run_id, root.get("pages", 0))

    @classmethod
    def of_item(cls, item: Item) -> RunDocument:
        """Only the root; `missing_buckets`, then `missing_pages` tell what else a change needs."""
        tenant, run_id = keys.parse_run(cast(str, item["pk"]))
        return cls(
            tenant,
            run_id,
            cast(int, item["version"]),
            orjson.loads(cast(str, item["doc"])),
            "spilled" in item,
        )

    @classmethod
    def of_run(cls, tenant: TenantId, run: Run) -> RunDocument:
        """A document that is not stored yet (version 0)."""
        root: Json = {
            "experiment": run.experiment_id,
            "name": run.name,
            "description": run.description,
            "status": run.status,
            "stage": run.lifecycle_stage,
            "start": run.start_time_ms,
            "end": run.end_time_ms,
            "parent": run.parent_run_id,
            "by": run.created_by,
            **_told(run),
            "chunks": 0,
            "tags": dict(run.tags),
            "params": dict(run.params),
            "metrics": {},
        }
        document = cls(tenant, run.run_id, 0, root, spilled=False)
        for name, summary in run.metrics.items():
            document.set_metric(name, summary)
        return document

    # -- reading -----------------------------------------------------------------------------

    def head(self) -> Run:
        """The run by its root alone: once it spilled, without tags, params and metrics."""
        return run_of(self.run_id, self.version, self.root, ())

    @property
    def inputs(self) -> RunInputs:
        return run_inputs.inputs_of(self.root)

    @property
    def stage(self) -> Stage:
        return self.root["stage"]

    @property
    def experiment_id(self) -> ExperimentId:
        return ExperimentId(self.root["experiment"])

    @property
    def status(self) -> RunStatus:
        return self.root["status"]

    def missing_buckets(self, names: Iterable[str]) -> list[Key]:
        """Keys of the buckets that hold these names and are not here yet."""
        if not self.spilled:
            return []
        numbers = {bucket_number(name) for name in names} - self.buckets.keys()
        return [keys.run_bucket(self.tenant, self.run_id, number) for number in sorted(numbers)]

    def take_bucket(self, key: Key, item: Item | None) -> None:
        """Add a bucket that was read, None when it does not exist yet."""
        number = keys.bucket_of(key.sk)
        self.buckets[number] = {} if item is None else orjson.loads(cast(str, item["doc"]))

    def missing_pages(self, names: Iterable[str]) -> list[Key]:
        """Keys of the pages that hold these names, whose buckets are here."""
        if not self.spilled:
            return []
        values = (self._home(kind, name).get(name) for name in names for kind in PAGED)
        numbers = {value for value in values if isinstance(value, int)}
        return [self.pages.key(number) for number in sorted(numbers)]

    def take_page(self, key: Key, item: Item | None) -> None:
        """Add a page that was read."""
        number = keys.page_of(key.sk)
        assert number is not None
        self.pages.take(number, item)

    def _home(self, kind: str, name: str, *, change: bool = False) -> Json:
        if not self.spilled:
            return self.root[kind]
        number = bucket_number(name)
        if change:
            self.touched.add(number)
        return self.buckets[number].setdefault(kind, {})

    def tag(self, name: str) -> str | None:
        return self._text("tags", name)

    def param(self, name: str) -> str | None:
        return self._text("params", name)

    def _text(self, kind: str, name: str) -> str | None:
        value: str | int | None = self._home(kind, name).get(name)
        return self.pages.get(value, kind, name) if isinstance(value, int) else value

    def metric(self, name: str) -> MetricSummary | None:
        raw = self._home("metrics", name).get(name)
        return None if raw is None else _summary(raw)

    # -- changing ----------------------------------------------------------------------------

    def set_tag(self, name: str, value: str | None) -> None:
        """None deletes the tag."""
        self._set_text("tags", name, value)

    def set_param(self, name: str, value: str) -> None:
        self._set_text("params", name, value)

    def _set_text(self, kind: str, name: str, value: str | None) -> None:
        home = self._home(kind, name, change=True)
        known: str | int | None = home.pop(name, None)
        page = known if isinstance(known, int) else None
        if value is not None and self.spilled and len(value) > LONG_CHARACTERS:
            home[name] = self.pages.set(page, kind, name, value)
            return
        if page is not None:
            self.pages.drop(page, kind, name)
        if value is not None:
            home[name] = value

    def set_metric(self, name: str, summary: MetricSummary) -> None:
        last, step, timestamp, low, high, count = summary
        self._home("metrics", name, change=True)[name] = [
            spelled(last), step, timestamp, spelled(low), spelled(high), count,
        ]  # fmt: skip

    def count_chunk(self) -> int:
        """How many chunks the run has with the one that is about to be added."""
        self.root["chunks"] += 1
        return self.root["chunks"]

    def set_fields(self, fields: Mapping[str, object]) -> None:
        """Replace fields of the root: name, description, status, stage, end (ms)."""
        self.root.update(fields)

    def set_inputs(self, inputs: RunInputs) -> None:
        self.root["inputs"] = run_inputs.packed(inputs)

    # -- writing -----------------------------------------------------------------------------

    def puts(self, feed: str | None = None) -> list[Put]:
        """The writes that store the document at its next version; the root's comes first."""
        root = self.root
        root["pages"] = self.pages.next_number
        text = orjson.dumps(root)
        if len(text) > SPILL_BYTES and not self.spilled:
            self._spill()
            root["pages"] = self.pages.next_number
            text = orjson.dumps(root)
        item: Item = {
            **_address(keys.run(self.tenant, self.run_id)),
            "version": self.version + 1,
            "lpk": keys.runs_listed(self.tenant, root["experiment"], root["stage"]),
            "lsk": keys.run_listed_sort(root["start"], self.run_id),
            "cpk": keys.runs_changed(self.tenant, root["experiment"]),
            "doc": text.decode(),
        }
        if self.spilled:
            item["spilled"] = True
        if feed is not None:
            item["feed"] = feed
        when = self.version or When.ABSENT
        return [Put(item, when), *self._bucket_puts(), *self.pages.puts()]

    def _bucket_puts(self) -> Iterator[Put]:
        for number in sorted(self.touched):
            key = keys.run_bucket(self.tenant, self.run_id, number)
            text = orjson.dumps(self.buckets[number]).decode()
            yield Put({**_address(key), "doc": text})

    def _spill(self) -> None:
        self.spilled = True
        self.buckets = {number: {} for number in range(keys.RUN_BUCKETS)}
        for kind in PAGED:
            for name, value in self.root[kind].items():
                self._set_text(kind, name, value)
        for name, summary in self.root["metrics"].items():
            self._home("metrics", name, change=True)[name] = summary
        self.root.update({"tags": {}, "params": {}, "metrics": {}})


def run_of(run_id: RunId, version: int, root: Json, buckets: Iterable[Json]) -> Run:
    """The whole run, from its root and, when it is spilled, all of its buckets."""
    tags: dict[str, str] = root["tags"]
    params: dict[str, str] = root["params"]
    metrics: dict[str, list[Any]] = root["metrics"]
    for bucket in buckets:
        tags.update(bucket.get("tags", {}))
        params.update(bucket.get("params", {}))
        metrics.update(bucket.get("metrics", {}))
    parent = root["parent"]
    return Run(
        run_id=run_id,
        experiment_id=ExperimentId(root["experiment"]),
        name=root["name"],
        start_time_ms=root["start"],
        created_by=UserId(root["by"]),
        status=root["status"],
        lifecycle_stage=root["stage"],
        description=root["description"],
        end_time_ms=root["end"],
        parent_run_id=None if parent is None else RunId(parent),
        tags=tags,
        params=params,
        metrics={name: _summary(raw) for name, raw in metrics.items()},
        user_label=root.get("user"),
        artifact_location=root.get("location"),
        inputs=run_inputs.inputs_of(root),
        version=version,
    )


def _told(run: Run) -> dict[str, str]:
    """What few runs have: others keep the short document."""
    told = {"user": run.user_label, "location": run.artifact_location}
    return {name: value for name, value in told.items() if value is not None}


def _summary(raw: list[Any]) -> MetricSummary:
    last, step, timestamp, low, high, count = raw
    return MetricSummary(float(last), step, timestamp, float(low), float(high), count)


def _address(key: Key) -> Item:
    return {"pk": key.pk, "sk": key.sk}
