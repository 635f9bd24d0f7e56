"""Keys of files in the drop zone: builder beside parser, as in `keys.py`."""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from chalicelib.core.ids import TenantId, is_hex_id
from chalicelib.storage.blobs import MAX_KEY_BYTES
from chalicelib.storage.table import Key

DROP_ZONE: Final = "ingest/"
REPORTS: Final = "ingest-reports/"


class Dropped(NamedTuple):
    """What the key of an object in the drop zone says."""

    tenant: TenantId
    name: str
    ingest_id: str
    is_announced: bool
    """Whether the key is one that we made, for one file."""


def dropped(tenant: TenantId, ingest_id: str, filename: str) -> str:
    """Object key of a file that was announced."""
    return f"{DROP_ZONE}{tenant}/{ingest_id}/{filename}"


def parse_dropped(object_key: str) -> Dropped:
    """The inverse, also for keys that an operator chose: their id follows from the key. Raises
    ValueError for what is not below a tenant's folder."""
    zone, _, rest = object_key.partition("/")
    tenant, _, name = rest.partition("/")
    if zone + "/" != DROP_ZONE or not tenant or not name or name.endswith("/"):
        raise ValueError(f"not a file in a tenant's folder of the drop zone: {object_key[:200]}")
    ingest_id, _, filename = name.partition("/")
    is_announced = bool(filename) and is_hex_id(ingest_id)
    if not is_announced:
        ingest_id = hashlib.sha256(object_key.encode()).hexdigest()[:32]
    return Dropped(TenantId(tenant), name, ingest_id, is_announced)


def report(object_key: str, version: str) -> str:
    """Object key of the report of a version of a file."""
    tenant, name, _, _ = parse_dropped(object_key)
    key = f"{REPORTS}{tenant}/{name}.{version}.json"
    if len(key.encode()) <= MAX_KEY_BYTES:
        return key
    return f"{REPORTS}{tenant}/{hashlib.sha256(name.encode()).hexdigest()}.{version}.json"


def _partition(tenant: TenantId, ingest_id: str) -> str:
    return f"t#{tenant}#ingest#{ingest_id}"


def announced(tenant: TenantId, ingest_id: str) -> Key:
    """A file that somebody said would come."""
    return Key(_partition(tenant, ingest_id), "announced")


FILE_PREFIX: Final = "file#"


def file(tenant: TenantId, ingest_id: str, version: str) -> Key:
    """A file that arrived."""
    return Key(_partition(tenant, ingest_id), FILE_PREFIX + version)


def mark(tenant: TenantId, ingest_id: str, version: str, line: int) -> Key:
    """Tells that some lines, of which this is the first, were applied."""
    return Key(_partition(tenant, ingest_id), f"{marks(version)}{line:012d}")


def marks(version: str) -> str:
    """Sort-key prefix of a file's marks."""
    return f"mark#{version}#"


def refusals(tenant: TenantId, ingest_id: str, version: str, line: int) -> Key:
    """Reasons of refused lines, of which this is the first."""
    return Key(_partition(tenant, ingest_id), f"{refusals_of(version)}{line:012d}")


def refusals_of(version: str) -> str:
    """Sort-key prefix of a file's refused lines."""
    return f"refused#{version}#"


def listed(tenant: TenantId) -> str:
    """`lpk` of a tenant's files."""
    return f"t#{tenant}#ingests"


def listed_sort(begun_ms: int, ingest_id: str) -> str:
    """`lsk` of a file: by time."""
    return f"{begun_ms:015d}#{ingest_id}"
