"""Rows of runs for searching: what filters and orders look at, and the item to render from."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import orjson

from chalicelib.core import field_tags
from chalicelib.core.ids import RunId, UserId
from chalicelib.core.model.dataset import DATASET_CONTEXT
from chalicelib.core.model.experiment import Stage
from chalicelib.core.model.run import RunStatus
from chalicelib.storage import keys
from chalicelib.storage.projection import Projection
from chalicelib.storage.run_inputs import inputs_of
from chalicelib.storage.runs import buckets_of
from chalicelib.storage.table import Index, Item, Query, Table, query_all

MAX_KEPT_ROWS = 100_000
"""About 5 KB of memory each for a run with ten metrics, ten params and five tags."""


class RunRow:
    """The searchable side of a run. `metrics` holds last values, `tags` also those that are fields;
    `user` is the one that the client named, else whose key it was."""

    __slots__ = (
        "created_by", "datasets", "end_time_ms", "item", "metrics", "name", "params", "run_id",
        "stage", "start_time_ms", "status", "tags", "user",
    )  # fmt: skip

    def __init__(self, item: Item, root: dict[str, Any], buckets: list[dict[str, Any]]) -> None:
        self.item = item
        self.run_id: RunId = keys.parse_run(cast(str, item["pk"]))[1]
        self.name: str = root["name"]
        self.created_by: UserId = UserId(sys.intern(root["by"]))
        self.user: str = sys.intern(root.get("user", root["by"]))
        self.status: RunStatus = root["status"]
        self.stage: Stage = root["stage"]
        self.start_time_ms: int = root["start"]
        self.end_time_ms: int | None = root["end"]
        self.datasets = _searched(root)
        self.metrics: dict[str, float] = {}
        self.params: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        for part in (root, *buckets):
            for name, raw in part.get("metrics", {}).items():
                self.metrics[sys.intern(name)] = float(raw[0])
            for name, value in part.get("params", {}).items():
                self.params[sys.intern(name)] = value
            for name, value in part.get("tags", {}).items():
                self.tags[sys.intern(name)] = value
        self.tags = field_tags.of_run(self.tags, self.name, root["description"], root["parent"])

    @property
    def artifact_uri(self) -> str:
        return f"trialbook://runs/{self.run_id}/artifacts"


def _searched(root: dict[str, Any]) -> Sequence[Mapping[str, str]]:
    """Of each dataset what a filter may name."""
    if "inputs" not in root:
        return ()
    return [
        {"name": use.name, "digest": use.digest}
        | ({"context": use.tags[DATASET_CONTEXT]} if DATASET_CONTEXT in use.tags else {})
        for use in inputs_of(root).datasets
    ]


RunRows = Projection[RunRow]


def run_rows(table: Table, max_rows: int = MAX_KEPT_ROWS) -> RunRows:
    """The projection that searches runs. Loading a partition is a query per MB of documents."""

    def load(partition: str) -> Iterator[Item]:
        tenant, experiment_id = keys.parse_runs_changed(partition)
        for stage in ("active", "deleted"):
            listed = keys.runs_listed(tenant, experiment_id, stage)
            yield from query_all(table, Query(listed, index=Index.LISTED))

    def row(item: Item) -> RunRow:
        return RunRow(item, orjson.loads(cast(str, item["doc"])), buckets_of(table, item))

    return Projection(table, load, row, max_rows)
