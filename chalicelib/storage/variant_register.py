"""The register of an experiment: what its logs have named so far, an item beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import orjson

from chalicelib.core.ids import ExperimentId, TenantId
from chalicelib.core.model.variant_log import Register
from chalicelib.storage import variant_keys
from chalicelib.storage.table import Check, Item, Put, When


def register_of(item: Item | None) -> Register:
    """The register of its item; an empty one when there is none."""
    if item is None:
        return Register()
    document = orjson.loads(cast(str, item["doc"]))
    dimensions: Mapping[str, list[str]] = document["dimensions"]
    return Register(
        frozenset(document["variants"]),
        frozenset(document["metrics"]),
        {name: frozenset(values) for name, values in dimensions.items()},
        document["generation"],
        document["rebuilt_until"],
        cast(int, item["version"]),
    )


def replaced(tenant: TenantId, experiment_id: ExperimentId, old: Register, new: Register) -> Put:
    """The write of `new`, a version higher, where `old` is still what is stored."""
    key = variant_keys.register(tenant, experiment_id)
    document = {
        "variants": sorted(new.variants),
        "metrics": sorted(new.metrics),
        "dimensions": {name: sorted(values) for name, values in new.dimensions.items()},
        "generation": new.generation,
        "rebuilt_until": new.rebuilt_until_ms,
    }
    item: Item = {
        "pk": key.pk,
        "sk": key.sk,
        "version": old.version + 1,
        "doc": orjson.dumps(document).decode(),
    }
    return Put(item, when=old.version or When.ABSENT)


def unchanged(tenant: TenantId, experiment_id: ExperimentId, register: Register) -> Check:
    """Holds while the register is still this one."""
    key = variant_keys.register(tenant, experiment_id)
    return Check(key, when=register.version or When.ABSENT)
