"""How to spell each operation to each server, and how to read its answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import quote, unquote, urlsplit

from bench.dialect import JSON_TYPE, Dialect, File, Point, SeenRun
from bench.load import WrongAnswer, accept
from bench.raw_client import Connection, build_head, build_request
from bench.servers import TRIALBOOK_KEY

BYTES_TYPE: Final = "application/octet-stream"
MAX_PROXIED: Final = 4 * 1024 * 1024
MLFLOW_PART: Final = 10 * 1024 * 1024
"""As MLflow's client cuts."""
HISTORY_PAGE: Final = 25_000
"""As it asks for."""


class MlflowDialect(Dialect):
    """MLflow's REST protocol, artifacts through its proxy."""

    # get-history without max_results answers everything at once, its fastest way.

    def create_experiment(self, name: str) -> bytes:
        return self._post("/api/2.0/mlflow/experiments/create", {"name": name})

    def read_experiment(self, body: bytes | bytearray) -> str:
        return str(json.loads(body)["experiment_id"])

    def create_run(self, experiment: str, name: str) -> bytes:
        return self._post(
            "/api/2.0/mlflow/runs/create",
            {"experiment_id": experiment, "run_name": name, "start_time": 1_767_000_000_000},
        )

    def read_created_run(self, body: bytes | bytearray) -> str:
        return str(json.loads(body)["run"]["info"]["run_id"])

    def log_metric(self, run: str, point: Point) -> bytes:
        return self._post("/api/2.0/mlflow/runs/log-metric", {"run_id": run, **point._asdict()})

    def log_batch(
        self,
        run: str,
        points: Sequence[Point],
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> bytes:
        batch = _batch(points, params, tags)
        return self._post("/api/2.0/mlflow/runs/log-batch", {"run_id": run, **batch})

    def get_run(self, run: str) -> bytes:
        return self._get(f"/api/2.0/mlflow/runs/get?run_id={run}")

    def read_run(self, body: bytes | bytearray) -> SeenRun:
        return _mlflow_run(json.loads(body)["run"])

    def history(self, run: str, key: str, cursor: str | None) -> bytes:
        return self._get(f"/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key={key}")

    def read_points(self, body: bytes | bytearray) -> list[tuple[int, float]]:
        return [(int(point["step"]), point["value"]) for point in json.loads(body)["metrics"]]

    def search(self, experiment: str, where: str, order_by: str, limit: int) -> bytes:
        return self._post(
            "/api/2.0/mlflow/runs/search",
            {
                "experiment_ids": [experiment],
                "filter": where,
                "order_by": [order_by],
                "max_results": limit,
            },
        )

    def read_search(self, body: bytes | bytearray) -> list[SeenRun]:
        return [_mlflow_run(run) for run in json.loads(body).get("runs", [])]

    def upload(
        self, connection: Connection, experiment: str, run: str, path: str, file: File
    ) -> None:
        target = self._artifact(experiment, run, path)
        headers = {**self._headers(), "Content-Type": BYTES_TYPE}
        head = build_head("PUT", target, self.address, headers, len(file.content))
        accept(connection.exchange(head, file.content))

    def download(
        self, connection: Connection, experiment: str, run: str, path: str
    ) -> bytes | bytearray:
        return accept(connection.exchange(self._get(self._artifact(experiment, run, path)))).body

    def _artifact(self, experiment: str, run: str, path: str) -> str:
        return f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/{path}"


class TrialbookOverMlflow(MlflowDialect):
    """The same protocol, spoken to Trialbook: histories come in pages, and what is too large for a
    function goes past it in parts, as MLflow's client sends it."""

    cursor_field = b"next_page_token"

    def history(self, run: str, key: str, cursor: str | None) -> bytes:
        query = f"?run_id={run}&metric_key={key}&max_results={HISTORY_PAGE}"
        more = f"&page_token={quote(cursor, safe='')}" if cursor else ""
        return self._get(f"/api/2.0/mlflow/metrics/get-history{query}{more}")

    def upload(
        self, connection: Connection, experiment: str, run: str, path: str, file: File
    ) -> None:
        if len(file.content) <= MAX_PROXIED:
            super().upload(connection, experiment, run, path, file)
            return
        place = f"{experiment}/{run}/artifacts"
        mpu = "/api/2.0/mlflow-artifacts/mpu"
        starts = range(0, len(file.content), MLFLOW_PART)
        wanted = {"path": path, "num_parts": len(starts)}
        begun = _ask(connection, self._post(f"{mpu}/create/{place}", wanted))
        done: list[dict[str, Any]] = []
        for start, part in zip(starts, begun["credentials"], strict=True):
            piece = memoryview(file.content)[start : start + MLFLOW_PART]
            head = build_head(
                "PUT", _target(part["url"]), self.address, part.get("headers") or {}, len(piece)
            )
            etag = accept(connection.exchange(head, piece)).header("etag")
            done.append({"part_number": part["part_number"], "etag": etag, "url": part["url"]})
        ended = {"path": path, "upload_id": begun["upload_id"], "parts": done}
        _ask(connection, self._post(f"{mpu}/complete/{place}", ended))

    def download(
        self, connection: Connection, experiment: str, run: str, path: str
    ) -> bytes | bytearray:
        target = f"/api/2.0/mlflow-artifacts/presigned/{experiment}/{run}/artifacts/{path}"
        place = _ask(connection, self._get(target))
        request = build_request("GET", _target(place["url"]), self.address)
        return accept(connection.exchange(request)).body

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {TRIALBOOK_KEY}"}


class FasttrackmlDialect(MlflowDialect):
    """The same protocol; its clients write artifacts into the store themselves."""

    uploads = False

    def upload(
        self, connection: Connection, experiment: str, run: str, path: str, file: File
    ) -> None:
        """Not over HTTP: the bytes go where the server told the run's client to write them."""
        answer = json.loads(accept(connection.exchange(self.get_run(run))).body)
        uri: str = answer["run"]["info"]["artifact_uri"]
        root = Path(unquote(urlsplit(uri).path))
        root.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(file.content)

    def download(
        self, connection: Connection, experiment: str, run: str, path: str
    ) -> bytes | bytearray:
        target = f"/api/2.0/mlflow/artifacts/get?run_id={run}&path={path}"
        return accept(connection.exchange(self._get(target))).body


class TrialbookDialect(Dialect):
    """Trialbook's own API; artifact bytes go to presigned URLs."""

    cursor_field = b"next_cursor"
    runs: ClassVar[str] = "/api/v1/experiments/runs"

    def create_experiment(self, name: str) -> bytes:
        return self._post("/api/v1/experiments", {"name": name})

    def read_experiment(self, body: bytes | bytearray) -> str:
        return str(json.loads(body)["id"])

    def create_run(self, experiment: str, name: str) -> bytes:
        return self._post(self.runs, {"experiment_id": experiment, "name": name})

    def read_created_run(self, body: bytes | bytearray) -> str:
        return str(json.loads(body)["run_id"])

    def log_metric(self, run: str, point: Point) -> bytes:
        document = {
            "metrics": {point.key: point.value},
            "step": point.step,
            "timestamp": point.timestamp,
        }
        return self._post(f"{self.runs}/{run}/log-metrics", document)

    def log_batch(
        self,
        run: str,
        points: Sequence[Point],
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> bytes:
        return self._post(f"{self.runs}/{run}/log-batch", _batch(points, params, tags))

    def get_run(self, run: str) -> bytes:
        return self._get(f"{self.runs}/{run}")

    def read_run(self, body: bytes | bytearray) -> SeenRun:
        return _trialbook_run(json.loads(body))

    def history(self, run: str, key: str, cursor: str | None) -> bytes:
        query = f"?cursor={quote(cursor, safe='')}" if cursor else ""
        return self._get(f"{self.runs}/{run}/metrics/{key}{query}")

    def read_points(self, body: bytes | bytearray) -> list[tuple[int, float]]:
        return [(point["step"], point["value"]) for point in json.loads(body)["points"]]

    def search(self, experiment: str, where: str, order_by: str, limit: int) -> bytes:
        return self._post(
            f"{self.runs}/search",
            {
                "experiment_ids": [experiment],
                "filter": where,
                "order_by": [order_by],
                "limit": limit,
            },
        )

    def read_search(self, body: bytes | bytearray) -> list[SeenRun]:
        return [_trialbook_run(run) for run in json.loads(body)["runs"]]

    def create_variants(self, slug: str) -> bytes:
        """An active A/B experiment, two variants alike."""
        variants = [{"key": key, "weight": 50} for key in "AB"]
        document = {"name": slug, "slug": slug, "status": "active", "variants": variants}
        return self._post("/api/v1/experiments", document)

    def assign(self, slug: str, user: str) -> bytes:
        return self._post(f"/experiment/{slug}/assign", {"userId": user})

    def log_execution(self, slug: str, log: Mapping[str, Any]) -> bytes:
        return self._post(f"/experiment/{slug}/log", log)

    def log_executions(self, slug: str, logs: Sequence[Mapping[str, Any]]) -> bytes:
        return self._post(f"/experiment/{slug}/log/batch", {"logs": logs})

    def results(self, slug: str) -> bytes:
        return self._get(f"/experiment/{slug}/results")

    def read_results(self, body: bytes | bytearray) -> dict[str, int]:
        """Logs by variant."""
        exposures = json.loads(body)["exposures"]
        return {variant: exposure["logs"] for variant, exposure in exposures.items()}

    def upload(
        self, connection: Connection, experiment: str, run: str, path: str, file: File
    ) -> None:
        uploads = f"{self.runs}/{run}/artifacts/uploads"
        wanted = {
            "path": path,
            "size_bytes": len(file.content),
            "sha256": file.sha256,
            "mime": BYTES_TYPE,
        }
        upload = _ask(connection, self._post(uploads, wanted))
        done = [
            self._put(connection, file, part, int(upload["part_size"]))
            for part in self._parts(connection, uploads, upload)
        ]
        complete = f"{uploads}/{upload['upload_id']}/complete"
        _ask(connection, self._post(complete, {"parts": done}))

    def download(
        self, connection: Connection, experiment: str, run: str, path: str
    ) -> bytes | bytearray:
        target = f"{self.runs}/{run}/artifacts/content?path={quote(path, safe='')}"
        place = _ask(connection, self._get(target, Accept=JSON_TYPE))
        request = build_request("GET", _target(place["url"]), self.address)
        return accept(connection.exchange(request)).body

    def _parts(
        self, connection: Connection, uploads: str, upload: Mapping[str, Any]
    ) -> Iterator[Mapping[str, Any]]:
        """Every part's signed request; those past the first hundred are asked for."""
        yield from upload["parts"]
        for first in range(len(upload["parts"]) + 1, upload["part_count"] + 1, 100):
            numbers = list(range(first, min(first + 100, upload["part_count"] + 1)))
            more = f"{uploads}/{upload['upload_id']}/parts"
            yield from _ask(connection, self._post(more, {"part_numbers": numbers}))["parts"]

    def _put(
        self, connection: Connection, file: File, part: Mapping[str, Any], part_size: int
    ) -> dict[str, Any]:
        """Send one part; what `complete` wants to know of it."""
        number = int(part["part_number"])
        start = (number - 1) * part_size
        whole = len(file.content) <= part_size
        if not whole and part_size != file.part_bytes:
            raise WrongAnswer(f"parts of {part_size} bytes, not of {file.part_bytes}")
        piece = memoryview(file.content)[start : start + part_size]
        headers = {
            name: text for name, text in part["headers"].items() if name.lower() != "content-length"
        }
        head = build_head("PUT", _target(part["url"]), self.address, headers, len(piece))
        etag = accept(connection.exchange(head, piece)).header("etag")
        sha256 = file.sha256 if whole else file.part_sha256[number - 1]
        return {"part_number": number, "etag": etag, "sha256": sha256}

    def _headers(self) -> dict[str, str]:
        return {"x-api-key": TRIALBOOK_KEY}


DIALECTS: Final[Mapping[str, type[Dialect]]] = {
    "trialbook": TrialbookDialect,
    "fasttrackml": FasttrackmlDialect,
    "mlflow": MlflowDialect,
}


def _batch(
    points: Sequence[Point], params: Mapping[str, str] | None, tags: Mapping[str, str] | None
) -> dict[str, Any]:
    return {
        "metrics": [point._asdict() for point in points],
        "params": [{"key": key, "value": value} for key, value in (params or {}).items()],
        "tags": [{"key": key, "value": value} for key, value in (tags or {}).items()],
    }


def _mlflow_run(run: Mapping[str, Any]) -> SeenRun:
    seen = run.get("data", {})
    named = {
        field: {entry["key"]: entry["value"] for entry in seen.get(field, [])}
        for field in ("metrics", "params", "tags")
    }
    own = {key: value for key, value in named["tags"].items() if not key.startswith("mlflow.")}
    return SeenRun(run["info"]["run_id"], named["metrics"], named["params"], own)


def _trialbook_run(run: Mapping[str, Any]) -> SeenRun:
    return SeenRun(run["run_id"], run["metrics"], run["params"], run["tags"])


def _ask(connection: Connection, request: bytes) -> Mapping[str, Any]:
    return json.loads(accept(connection.exchange(request)).body)


def _target(url: str) -> str:
    """Path and query of a URL, as spelled."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
