"""Partition keys, sort keys and object keys: builder beside parser. Those of files are in
`file_keys.py`, those of artifacts and their bytes in `artifact_keys.py`; there are no others.

Tenant first, but for API keys, the directory of ids and the maintenance queue, which are read
before or without a tenant. `#` separates; tenant and id never hold one (see `core.ids`).
"""

from __future__ import annotations

import hashlib
import re

from chalicelib.core.ids import ExperimentId, KeyId, RunId, TenantId, UploadId
from chalicelib.core.model.experiment import Stage
from chalicelib.storage.table import Key

MAX_PLAIN_NAME_BYTES = 600
STEP_BIAS = 1 << 63
"""Steps are signed 64-bit integers; adding the bias makes their hexadecimal sort as they do."""


_EXPERIMENTS_CHANGED = re.compile(r"t#([^#]+)#exps")

# -- experiments ------------------------------------------------------------------------------


def experiment(tenant: TenantId, experiment_id: ExperimentId) -> Key:
    return Key(f"t#{tenant}#exp#{experiment_id}", "exp")


LANES = 4
"""What workers beside each other add to is the sum of so many items."""


def experiment_counts(tenant: TenantId, experiment_id: ExperimentId, lane: int = 0) -> Key:
    """Counts of runs and artifacts are in lane 0 alone."""
    sk = "exp#counts" if lane == 0 else f"exp#counts#{lane}"
    return Key(f"t#{tenant}#exp#{experiment_id}", sk)


def experiment_name(tenant: TenantId, name: str) -> Key:
    """Holds a name: what is too long for a key is hashed, with the original kept in the item."""
    return Key(f"t#{tenant}#names", hashed_if_long(name))


def experiment_slug(tenant: TenantId, slug: str) -> Key:
    return Key(f"t#{tenant}#slugs", slug)


def experiments_listed(tenant: TenantId, stage: Stage) -> str:
    """`lpk` of experiments; their `lsk` is the id, which is time-ordered."""
    return f"t#{tenant}#exps#{stage}"


def experiments_changed(tenant: TenantId) -> str:
    """`cpk` of experiments."""
    return f"t#{tenant}#exps"


def parse_experiments_changed(cpk: str) -> TenantId:
    """Inverse of `experiments_changed`. Raises ValueError."""
    match = _EXPERIMENTS_CHANGED.fullmatch(cpk)
    if match is None:
        raise ValueError(f"not the partition of a tenant's experiments: {cpk}")
    return TenantId(match[1])


# -- runs -------------------------------------------------------------------------------------

RUN_BUCKETS = 64


def run(tenant: TenantId, run_id: RunId) -> Key:
    return Key(f"t#{tenant}#run#{run_id}", "run")


def run_bucket(tenant: TenantId, run_id: RunId, bucket: int) -> Key:
    """A sibling of the run's document, for what outgrew it."""
    return Key(f"t#{tenant}#run#{run_id}", f"run#{bucket:02d}")


RUN_BUCKET_PREFIX = "run#"
"""Of the buckets, and after them the pages."""


def bucket_of(sk: str) -> int:
    """Inverse of `run_bucket`'s sort key."""
    return int(sk.removeprefix(RUN_BUCKET_PREFIX))


def run_page(tenant: TenantId, run_id: RunId, page: int) -> Key:
    """A sibling of the run's buckets, for long values."""
    return Key(f"t#{tenant}#run#{run_id}", f"run#p{page:08d}")


def page_of(sk: str) -> int | None:
    """Inverse of `run_page`'s sort key, None for a bucket's."""
    rest = sk.removeprefix(RUN_BUCKET_PREFIX)
    return int(rest[1:]) if rest.startswith("p") else None


def runs_listed(tenant: TenantId, experiment_id: ExperimentId, stage: Stage) -> str:
    """`lpk` of an experiment's runs."""
    return f"t#{tenant}#exp#{experiment_id}#runs#{stage}"


def run_listed_sort(start_time_ms: int, run_id: RunId) -> str:
    """`lsk` of a run: by start time."""
    return f"{start_time_ms:015d}#{run_id}"


def runs_changed(tenant: TenantId, experiment_id: ExperimentId) -> str:
    """`cpk` of an experiment's runs."""
    return f"t#{tenant}#exp#{experiment_id}"


_RUNS_CHANGED = re.compile(r"t#([^#]+)#exp#([^#]+)")


def parse_runs_changed(cpk: str) -> tuple[TenantId, ExperimentId]:
    """Inverse of `runs_changed`. Raises ValueError."""
    match = _RUNS_CHANGED.fullmatch(cpk)
    if match is None:
        raise ValueError(f"not the partition of an experiment's runs: {cpk}")
    return TenantId(match[1]), ExperimentId(match[2])


_RUN_PK = re.compile(r"t#([^#]+)#run#([^#]+)")


