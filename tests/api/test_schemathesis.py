"""Schemathesis reads the OpenAPI document and sends whatever it allows, and what it does not."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from chalicelib.api.openapi_examples import BODIES
from tests.api.harness import EXPERIMENTS, KEYS, RUNS
from tests.api.process import KEY, ROOT, Serving, serving
from tests.unit.images_given import png

EXAMPLES: Final = 30
"""Per operation, in each phase."""
LIMIT_S: Final = 300
ARTIFACTS: Final = "/api/v1/artifacts"
UPLOADS: Final = "/api/v1/artifacts/uploads"

CONFIG: Final = """\
hooks = "tests.api.schemathesis_hooks"
workers = 1
continue-on-failure = true
color = false
headers = {{ "x-api-key" = "{key}" }}

[generation]
deterministic = true
max-examples = {examples}

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 412]
[checks.negative_data_rejection]
expected-statuses = ["4xx"]

[parameters]
"path.run_id" = {{ dictionary = "run", probability = 0.8 }}
"path.experiment_id" = {{ dictionary = "experiment", probability = 0.8 }}
"path.upload_id" = {{ dictionary = "upload", probability = 0.8 }}
"path.artifact_id" = {{ dictionary = "indexed", probability = 0.9 }}
"body.paths[*]" = {{ dictionary = "indexed_file", probability = 0.9 }}
"path.artifact_name" = {{ dictionary = "artifact", probability = 0.8 }}
"path.slug" = {{ dictionary = "slug", probability = 0.9 }}
"path.log_id" = {{ dictionary = "log", probability = 0.9 }}
"path.export_id" = {{ dictionary = "export", probability = 0.9 }}
"path.ingest_id" = {{ dictionary = "ingest", probability = 0.9 }}
"body.variantKey" = {{ dictionary = "variant", probability = 0.9 }}
"query.baseline" = {{ dictionary = "variant", probability = 0.9 }}
"query.dimension" = {{ dictionary = "dimension", probability = 0.9 }}
"query.metric" = {{ dictionary = "logged", probability = 0.9 }}
"query.metric[*]" = {{ dictionary = "comparison", probability = 0.9 }}
"body.metric[*]" = {{ dictionary = "comparison", probability = 0.9 }}
"path.key" = {{ dictionary = "metric", probability = 0.8 }}
"path.key_id" = {{ dictionary = "key", probability = 1.0 }}
"query.experiment_id" = {{ dictionary = "experiment", probability = 0.8 }}
"query.path" = {{ dictionary = "file", probability = 0.5 }}
"query.filter" = {{ dictionary = "filter", probability = 0.7 }}
"query.order_by[*]" = {{ dictionary = "order", probability = 0.7 }}
"body.order_by[*]" = {{ dictionary = "order", probability = 0.7 }}
"body.upload_ids[*]" = {{ dictionary = "upload", probability = 0.9 }}
"body.experiment_id" = {{ dictionary = "experiment", probability = 0.8 }}
"body.experiment_ids[*]" = {{ dictionary = "experiment", probability = 0.8 }}
"body.run_ids[*]" = {{ dictionary = "run", probability = 0.8 }}
"body.keys[*]" = {{ dictionary = "metric", probability = 0.5 }}
"body.filter" = {{ dictionary = "filter", probability = 0.7 }}

[[operations]]
include-path = "/api/v1/artifacts/uploads/{{upload_id}}/parts"

[operations.parameters]
"path.upload_id" = {{ dictionary = "large_upload", probability = 0.9 }}

[[operations]]
include-path = "/api/v1/artifacts/{{artifact_id}}/preview"

[operations.parameters]
"path.artifact_id" = {{ dictionary = "image", probability = 0.9 }}

