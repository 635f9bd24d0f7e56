"""Descriptions of datasets: each once in its experiment, however many runs read it.

They are JSON that clients made, of up to megabytes: compressed, and in pieces that fit items.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final, cast

import orjson

from chalicelib.core.errors import ConditionFailed
from chalicelib.core.ids import ExperimentId, TenantId
from chalicelib.core.model.dataset import Dataset, DatasetName
from chalicelib.storage import model_keys
from chalicelib.storage.table import MAX_GET_MANY, Item, Key, Put, Table, When

PIECE_BYTES: Final = 380 * 1024


class DatasetStore:
    """Datasets of tenants."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def keep(self, tenant: TenantId, experiment_id: ExperimentId, dataset: Dataset) -> None:
        """The first description of a name and digest stays. One write; a transaction when it is
        large. Raises TooLarge, Contended."""
        packed = zlib.compress(orjson.dumps(asdict(dataset)))
        pieces = [packed[at : at + PIECE_BYTES] for at in range(0, len(packed), PIECE_BYTES)]
        of = DatasetName(experiment_id, dataset.name, dataset.digest)
        first, *rest = (
            _item(model_keys.dataset(tenant, of, number), piece)
            for number, piece in enumerate(pieces)
        )
        first["pieces"] = len(pieces)
        try:
            if rest:
                self.table.transact([Put(first, When.ABSENT), *map(Put, rest)])
            else:
                self.table.put(first, When.ABSENT)
        except ConditionFailed:
            return

    def get_many(
        self, tenant: TenantId, names: Sequence[DatasetName]
    ) -> Mapping[DatasetName, Dataset]:
        """Those that there are. One batch read per 100, and as many more for what is large."""
        found = dict(zip(names, self._items(tenant, [(name, 0) for name in names]), strict=True))
        rest = [
            (name, number)
            for name, item in found.items()
            if item is not None
            for number in range(1, cast(int, item["pieces"]))
        ]
        packed = {name: [item["doc"]] for name, item in found.items() if item is not None}
        for (name, _), item in zip(rest, self._items(tenant, rest), strict=True):
            assert item is not None  # written with the first
            packed[name].append(item["doc"])
        return {name: _dataset(cast("list[bytes]", pieces)) for name, pieces in packed.items()}

    def _items(
        self, tenant: TenantId, places: Sequence[tuple[DatasetName, int]]
    ) -> list[Item | None]:
        keys = [model_keys.dataset(tenant, name, number) for name, number in places]
        items: list[Item | None] = []
        for start in range(0, len(keys), MAX_GET_MANY):
            items += self.table.get_many(keys[start : start + MAX_GET_MANY])
        return items


def _item(key: Key, piece: bytes) -> Item:
    return {"pk": key.pk, "sk": key.sk, "doc": piece}


def _dataset(pieces: Sequence[bytes]) -> Dataset:
    return Dataset(**orjson.loads(zlib.decompress(b"".join(pieces))))
