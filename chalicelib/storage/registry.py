"""Registered models and their versions: items to dataclasses.

A registered model is an item under its name, which also counts its versions; versions are under
its id, so that a rename moves one item. What is deleted leaves a mark without content, by which
those that keep rows learn of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, Final, cast

import orjson

from chalicelib.core.errors import NotFound, TooLarge
from chalicelib.core.ids import TenantId, UserId
from chalicelib.core.model.registry import ModelVersion, RegisteredModel, RegistryId
from chalicelib.storage import model_keys
from chalicelib.storage.projection import Projection
from chalicelib.storage.table import (
    MAX_TRANSACTION_WRITES,
    Delete,
    Index,
    Item,
    Key,
    Put,
    Query,
    Table,
    When,
    query_all,
)

MAX_DOCUMENT_BYTES: Final = 380 * 1024
MAX_KEPT_ROWS: Final = 50_000
MAX_NUMBER: Final = 2**31 - 1

RegistryRow = RegisteredModel | ModelVersion | None
"""None for what was deleted."""
RegistryRows = Projection[RegistryRow]


class ModelNameTaken(Exception):
    """Another registered model of the tenant has the name."""


class RegistryStore:
    """Registered models of tenants and their versions. All reads are strongly consistent."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def create(self, tenant: TenantId, model: RegisteredModel) -> RegisteredModel:
        """One read and one write. Raises ModelNameTaken, ConditionFailed, TooLarge."""
        put = self._taking_name(tenant, model)
        self.table.put(put.item, put.when)
        return replace(model, version=cast(int, put.item["version"]))

    def get(self, tenant: TenantId, name: str) -> RegisteredModel:
        """One read. Raises NotFound."""
        item = self.table.get(model_keys.registered_model(tenant, name))
        model = None if item is None else _model(item)
        if model is None:
            raise NotFound("there is no such registered model", name=name)
        return model

    def save(
        self, tenant: TenantId, model: RegisteredModel, versions: Sequence[ModelVersion] = ()
    ) -> RegisteredModel:
        """Store the model and these versions of it where all of them are as they were read (a
        version that is new, where there is none); answers the model at its next version. One write,
        with versions one transaction. Raises ConditionFailed, TooLarge."""
        stored = replace(model, version=model.version + 1)
        put = Put(_model_item(tenant, stored), when=model.version)
        if versions:
            self.table.transact([put, *(_version_put(tenant, one) for one in versions)])
        else:
            self.table.put(put.item, put.when)
        return stored

    def rename(self, tenant: TenantId, old: RegisteredModel, new: RegisteredModel) -> None:
        """Store `new` under its name and give up that of `old`. One read and one transaction.
        Raises ModelNameTaken, ConditionFailed."""
        taking = self._taking_name(tenant, new)
        self.table.transact([taking, _mark(model_keys.registered_model(tenant, old.name), old)])

    def delete(self, tenant: TenantId, model: RegisteredModel) -> None:
        """One write; nobody finds its versions any more. Raises ConditionFailed."""
        mark = _mark(model_keys.registered_model(tenant, model.name), model)
        self.table.put(mark.item, mark.when)

    def clear(self, tenant: TenantId, model: RegisteredModel) -> None:
        """Delete what is left of versions of a deleted model. A query per MB of them and a
        transaction per 100. Raises Contended."""
        versions = Query(model_keys.model_version(tenant, model.id, 0).pk)
        left = [Key(str(item["pk"]), str(item["sk"])) for item in query_all(self.table, versions)]
        for start in range(0, len(left), MAX_TRANSACTION_WRITES):
            some = left[start : start + MAX_TRANSACTION_WRITES]
            self.table.transact([Delete(key) for key in some])

    def get_version(self, tenant: TenantId, model: RegisteredModel, number: int) -> ModelVersion:
        """One read. Raises NotFound."""
        if 0 < number <= MAX_NUMBER:
            item = self.table.get(model_keys.model_version(tenant, model.id, number))
            found = None if item is None else _version(item)
            if found is not None:
                return found
        raise NotFound("there is no such version of the model", name=model.name, version=number)

    def save_version(self, tenant: TenantId, one: ModelVersion) -> ModelVersion:
        """As `save`, of a version alone. One write. Raises ConditionFailed, TooLarge."""
        put = _version_put(tenant, one)
        self.table.put(put.item, put.when)
        return replace(one, version=one.version + 1)

    def delete_version(
        self, tenant: TenantId, model: RegisteredModel, one: ModelVersion
    ) -> RegisteredModel:
        """Store the model, which has no alias of the version any more, and delete this. One
        transaction. Raises ConditionFailed."""
        stored = replace(model, version=model.version + 1)
        mark = _mark(model_keys.model_version(tenant, one.model, one.number), one)
        self.table.transact([Put(_model_item(tenant, stored), when=model.version), mark])
        return stored

    def versions(self, tenant: TenantId, model: RegisteredModel) -> list[ModelVersion]:
        """All, ascending. One query per MB."""
        items = query_all(self.table, Query(model_keys.model_version(tenant, model.id, 0).pk))
        return [one for one in map(_version, items) if one is not None]

    def _taking_name(self, tenant: TenantId, model: RegisteredModel) -> Put:
        known = self.table.get(model_keys.registered_model(tenant, model.name))
        if known is not None and _model(known) is not None:
            raise ModelNameTaken
        before = 0 if known is None else cast(int, known["version"])
        item = _model_item(tenant, replace(model, version=before + 1))
        return Put(item, when=before or When.ABSENT)