def parse_run(pk: str) -> tuple[TenantId, RunId]:
    """Inverse of `run`'s partition key. Raises ValueError."""
    match = _RUN_PK.fullmatch(pk)
    if match is None:
        raise ValueError(f"not the partition of a run: {pk}")
    return TenantId(match[1]), RunId(match[2])


# -- points -----------------------------------------------------------------------------------


def points(tenant: TenantId, run_id: RunId, level: int, min_step: int, digest: str) -> Key:
    """A chunk of points: level 0 as logged, 1 merged, 2 merged and kept as a blob.

    A level sorts after the ones it is merged from and the merge is one transaction, so a reader
    that goes upwards misses nothing.
    """
    return Key(f"t#{tenant}#run#{run_id}", f"points#{level}#{min_step + STEP_BIAS:016x}#{digest}")


def points_level(level: int) -> str:
    """Sort-key prefix of a level's chunks."""
    return f"points#{level}#"


def points_from(level: int, step: int) -> str:
    """Lower bound of the sort keys of chunks that begin at `step` or later."""
    return f"points#{level}#{step + STEP_BIAS:016x}"


def min_step_of(sk: str) -> int:
    """The lowest step in a chunk, from its sort key."""
    return int(sk.split("#")[2], 16) - STEP_BIAS


# -- uploads and other objects ----------------------------------------------------------------


def upload(tenant: TenantId, upload_id: UploadId) -> Key:
    return Key(f"t#{tenant}#upload#{upload_id}", "upload")


_UPLOAD_PK = re.compile(r"t#([^#]+)#upload#([^#]+)")


def parse_upload(pk: str) -> tuple[TenantId, UploadId]:
    """Inverse of `upload`'s partition key. Raises ValueError."""
    match = _UPLOAD_PK.fullmatch(pk)
    if match is None:
        raise ValueError(f"not the partition of an upload: {pk}")
    return TenantId(match[1]), UploadId(match[2])


def remembered_answer(tenant: TenantId, token: str) -> str:
    """Object key of a remembered answer that is too large for an item."""
    return f"answers/{tenant}/{token}"


def points_blob(tenant: TenantId, run_id: RunId, digest: str) -> str:
    """Object key of a level-2 segment of points."""
    return f"points/{tenant}/{run_id}/{digest}"


# -- without a tenant, and the rest -----------------------------------------------------------


def api_key(key_id: KeyId) -> Key:
    return Key(f"key#{key_id}", "key")


def api_keys_listed(tenant: TenantId) -> str:
    """`lpk` of a tenant's API keys; their `lsk` is creation time and id."""
    return f"t#{tenant}#keys"


def owner(any_id: str) -> Key:
    """Directory item of an experiment or run id: whose it is."""
    return Key(f"id#{any_id}", "owner")


def remembered(tenant: TenantId, digest: str) -> Key:
    """The answer to a request that carried an `Idempotency-Key`."""
    return Key(f"t#{tenant}#idem#{digest}", "answer")


def feed_done(change_id: str) -> Key:
    """Marks a change of the feed as projected."""
    return Key(f"feed#{change_id}", "done")


SIGNING_KEY = Key("meta", "signing-key")
HEALTH_BLOB = "meta/health"
"""Looked for and never there: the answer tells that the store can be reached."""
FEED_POSITION = Key("meta", "feed-position")
"""How far a puller of the feed has come."""
TENANTS = "tenants"


def tenant(tenant: TenantId) -> Key:
    """A tenant on the list of those that ever got an API key, and what is set for it."""
    return Key(TENANTS, tenant)


RETENTION_POSITION = Key("meta", "retention-position")
"""How far a sweep for what is past its time has come."""


def doctor_item(check_id: str) -> Key:
    """Put, read and deleted by who checks a deployment."""
    return Key("meta", f"doctor#{check_id}")


def doctor_blob(check_id: str) -> str:
    """Likewise."""
    return f"meta/doctor/{check_id}"


EXPIRING = ("answers/", "exports/", "undelivered/")
"""Prefixes of objects that the bucket removes when they are old, besides those of the drop zone."""
COMPACTION_DUE = "due#compact"


def compaction_due(due_ms: int, tenant: TenantId, run_id: RunId) -> Key:
    """Queue of runs whose chunks are worth merging, by the time from which they may be."""
    return Key(COMPACTION_DUE, f"{due_ms:015d}#{tenant}#{run_id}")


def parse_compaction_due(sk: str) -> tuple[int, TenantId, RunId]:
    """Inverse of `compaction_due`'s sort key."""
    due, tenant, run_id = sk.split("#")
    return int(due), TenantId(tenant), RunId(run_id)


def hashed_if_long(text: str) -> str:
    """What fits a key: the text after `p#`, or its SHA-256 after `h#`."""
    raw = text.encode()
    if len(raw) <= MAX_PLAIN_NAME_BYTES:
        return f"p#{text}"
    return f"h#{hashlib.sha256(raw).hexdigest()}"
