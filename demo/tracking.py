"""Trialbook over plain HTTP: what the demo logs and asks, and a server of its own to ask."""

from __future__ import annotations

import hashlib
import os
import reprlib
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

ROOT: Final = Path(__file__).resolve().parents[1]
EXPERIMENTS: Final = "/api/v1/experiments"
RUNS: Final = "/api/v1/experiments/runs"
READY: Final = "Trialbook is ready at "
STOP_S: Final = 30


class DemoError(Exception):
    """The demo cannot go on; the message is one line."""


@contextmanager
def own_trialbook() -> Generator[tuple[str, str]]:
    """URL and API key of a Trialbook that lives as long as the block, its home in a temporary
    folder. Raises DemoError when it does not start."""
    with tempfile.TemporaryDirectory(prefix="trialbook-demo-") as folder:
        home = Path(folder, "home")
        kept = {name: value for name, value in os.environ.items() if name != "TRIALBOOK_API_KEY"}
        log = Path(folder, "server.log")
        with (
            log.open("w") as stderr,
            subprocess.Popen(
                [sys.executable, "-m", "local"],
                cwd=ROOT,
                env={**kept, "TRIALBOOK_HOME": str(home), "TRIALBOOK_PORT": "0"},
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            ) as process,
        ):
            try:
                line = "" if process.stdout is None else process.stdout.readline()
                if not line.startswith(READY):
                    process.wait(STOP_S)
                    reason = log.read_text().strip().rpartition("\n")[2]
                    raise DemoError(f"Trialbook did not start: {reason or 'it said nothing'}")
                yield line.removeprefix(READY).strip(), (home / "api-key").read_text().strip()
            finally:
                process.terminate()
                try:
                    process.communicate(timeout=STOP_S)
                except subprocess.TimeoutExpired:
                    process.kill()


class Tracker:
    """A client of the routes that the demo needs. Everything raises DemoError when refused."""

    def __init__(self, url: str, api_key: str) -> None:
        self._api = httpx.Client(base_url=url, headers={"x-api-key": api_key}, timeout=60)
        # Presigned URLs take no key, and another service answers them.
        self._files = httpx.Client(timeout=60)

    def close(self) -> None:
        self._api.close()
        self._files.close()

    def experiment(self, name: str, slug: str, goals: Mapping[str, str]) -> str:
        """The id of the experiment, which is created unless it is there."""
        wanted = {"name": name, "slug": slug, "metric_goals": goals}
        answer = _sent(self._api, "POST", EXPERIMENTS, json=wanted)
        if answer.status_code == 409:
            answer = _sent(self._api, "GET", f"{EXPERIMENTS}/{slug}")
        return _read(answer)["id"]

    def start(
        self, experiment_id: str, name: str, params: Mapping[str, Any], tags: Mapping[str, str]
    ) -> str:
        """The id of a new run."""
        wanted = {"experiment_id": experiment_id, "name": name, "tags": tags}
        run_id: str = self._post(RUNS, wanted)["run_id"]
        self._post(f"{RUNS}/{run_id}/log-params", {"params": params})
        return run_id

    def log(self, run_id: str, step: int, metrics: Mapping[str, float]) -> None:
        """Several metrics at a step."""
        points = [{"key": key, "value": value, "step": step} for key, value in metrics.items()]
        logged = self._post(f"{RUNS}/{run_id}/log-batch", {"metrics": points})
        check("points logged", logged["metrics_logged"], len(points))

    def end(self, run_id: str) -> None:
        run = self._post(f"{RUNS}/{run_id}/end", {"status": "finished"})
        check("status of the ended run", run["status"], "finished")

    def log_file(self, run_id: str, folder: str, name: str, content: bytes, mime: str) -> None:
        """A small file, through the API."""
        answer = _sent(
            self._api,
            "POST",
            f"{RUNS}/{run_id}/log-artifact",
            params={"artifact_path": folder},
            files={"file": (name, content, mime)},
        )
        check(f"sha256 of {name}", _read(answer)["sha256"], sha256_of(content))

    def upload(self, run_id: str, path: str, content: bytes) -> None:
        """A file of any size, straight to the store by presigned URLs."""
        uploads = f"{RUNS}/{run_id}/artifacts/uploads"
        wanted = {"path": path, "size_bytes": len(content), "sha256": sha256_of(content)}
        begun = self._post(uploads, wanted)
        size: int = begun["part_size"]
        parts: list[dict[str, Any]] = []
        for part in begun["parts"]:
            number: int = part["part_number"]
            piece = content[(number - 1) * size : number * size]
            put = _sent(self._files, "PUT", part["url"], content=piece, headers=part["headers"])
            if not put.is_success:
                raise DemoError(f"the upload of {path} was refused with {put.status_code}")
            parts.append({"part_number": number, "etag": put.headers["etag"]})
        stored = self._post(f"{uploads}/{begun['upload_id']}/complete", {"parts": parts})
        check(f"sha256 of {path}", stored["sha256"], sha256_of(content))

    def files(self, run_id: str, folder: str) -> list[dict[str, Any]]:
        """The files of a folder, each with its `path`, `size_bytes` and `sha256`."""
        path = f"{RUNS}/{run_id}/artifacts"
        return _read(_sent(self._api, "GET", path, params={"path": folder}))["artifacts"]

    def download(self, run_id: str, path: str, to: Path) -> None:
        """A file by its presigned URL."""
        located = _sent(
            self._api,
            "GET",
            f"{RUNS}/{run_id}/artifacts/content",
            params={"path": path},
            headers={"accept": "application/json"},
        )
        answer = _sent(self._files, "GET", _read(located)["url"])
        if not answer.is_success:
            raise DemoError(f"the download of {path} was refused with {answer.status_code}")
        to.write_bytes(answer.content)

    def compare(self, run_ids: Sequence[str], goals: Mapping[str, str]) -> dict[str, Any]:
        """Runs and their comparison by the metrics that have a goal."""
        wanted = {"run_ids": run_ids, "metrics": list(goals), "goals": goals}
        return self._post(f"{RUNS}/compare", wanted)

    def history(self, run_ids: Sequence[str], key: str) -> dict[str, dict[str, Any]]:
        """The series of a metric by run: the columns `steps` and `values`, and their `total`."""
        wanted = {"run_ids": run_ids, "keys": [key], "max_points": 500}
        answer = self._post(f"{RUNS}/metrics/history", wanted)
        return {one["run_id"]: one for one in answer["series"]}

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return _read(_sent(self._api, "POST", path, json=body))


def _sent(client: httpx.Client, method: str, url: str, **request: Any) -> httpx.Response:
    try:
        return client.request(method, url, **request)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # Of a presigned URL only the host: the rest lets whoever reads it in.
        host = client.base_url.join(url).netloc.decode()
        raise DemoError(f"{host or url} did not answer: {error}") from error


def _read(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_success:
        return answer.json()
    asked = f"{answer.request.method} {answer.request.url.path}"
    try:
        said = answer.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        said = "in a way that is not Trialbook's"
    raise DemoError(f"{asked} was refused with {answer.status_code}: {said}")


def check(what: str, found: object, expected: object) -> None:
    """Raises DemoError unless they are equal."""
    if found != expected:
        wanted, had = reprlib.repr(expected), reprlib.repr(found)
        raise DemoError(f"{what}: expected {wanted}, found {had}")


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
