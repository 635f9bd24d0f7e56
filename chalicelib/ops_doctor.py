"""Whether a deployment is as it must be: findings, how they are told, and what is the same on every
engine. What there is to look at on AWS is in `ops_doctor_aws.py`, a laptop's in `local/doctor.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from chalicelib.core.context import Clock, Role
from chalicelib.core.errors import TrialbookError
from chalicelib.storage import keys
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.queue import Queue
from chalicelib.storage.table import Item, Table

if TYPE_CHECKING:
    from chalicelib.wiring import Services

State: TypeAlias = Literal["ok", "warning", "failed"]
HOUR_S: Final = 3600
SKEW_WARNING_S: Final = 60
SKEW_FAILED_S: Final = 240
"""AWS refuses what is signed five minutes off."""
BODY: Final = b"written by doctor, and deleted again"
MIME: Final = "text/plain"


@dataclass(frozen=True, slots=True)
class Finding:
    """`mend` says what to do about what is not ok."""

    state: State
    what: str
    mend: str = ""


class Fetched(NamedTuple):
    """An HTTP answer; header names are lower-case. `date_s` is when the server says it was made."""

    status: int
    body: bytes
    date_s: float | None


Fetch: TypeAlias = Callable[[str, str, dict[str, str], bytes | None], Fetched]
"""Of method, URL, headers and body. Raises OSError."""
Check: TypeAlias = Callable[[], Iterable[Finding]]


def verdict(holds: bool, what: str, otherwise: str, mend: str) -> Finding:
    """ok when it holds, else failed."""
    return Finding("ok", what) if holds else Finding("failed", otherwise, mend)


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command `doctor`."""
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(options: argparse.Namespace, checks: Iterable[Check]) -> int:
    """Look, and tell as it goes on; 1 when something failed."""
    findings: list[Finding] = []
    for check in checks:
        for finding in check():
            findings.append(finding)
            if not options.json:
                _say(_in_words(finding))
    is_healthy = all(finding.state != "failed" for finding in findings)
    if options.json:
        told = {"healthy": is_healthy, "checks": [asdict(finding) for finding in findings]}
        _say(json.dumps(told, indent=2))
    return 0 if is_healthy else 1


def guarded(what: str, check: Check) -> Check:
    """What a store refuses is a finding."""

    def look() -> Iterator[Finding]:
        try:
            yield from check()
        except TrialbookError as error:
            yield Finding("failed", f"{what}: {error}", "look at the store and its permissions")

    return look


# -- what is the same everywhere ----------------------------------------------------------------


def table_round_trip(table: Table, clock: Clock) -> Iterator[Finding]:
    """An item of its own, which expires should this die."""
    key = keys.doctor_item(clock.new_id())
    item: Item = {"pk": key.pk, "sk": key.sk, "expires_at": clock.now_ms() // 1000 + HOUR_S}
    table.put(item)
    found = table.get(key)
    table.delete(key)
    yield verdict(
        found is not None and found["sk"] == key.sk and table.get(key) is None,
        "an item can be written, read and deleted",
        "an item that was written is not read back, or not deleted",
        "the table does not behave as one; is it another program's?",
    )


def blob_round_trip(blobs: Blobs, clock: Clock) -> Iterator[Finding]:
    """An object of its own."""
    key = keys.doctor_blob(clock.new_id())
    blobs.put(key, BODY, mime=MIME)
    found = blobs.get(key)
    blobs.delete(key)
    yield verdict(
        found == BODY and blobs.head(key) is None,
        "a blob can be written, read and deleted",
        "a blob that was written is not read back, or not deleted",
        "look at what holds the blobs",
    )


def presigned_round_trip(blobs: Blobs, clock: Clock, fetch: Fetch) -> Iterator[Finding]:
    """An object of its own by presigned URLs, as clients send files; and what time it is there."""
    key = keys.doctor_blob(clock.new_id())
    digest = hashlib.sha256(BODY).hexdigest()
    put = blobs.presign_put(key, size_bytes=len(BODY), sha256=digest, mime=MIME, expires_s=300)
    get = blobs.presign_get(key, mime=MIME, disposition="attachment", expires_s=300)
    mend = "look at the bucket's policy and at what is between here and it"
    try:
        sent = fetch("PUT", put.url, dict(put.headers), BODY)
        yield verdict(
            sent.status == 200,
            "a presigned PUT is taken",
            f"a presigned PUT is answered {sent.status}",
            mend,
        )
        got = fetch("GET", get.url, dict(get.headers), None)
        yield verdict(
            (got.status, got.body) == (200, BODY),
            "a presigned GET brings the same bytes",
            f"a presigned GET is answered {got.status} with {len(got.body)} bytes",
            mend,
        )
        yield _skew(got, clock)
    except OSError as error:
        yield Finding("failed", f"the bucket is not reached: {type(error).__name__}", mend)
    finally:
        blobs.delete(key)
    if blobs.head(key) is not None:
        yield Finding("failed", "an object that was deleted is still there", mend)


def _skew(got: Fetched, clock: Clock) -> Finding:
    mend = "set this machine's clock, by NTP for example"
    if got.date_s is None:
        return Finding("warning", "the store does not tell its time", "compare the clocks by hand")
    off_s = abs(got.date_s - clock.now_ms() / 1000)
    state: State = "ok" if off_s <= SKEW_WARNING_S else "warning"
    told = f"this machine's clock is {off_s:.0f} s off the store's"
    if off_s > SKEW_FAILED_S:
        state = "failed"
    return Finding(state, told, "" if state == "ok" else mend)


def queue_depth(name: str, queue: Queue) -> Iterator[Finding]:
    """`undelivered` is where nothing should be."""
    depth = queue.depth()
    what = f"the queue of {name} answers and holds {depth}"
    if name == "undelivered" and depth > 0:
        yield Finding("warning", what, "look at them by ops redrive --dry-run, then ops redrive")
    else:
        yield Finding("ok", what)


def admin_key(services: Services) -> Iterator[Finding]:
    """One read for each tenant, and one query, until a key is found."""
    now_ms = services.clock.now_ms()
    for tenant in services.retention.tenants():
        for key in services.api_keys.of_tenant(tenant.id):
            is_over = key.expires_at_ms is not None and key.expires_at_ms <= now_ms
            if key.role is Role.ADMIN and key.revoked_at_ms is None and not is_over:
                yield Finding("ok", "there is a valid admin key")
                return
    yield Finding("failed", "there is no valid admin key", "make one by ops keys create")


def of_services(services: Services) -> list[Check]:
    """What is looked at through the seams."""
    clock = services.clock
    return [
        guarded("the table", lambda: table_round_trip(services.table, clock)),
        guarded("API keys", lambda: admin_key(services)),
        guarded("arrivals", lambda: queue_depth("arrivals", services.arrivals)),
        guarded("undelivered", lambda: queue_depth("undelivered", services.undelivered)),
    ]


def _in_words(finding: Finding) -> str:
    mend = f" — {finding.mend}" if finding.mend else ""
    return f"{finding.state:<8} {finding.what}{mend}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
