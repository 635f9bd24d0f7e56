"""Keys of artifacts and of the bytes behind them: builder beside parser, and nowhere else.

As in `keys.py`: tenant first, `#` separates, and neither tenant nor id ever holds one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from chalicelib.core.ids import ArtifactId, ExperimentId, TenantId
from chalicelib.core.model.experiment_artifact import SeriesPlace
from chalicelib.storage.keys import hashed_if_long
from chalicelib.storage.table import Key

# -- bytes ------------------------------------------------------------------------------------


BLOBS = "cas/"
"""What the keys of objects that hold bytes begin with."""


class BlobName(NamedTuple):
    """What the key of an object that holds bytes says. Nobody but who made `object_id` ever writes
    the object, so one that was deleted never comes back."""

    tenant: TenantId
    sha256: str
    object_id: str


def blob(tenant: TenantId, sha256: str, object_id: str) -> str:
    """Object key of bytes with this digest, true or claimed."""
    return f"cas/{tenant}/{sha256}.{object_id}"


_BLOB = re.compile(r"cas/([^/]+)/([0-9a-f]{64})\.([0-9a-f]{32})")


def parse_blob(blob_key: str) -> BlobName:
    """Inverse of `blob`. Raises ValueError."""
    match = _BLOB.fullmatch(blob_key)
    if match is None:
        raise ValueError(f"not the key of stored bytes: {blob_key}")
    return BlobName(TenantId(match[1]), match[2], match[3])


def is_of_one_writer(blob_key: str) -> bool:
    """False for an object that is named by its digest alone, as whoever saved it was before."""
    return _BLOB.fullmatch(blob_key) is not None


def preview(blob_key: str) -> str:
    """Object key of the preview of the image in an object: as that is written once, so is this."""
    return f"previews/{blob_key.removeprefix('cas/')}"


def stored_bytes(tenant: TenantId, sha256: str) -> Key:
    """Where a tenant's bytes with this digest are."""
    return Key(f"t#{tenant}#bytes#{sha256}", "bytes")


def bytes_owner(tenant: TenantId, sha256: str, owner: str) -> Key:
    """Something that needs the bytes; beside their record."""
    return Key(f"t#{tenant}#bytes#{sha256}", f"owner#{owner}")


OWNER_PREFIX = "owner#"

COLLECTION_DUE = "due#bytes"


def collection_due(due_ms: int, blob_key: str) -> Key:
    """Queue of objects that may have become garbage, by the time from which it may be looked."""
    return Key(COLLECTION_DUE, f"{due_ms:015d}#{blob_key}")


def parse_collection_due(sk: str) -> tuple[int, str]:
    """Inverse of `collection_due`'s sort key."""
    due, _, blob_key = sk.partition("#")
    return int(due), blob_key


DIRECTORIES_DUE = "due#directories"


def directory_due(due_ms: int, tenant: TenantId, artifact_id: ArtifactId) -> Key:
    """Queue of directories whose files are to be let go, unless the artifact is there."""
    return Key(DIRECTORIES_DUE, f"{due_ms:015d}#{tenant}#{artifact_id}")


def parse_directory_due(sk: str) -> tuple[int, TenantId, ArtifactId]:
    """Inverse of `directory_due`'s sort key."""
    due, tenant, artifact_id = sk.split("#")
    return int(due), TenantId(tenant), ArtifactId(artifact_id)


# -- indexed artifacts ------------------------------------------------------------------------


def artifact(tenant: TenantId, artifact_id: ArtifactId) -> Key:
    return Key(f"t#{tenant}#artifact#{artifact_id}", "artifact")


def artifact_gone(tenant: TenantId, artifact_id: ArtifactId) -> Key:
    """That there was an artifact: what tells those who follow changes."""
    return Key(f"t#{tenant}#artifact#{artifact_id}", "gone")


def artifacts_by(tenant: TenantId, field: str, value: str) -> str:
    """Partition of the rows of artifacts that have this value in this field."""
    return f"t#{tenant}#artifacts#{field}#{hashed_if_long(value)}"


def artifacts_all(tenant: TenantId) -> str:
    """Partition of the rows of all artifacts of a tenant."""
    return f"t#{tenant}#artifacts"


def artifact_changes(tenant: TenantId) -> str:
    """Change partition of a tenant's artifacts."""
    return f"t#{tenant}#artifacts"


def parse_artifact(pk: str) -> tuple[TenantId, ArtifactId]:
    """Inverse of the partition key of `artifact` and `artifact_gone`."""
    _, tenant, _, artifact_id = pk.split("#")
    return TenantId(tenant), ArtifactId(artifact_id)


def artifact_sort(created_at_ms: int, artifact_id: ArtifactId) -> str:
    """Sort key of an artifact's rows: by time."""
    return f"{created_at_ms:015d}#{artifact_id}"


def artifact_sort_from(created_at_ms: int) -> str:
    """Lower bound of the sort keys of artifacts made at this time or later."""
    return f"{created_at_ms:015d}"


def artifact_sort_before(created_at_ms: int, artifact_id: ArtifactId) -> str:
    """Upper bound of the sort keys that come before that of this artifact: ids are hexadecimal."""
    return f"{created_at_ms:015d}#{int(artifact_id, 16) - 1:032x}"


def parse_artifact_sort(sk: str) -> tuple[int, ArtifactId]:
    """Inverse of `artifact_sort`."""
    created, artifact_id = sk.split("#")
    return int(created), ArtifactId(artifact_id)


# -- experiment artifacts ---------------------------------------------------------------------


def names(tenant: TenantId, experiment_id: ExperimentId) -> str:
    """Partition of the names under an experiment."""
    return f"t#{tenant}#exp#{experiment_id}#named"


def named(tenant: TenantId, experiment_id: ExperimentId, name: str) -> Key:
    """A name under an experiment: at most 200 characters, which always fit."""
    return Key(names(tenant, experiment_id), name)


ENTRY_PREFIX = "entry#"


def entry(at_ms: int, order: int, entry_id: str) -> str:
    """Sort key of a write to a name: by time, then in the order of one writer."""
    return f"{ENTRY_PREFIX}{at_ms:015d}#{order:010d}#{entry_id}"


def series(place: SeriesPlace) -> str:
    """Partition of the entries of a name."""
    tenant, experiment_id, series_id = place
    return f"t#{tenant}#exp#{experiment_id}#series#{series_id}"


def parse_entry(sk: str) -> tuple[int, int, str]:
    """Time, order and id; inverse of `entry`."""
    at_ms, order, entry_id = sk.removeprefix(ENTRY_PREFIX).split("#")
    return int(at_ms), int(order), entry_id


_SERIES = re.compile(r"t#([^#]+)#exp#([^#]+)#series#([^#]+)")


def parse_series(pk: str) -> SeriesPlace:
    """Inverse of `series`. Raises ValueError."""
    match = _SERIES.fullmatch(pk)
    if match is None:
        raise ValueError(f"not the partition of a name's entries: {pk}")
    return SeriesPlace(TenantId(match[1]), ExperimentId(match[2]), match[3])


SERIES_DUE = "due#series"


def series_due(due_ms: int, place: SeriesPlace) -> Key:
    """Queue of names that were deleted and whose entries are to be removed."""
    return Key(SERIES_DUE, f"{due_ms:015d}#{'#'.join(place)}")


def parse_series_due(sk: str) -> tuple[int, SeriesPlace]:
    """Inverse of `series_due`'s sort key."""
    due, tenant, experiment_id, series_id = sk.split("#")
    return int(due), SeriesPlace(TenantId(tenant), ExperimentId(experiment_id), series_id)
