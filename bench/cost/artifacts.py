"""Named values of an experiment, and indexed artifacts."""

from __future__ import annotations

import hashlib

from bench.cost.ordinary import Values
from bench.cost.service import TENANT, Costed
from chalicelib import wiring
from chalicelib.domain import feed
from chalicelib.storage import artifact_keys
from chalicelib.storage.artifacts import FEED

ARTIFACTS = "/api/v1/artifacts"
UPLOADS = f"{ARTIFACTS}/uploads"
NAMES = 100
IDS = {"run_id": "0" * 32, "session_id": "tuning-7", "user_id": "ada"}


def named(on: Costed, values: Values, experiment_id: str) -> None:
    """Values under names."""
    group = "named values of an experiment"
    url = f"/api/v1/experiments/{experiment_id}/artifacts"
    for number in range(NAMES):
        on.post(url, {"name": f"value {number}", "kind": "value", "value": values.double()})
    body = {"name": "value 1", "kind": "value", "value": values.double()}
    on.row(group, "log a number, again", lambda: on.post(url, body))
    on.row(group, "get a series of 2", lambda: on.get(f"{url}/value%201"))
    on.row(group, f"list {NAMES} names", lambda: on.get(url))


def indexed(on: Costed, values: Values) -> None:
    """Artifacts with three ids, two tags and a metric."""
    group = "indexed artifacts of 100 KB"

    def sent(body: bytes) -> str:
        sha256 = hashlib.sha256(body).hexdigest()
        asked = {"sha256": sha256, "size_bytes": len(body)}
        begun = on.post(UPLOADS, asked)["upload"]
        if begun is not None:
            blob_key = artifact_keys.blob(TENANT, sha256, begun["upload_id"])
            on.blobs.put(blob_key, body, mime="application/octet-stream")
            on.direct(puts=1)
            on.post(f"{UPLOADS}/{begun['upload_id']}/complete", {})
        return sha256

    def saved(body: bytes) -> str:
        described = {
            "kind": "model",
            "name": "model.bin",
            "tags": ["vision", "nightly"],
            "metrics": {"f1": values.double()},
            **IDS,
        }
        return on.post(ARTIFACTS, {"sha256": sent(body), **described})["artifact_id"]

    body = values.file()
    one = on.row(
        group, "save: begin, PUT, complete, index", lambda: saved(body), "3 calls and the PUT"
    )
    on.row(group, "save bytes that are there: begin, index", lambda: saved(body), "2 calls")
    for _ in range(98):
        saved(body)
    on.row(group, "get", lambda: on.get(f"{ARTIFACTS}/{one}"))
    on.row(group, "list 100 of a run", lambda: on.get(f"{ARTIFACTS}?run_id={IDS['run_id']}"))
    best = {"kind": "model", "metric": "f1", "metric_mode": "max", "session_id": IDS["session_id"]}
    on.row(group, "the best of 100", lambda: on.post(f"{ARTIFACTS}/best", best))
    asked = {"query": "the nightly vision model", "limit": 10}
    on.post(f"{ARTIFACTS}/search", asked)  # now the process has the index
    on.clock.pass_by(61)
    on.get(f"{ARTIFACTS}/{one}")  # the key is looked up again
    on.row(group, "search by text, the first 10", lambda: on.post(f"{ARTIFACTS}/search", asked))
    changes, _ = on.changes_since(None)
    saved_ones = [change for change in changes if change.new.get("feed") == FEED][:1]

    def noted() -> None:
        on.event()
        feed.dispatch(wiring.projections(on.services), saved_ones)

    on.row(group, "in the background: the search is told of one that was saved", noted)