[dictionaries]
run.values = {run}
experiment.values = {experiment}
upload.values = {upload}
large_upload.values = {large_upload}
image.values = {image}
key.values = {spare_key}
indexed.values = {indexed}
indexed_file.values = ["a.txt", "folder/b.png"]
artifact.values = ["note", "loss", "curve"]
slug.values = {slug}
log.values = {log}
export.values = {export}
ingest.values = {ingest}
variant.values = ["control", "green"]
dimension.values = ["country"]
logged.values = ["revenue", "latency_ms"]
comparison.values = ["latency_ms>100", "revenue <= 5", "nothing!=0"]
metric.values = ["loss", "accuracy", "a/b c"]
file.values = ["a.txt", "folder", "folder/b.png"]
filter.values = [
    "metrics.loss < 0.5 and params.lr = '0.1'",
    "tags.`team` LIKE '%x%'",
    "attributes.status IN ('FINISHED', 'running')",
    "params.lr IS NULL",
]
order.values = ["metrics.loss DESC", "params.lr", "attributes.start_time ASC", "tags.team"]
"""


def seeded(client: httpx.Client) -> dict[str, list[str]]:
    """Things of every kind, by kind, so that what is sent reaches past the first look-up."""

    def post(path: str, **sent: Any) -> dict[str, Any]:
        answer = client.post(path, **sent)
        assert answer.is_success, answer.text
        return answer.json()

    def log(path: str, sent: dict[str, Any]) -> None:
        assert client.post(path, json=sent).is_success

    experiments = [post(EXPERIMENTS, json={"name": f"seed {number}"}) for number in range(3)]
    runs = [post(RUNS, json={"experiment_id": one["id"]})["run_id"] for one in experiments * 2]
    for one in experiments:
        named: list[dict[str, Any]] = [
            {"name": "note", "kind": "file", "value": "data:text/plain;base64,c2VlZA=="},
            {"name": "loss", "kind": "value", "value": 0.5},
            {"name": "curve", "kind": "timeseries", "points": [{"x": 0, "y": 1}]},
        ]
        for artifact in named:
            log(f"{EXPERIMENTS}/{one['id']}/artifacts", artifact)
    uploads: list[str] = []
    for run_id in runs:
        points = [
            {"key": key, "value": value, "step": step, "timestamp": 1000 + step}
            for key in ("loss", "accuracy", "a/b c")
            for step, value in enumerate([0.5, "NaN", 0.25, "Infinity", 1e-300])
        ]
        params = [{"key": "lr", "value": "0.1"}]
        post(f"{RUNS}/{run_id}/log-batch", json={"metrics": points, "params": params})
        for folder, name, body in (("", "a.txt", b"seed"), ("folder", "b.png", png())):
            post(
                f"{RUNS}/{run_id}/log-artifact",
                params={"artifact_path": folder},
                files={"file": (name, body)},
            )
        for size_bytes in (4, 200_000_000):
            wanted = {"path": f"upload-{size_bytes}", **described(b"seed", size_bytes)}
            uploads.append(put(post(f"{RUNS}/{run_id}/artifacts/uploads", json=wanted), b"seed"))
    for number in range(12):
        body = f"bytes {number}".encode()
        uploads.append(put(post(UPLOADS, json=described(body, len(body)))["upload"], body))
    variants = [{"key": "control", "weight": 50}, {"key": "green", "weight": 50}]
    ab = {"variants": variants, "status": "active", "dimensions": ["country"]}
    slugs = [post(EXPERIMENTS, json={"name": f"ab {n}", **ab})["slug"] for n in range(3)]
    executions = [
        {
            "variantKey": "green" if n % 2 else "control",
            "unitId": f"user-{n}",
            "metrics": {"revenue": n, "latency_ms": 90.5 + n},
            "context": {"country": "DE" if n % 3 else "FR"},
        }
        for n in range(40)
    ]
    logs = [
        result["logId"]
        for slug in slugs
        for result in post(f"/experiment/{slug}/log/batch", json={"logs": executions})["results"]
    ]
    exports = [post(f"/experiment/{slug}/logs/export", json={})["export_id"] for slug in slugs]
    lines = {"filename": "lines.jsonl", "size_bytes": 4}
    ingests = [post("/api/v1/ingest", json=lines)["ingest_id"] for _ in range(3)]
    # What the examples of the document name: the bytes of an empty file, the best model of a run.
    post(f"{RUNS}/{runs[0]}/log-artifact", files={"file": ("empty", b"")})
    post(ARTIFACTS, json=BODIES["create_artifact"]["a file"])
    files = [{"path": path, **described(b"seed", 4)} for path in ("a.txt", "folder/b.png")]
    directory = {"kind": "dataset", "manifest": files}
    indexed = [post(ARTIFACTS, json=directory)["artifact_id"] for _ in range(20)]
    digest = described(png(), 0)["sha256"]
    image = post(ARTIFACTS, json={"kind": "plot", "sha256": digest})["artifact_id"]
    wait_for_preview(client, image)
    large = post(UPLOADS, json=described(b"large", 200_000_000))["upload"]["upload_id"]
    spare = [post(KEYS, json={"role": "read"})["key_id"] for _ in range(5)]
    return {
        "run": runs,
        "experiment": [*(one["id"] for one in experiments), experiments[0]["slug"]],
        "upload": uploads,
        "indexed": indexed,
        "large_upload": [large],
        "image": [image],
        "spare_key": spare,
        "slug": slugs,
        "log": logs,
        "export": exports,
        "ingest": ingests,
    }


def wait_for_preview(client: httpx.Client, artifact_id: str) -> None:
    """The images are the same bytes, so when one has a preview, all have."""
    deadline_s = time.monotonic() + LIMIT_S
    while client.get(f"{ARTIFACTS}/{artifact_id}/preview").status_code == 404:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def described(body: bytes, size_bytes: int) -> dict[str, Any]:
    return {"size_bytes": size_bytes, "sha256": hashlib.sha256(body).hexdigest()}


def put(upload: dict[str, Any], body: bytes) -> str:
    """The id of the upload; the bytes are sent when they are all there is."""
    part = upload["parts"][0]
    if upload["part_size"] == len(body):
        assert httpx.put(part["url"], headers=part["headers"], content=body).is_success
    return upload["upload_id"]


def schemathesis(server: Serving, folder: Path) -> tuple[subprocess.CompletedProcess[str], Any]:
    """The finished run, and its report."""
    with server.client() as client:
        seeds = {kind: json.dumps(ids) for kind, ids in seeded(client).items()}
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG.format(key=KEY, examples=EXAMPLES, **seeds))
    report = folder / "report.json"
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
        *("run", f"{server.url}/openapi.json", "--report-json-path", str(report)),
    ]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    return done, json.loads(report.read_text()) if report.exists() else None


@pytest.mark.slow
@pytest.mark.integration
def test_whatever_is_sent_is_answered_as_documented(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        done, report = schemathesis(server, tmp_path)
        with server.client() as client:
            still_admitted = client.get(KEYS).status_code == 200
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert report["stop_reason"] == "completed"
    assert report["operations"]["tested"] == report["operations"]["total"] > 0
    assert still_admitted, "the run revoked its own key, so it tested nothing from there on"
    accepted = {
        name: sum(phase["accepted"] for phase in phases.values())
        for name, phases in report["valid_rates"].items()
    }
    assert not [name for name, count in accepted.items() if count == 0]
    assert "Traceback" not in server.log.read_text()
