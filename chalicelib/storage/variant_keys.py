"""Keys of what A/B experiments keep: builder beside parser, and nowhere else.

As in `keys.py`: tenant first, `#` separates, and neither tenant nor id ever holds one.
"""

from __future__ import annotations

import re
import zlib
from typing import Final

from chalicelib.core.ids import ExperimentId, TenantId
from chalicelib.core.log_ids import PREFIX, LogId
from chalicelib.core.model.variant_sums import CellPlace
from chalicelib.storage.keys import hashed_if_long
from chalicelib.storage.table import Key

LOG_SHARDS: Final = 16
"""Partitions that an experiment's logs are spread over: each takes 1,000 write units a second."""

# -- logs -------------------------------------------------------------------------------------


def shard_of(log_id: LogId) -> int:
    """Which partition of its experiment a log is in."""
    return zlib.crc32(log_id.encode()) % LOG_SHARDS


def log_shard(tenant: TenantId, experiment_id: ExperimentId, shard: int) -> str:
    """A partition of logs, in the order of their time."""
    return f"t#{tenant}#exp#{experiment_id}#logs#{shard:02d}"


def log(tenant: TenantId, experiment_id: ExperimentId, log_id: LogId) -> Key:
    shard = log_shard(tenant, experiment_id, shard_of(log_id))
    return Key(shard, log_sort(log_id))


def log_sort(log_id: LogId) -> str:
    """Sort key of a log, or a bound of sort keys."""
    return log_id.removeprefix(PREFIX)


_LOG_PK = re.compile(r"t#([^#]+)#exp#([^#]+)#logs#[0-9]{2}")


def parse_log(key: Key) -> tuple[TenantId, ExperimentId, LogId]:
    """Inverse of `log`. Raises ValueError."""
    match = _LOG_PK.fullmatch(key.pk)
    if match is None:
        raise ValueError(f"not a partition of logs: {key.pk}")
    return TenantId(match[1]), ExperimentId(match[2]), LogId(PREFIX + key.sk)


def log_content(tenant: TenantId, experiment_id: ExperimentId, log_id: LogId, digest: bytes) -> str:
    """Object key of a log's content, named by what was sent: two that send different content under
    one id do not overwrite each other's."""
    return f"logs/{tenant}/{experiment_id}/{log_id}.{digest.hex()}"


def log_export(tenant: TenantId, export_id: str) -> str:
    """Object key of exported logs."""
    return f"exports/{tenant}/{export_id}.jsonl"


def log_export_tail(object_key: str, number: int = 0) -> str:
    """Object key of what an export has not made a part of yet. There are two, 0 and 1: the one that
    the export tells of, and the one that is being written."""
    return f"{object_key}.tail{number or ''}"


def export(tenant: TenantId, experiment_id: ExperimentId, export_id: str) -> Key:
    """An export under way, or done."""
    return Key(f"t#{tenant}#exp#{experiment_id}#exports", export_id)


EXPORTS_DUE: Final = "due#exports"


def export_due(due_ms: int, object_key: str) -> Key:
    """Queue of exported objects, by the time from which they are to be removed."""
    return Key(EXPORTS_DUE, f"{due_ms:015d}#{object_key}")


def parse_export_due(sk: str) -> tuple[int, str]:
    """Inverse of `export_due`'s sort key."""
    due, _, object_key = sk.partition("#")
    return int(due), object_key


# -- what is known of an experiment's logs, and what they add up to -----------------------------


def register(tenant: TenantId, experiment_id: ExperimentId) -> Key:
    """What the logs of an experiment have named so far; beside the experiment."""
    return Key(f"t#{tenant}#exp#{experiment_id}", "exp#register")


def unit(tenant: TenantId, experiment_id: ExperimentId, generation: str, name: str) -> Key:
    pk = f"t#{tenant}#exp#{experiment_id}#unit#{generation}#{hashed_if_long(name)}"
    return Key(pk, "unit")


def cells(
    tenant: TenantId, experiment_id: ExperimentId, generation: str, dimension: str | None
) -> str:
    """Partition of the aggregates of all units, or of those by the values of a dimension."""
    pk = f"t#{tenant}#exp#{experiment_id}#results#{generation}"
    return pk if dimension is None else f"{pk}#{hashed_if_long(dimension)}"


def cell(
    tenant: TenantId, experiment_id: ExperimentId, generation: str, place: CellPlace, lane: int
) -> Key:
    """An item of a cell: what it holds is the sum over its lanes."""
    pk = cells(tenant, experiment_id, generation, place.dimension)
    return Key(pk, f"{place.day}#{lane:05d}#{place.value}")


def parse_cell(sk: str, dimension: str | None) -> tuple[CellPlace, int]:
    """Place and lane; inverse of `cell`'s sort key."""
    day, lane, value = sk.split("#", 2)
    return CellPlace(day, dimension, value), int(lane)


def cells_from(day: str) -> str:
    """Lower bound of the sort keys of a day and those after it."""
    return f"{day}#"


def cells_to(day: str) -> str:
    """Upper bound of the sort keys of a day and those before it."""
    return f"{day}$"
