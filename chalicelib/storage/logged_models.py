"""Logged models: one item each, and rows of them for searching."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, Final, cast

import orjson

from chalicelib.core.errors import NotFound, TooLarge
from chalicelib.core.ids import ExperimentId, ModelId, RunId, TenantId, UserId, is_model_id
from chalicelib.core.model.logged_model import LoggedModel, ModelPoint
from chalicelib.storage import model_keys
from chalicelib.storage.projection import Projection
from chalicelib.storage.run_document import spelled
from chalicelib.storage.table import (
    Index,
    Item,
    Query,
    Table,
    When,
    query_all,
)

MAX_DOCUMENT_BYTES: Final = 380 * 1024
MAX_KEPT_ROWS: Final = 50_000


class LoggedModelStore:
    """Logged models of tenants. All reads are strongly consistent."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def get(self, tenant: TenantId, model_id: str) -> LoggedModel:
        """Deleted ones too. One read. Raises NotFound."""
        if is_model_id(model_id):
            item = self.table.get(model_keys.logged_model(tenant, ModelId(model_id)))
            if item is not None:
                return logged_model_of(item)
        raise NotFound("there is no such logged model", model_id=model_id)

    def save(self, tenant: TenantId, model: LoggedModel) -> LoggedModel:
        """Store it where the version is still that of `model` (0: where there is none); answers it
        at its next version. One write. Raises ConditionFailed, TooLarge."""
        stored = replace(model, version=model.version + 1)
        self.table.put(_item(tenant, stored), when=model.version or When.ABSENT)
        return stored


LoggedModelRows = Projection[LoggedModel]


def logged_model_rows(table: Table, max_rows: int = MAX_KEPT_ROWS) -> LoggedModelRows:
    """The projection that searches logged models. Loading an experiment's is a query per MB."""

    def load(partition: str) -> Iterator[Item]:
        return query_all(table, Query(partition, index=Index.LISTED))

    return Projection(table, load, logged_model_of, max_rows)


def _item(tenant: TenantId, model: LoggedModel) -> Item:
    key = model_keys.logged_model(tenant, model.model_id)
    group = model_keys.logged_models(tenant, model.experiment_id)
    document: dict[str, Any] = asdict(model) | {"points": _packed(model.points)}
    del document["model_id"], document["version"]
    text = orjson.dumps(document)
    if len(text) > MAX_DOCUMENT_BYTES:
        raise TooLarge(
            "a logged model's tags and params are too large together; shorten them",
            size_bytes=len(text), max_bytes=MAX_DOCUMENT_BYTES,
        )  # fmt: skip
    item: Item = {
        "pk": key.pk,
        "sk": key.sk,
        "version": model.version,
        "cpk": group,
        "doc": text.decode(),
    }
    if model.lifecycle_stage == "active":
        item |= {"lpk": group, "lsk": model.model_id}
    return item


def logged_model_of(item: Item) -> LoggedModel:
    """The model of its item."""
    document: dict[str, Any] = orjson.loads(cast(str, item["doc"]))
    document["experiment_id"] = ExperimentId(document["experiment_id"])
    document["created_by"] = UserId(document["created_by"])
    document["points"] = _unpacked(document["points"])
    _, model_id = model_keys.parse_logged_model(cast(str, item["pk"]))
    return LoggedModel(model_id=model_id, version=cast(int, item["version"]), **document)


def _packed(points: Sequence[ModelPoint]) -> list[list[Any]]:
    """What points share is written once: run and dataset, then their points."""
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for key, value, timestamp, step, *shared in points:
        group = groups.setdefault(tuple(shared), [*shared, []])
        group[-1].append([key, spelled(value), timestamp, step])
    return list(groups.values())


def _unpacked(groups: Sequence[Sequence[Any]]) -> tuple[ModelPoint, ...]:
    return tuple(
        ModelPoint(key, float(value), timestamp, step, RunId(run_id), name, digest)
        for run_id, name, digest, points in groups
        for key, value, timestamp, step in points
    )
