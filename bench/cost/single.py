"""What is measured of single runs: each operation once, alone."""

from __future__ import annotations

import hashlib

from bench.cost.ordinary import (
    BATCH,
    EXPERIMENTS,
    METRICS,
    RUNS,
    Values,
    new_run,
    ordinary_batch,
    ordinary_run,
)
from bench.cost.service import TENANT, Costed
from chalicelib.domain.api_keys import CACHE_S
from chalicelib.storage import artifact_keys


def basics(on: Costed, values: Values) -> str:
    """Experiments, runs and keys; returns the experiment."""
    group = "experiments and runs"
    made = on.row(
        group, "create an experiment", lambda: on.post(EXPERIMENTS, {"name": "an experiment"})
    )
    experiment_id: str = made["id"]
    run = on.row(group, "create a run", lambda: on.post(RUNS, {"experiment_id": experiment_id}))
    url = f"{RUNS}/{run['run_id']}"
    on.post(f"{url}/log-batch", ordinary_batch(values))
    on.row(group, "get a run", lambda: on.get(url))
    on.row(group, "end a run", lambda: on.post(f"{url}/end", {}))
    authenticate = on.services.authenticator.authenticate
    on.row("API keys", "check a key that is cached", lambda: authenticate(on.key))
    on.clock.let_caches_expire(CACHE_S + 1)
    on.row("API keys", "check a key that is not", lambda: authenticate(on.key), "once in 60 s")
    return experiment_id


def logs(on: Costed, values: Values, experiment_id: str) -> None:
    group = "logging"
    url = ordinary_run(on, values, experiment_id)
    for number in range(2):
        body = {"metrics": {"metric_0": values.double()}, "step": 100 + number}
        if number:
            on.clock.pass_by(-1)  # both requests in one second
        name = "log-metrics, 1 value" + (", in the same second as another" if number else "")
        on.row(group, name, lambda body=body: on.post(f"{url}/log-metrics", body))
    body = {"metrics": {"metric_0": values.double()}, "step": 103}
    on.row(
        group,
        "log-metrics, 1 value, with an Idempotency-Key",
        lambda: on.post(f"{url}/log-metrics", body, idempotency_key="a-key"),
    )
    params = {f"late_{number}": f"value {number}" for number in range(10)}
    on.row(group, "log-params, 10 params", lambda: on.post(f"{url}/log-params", {"params": params}))
    fresh = new_run(on, experiment_id)
    on.row(
        group,
        "log-batch, 10 metrics + 10 params + 5 tags on a new run",
        lambda: on.post(f"{fresh}/log-batch", ordinary_batch(values)),
    )
    for names in (METRICS[:1], METRICS):
        url = ordinary_run(on, values, experiment_id)
        points = values.points(names, BATCH, first_step=1)
        on.row(
            group,
            f"log-batch, 1,000 points of {len(names)} metric{'s'[: len(names) - 1]}",
            lambda url=url, points=points: on.post(f"{url}/log-batch", {"metrics": points}),
        )
    again = {"metrics": points}
    on.row(
        group,
        "the same batch sent again, which adds nothing",
        lambda: on.post(f"{url}/log-batch", again),
    )


def many_names(on: Costed, values: Values, experiment_id: str, count: int) -> None:
    group = f"a run with {count:,} metric names"
    url = new_run(on, experiment_id)
    names = [f"metric_{number}" for number in range(count)]
    for start in range(0, count, BATCH):
        some = names[start : start + BATCH]
        on.post(f"{url}/log-batch", {"metrics": values.points(some, len(some))})
    body = {"metrics": {"metric_0": values.double()}, "step": 1}
    on.row(group, "log-metrics, 1 value", lambda: on.post(f"{url}/log-metrics", body))
    points = values.points(names[:BATCH], BATCH, first_step=2)
    on.row(
        group,
        f"log-batch, 1 value each of {len(names[:BATCH]):,} of them",
        lambda: on.post(f"{url}/log-batch", {"metrics": points}),
    )
    on.row(group, "get the run", lambda: on.get(url))


def files(on: Costed, values: Values, experiment_id: str) -> None:
    group = "artifacts of 100 KB"
    url = ordinary_run(on, values, experiment_id)
    form = (
        b'--edge\r\ncontent-disposition: form-data; name="file"; filename="model.bin"\r\n'
        b"content-type: application/octet-stream\r\n\r\n" + values.file() + b"\r\n--edge--\r\n"
    )
    on.row(
        group,
        "upload through the function",
        lambda: on.post(
            f"{url}/log-artifact", form, content_type="multipart/form-data; boundary=edge"
        ),
    )
    body = values.file()
    sha256 = hashlib.sha256(body).hexdigest()

    def presigned() -> None:
        asked = {"path": "models/best.bin", "size_bytes": len(body), "sha256": sha256}
        begun = on.post(f"{url}/artifacts/uploads", asked)
        on.blobs.put(
            artifact_keys.blob(TENANT, sha256, begun["upload_id"]),
            body,
            mime="application/octet-stream",
        )
        on.direct(puts=1)
        on.post(f"{url}/artifacts/uploads/{begun['upload_id']}/complete", {})

    def downloaded() -> None:
        on.get(f"{url}/artifacts/content?path=models%2Fbest.bin")
        on.direct(gets=1)

    on.row(group, "upload by presigned PUT: begin, PUT, complete", presigned, "2 calls and the PUT")
    on.row(group, "download: link, GET", downloaded, "1 call and the GET")
    on.row(group, "list a folder", lambda: on.get(f"{url}/artifacts?path=models"))