def registry_rows(table: Table, max_rows: int = MAX_KEPT_ROWS) -> RegistryRows:
    """The projection that searches the registry: models and versions of a tenant together. Loading
    it is a query per MB."""

    def load(partition: str) -> Iterator[Item]:
        return query_all(table, Query(partition, index=Index.LISTED))

    return Projection(table, load, _row, max_rows)


def _row(item: Item) -> RegistryRow:
    return _model(item) if _is_model(item) else _version(item)


def _is_model(item: Item) -> bool:
    key = Key(cast(str, item["pk"]), cast(str, item["sk"]))
    return model_keys.parse_model_version(key) is None


def _mark(key: Key, deleted: RegisteredModel | ModelVersion) -> Put:
    version = deleted.version + 1
    item: Item = {"pk": key.pk, "sk": key.sk, "version": version, "cpk": _group(key)}
    return Put(item, when=deleted.version)


def _group(key: Key) -> str:
    parsed = model_keys.parse_model_version(key)
    return key.pk if parsed is None else model_keys.registry(parsed[0])


def _model_item(tenant: TenantId, model: RegisteredModel) -> Item:
    key = model_keys.registered_model(tenant, model.name)
    return _item(key, model.version, model.id, asdict(model))


def _version_put(tenant: TenantId, one: ModelVersion) -> Put:
    key = model_keys.model_version(tenant, one.model, one.number)
    item = _item(key, one.version + 1, f"{one.model}.{one.number:010d}", asdict(one))
    return Put(item, when=one.version or When.ABSENT)


def _item(key: Key, version: int, place: str, fields: dict[str, Any]) -> Item:
    group = _group(key)
    text = orjson.dumps(fields)
    if len(text) > MAX_DOCUMENT_BYTES:
        raise TooLarge(
            "tags, aliases and description are too large together; shorten them",
            size_bytes=len(text), max_bytes=MAX_DOCUMENT_BYTES,
        )  # fmt: skip
    return {
        "pk": key.pk,
        "sk": key.sk,
        "version": version,
        "cpk": group,
        "lpk": group,
        "lsk": place,
        "doc": text.decode(),
    }


def _model(item: Item) -> RegisteredModel | None:
    fields = _fields(item)
    if fields is None:
        return None
    fields["id"] = RegistryId(fields["id"])
    return RegisteredModel(**fields)


def _version(item: Item) -> ModelVersion | None:
    fields = _fields(item)
    if fields is None:
        return None
    fields["model"] = RegistryId(fields["model"])
    return ModelVersion(**fields)


def _fields(item: Item) -> dict[str, Any] | None:
    if "doc" not in item:
        return None
    fields: dict[str, Any] = orjson.loads(cast(str, item["doc"]))
    fields["created_by"] = UserId(fields["created_by"])
    return fields | {"version": item["version"]}
