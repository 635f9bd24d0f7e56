"""A creation that is sent until it is answered, whatever befell one of its requests, happens once.

The store makes the n-th request and its answer gets lost, or the process dies with it; the client
sends the same under the same `Idempotency-Key`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from functools import partial
from typing import Any, Final, TypeAlias

import httpx
import pytest

from chalicelib import wiring
from chalicelib.core.ids import ExperimentId
from chalicelib.domain import artifact_directories, collection
from chalicelib.storage.experiment_artifacts import ExperimentArtifactStore
from chalicelib.storage.stored_bytes import StoredBytesStore
from tests.api.answers import Json, found
from tests.api.engines import ENGINES, Engine, Fresh, StandingClock
from tests.api.files import form
from tests.api.harness import EXPERIMENTS, RUNS
from tests.api.indexed import ARTIFACTS, manifest_of, sha256_of, stored
from tests.api.named import data_url
from tests.api.routes import ROUTES
from tests.api.transports import quiet_logs
from tests.faults import faults
from tests.faults.client import FORM
from tests.faults.faults import Died
from tests.faults.one_fault import Struck

pytestmark = pytest.mark.slow

FAR_MS: Final = 10**14
LARGE: Final = 65 * 1024 * 1024
ATTEMPTS: Final = 10
FILES: Final = {"a": b"the first", "b/c": b"the second"}


class Repeating(Struck):
    """A tenant whose creations meet one fault each, and what they are about."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.slug = "repeats"
        experiment = self.service.experiment(
            slug=self.slug, variants=[{"key": "A", "weight": 100}], status="active"
        )
        self.experiment_id: str = experiment["id"]
        self.run_id: str = self.service.run(self.experiment_id)["run_id"]
        for body in FILES.values():
            stored(self.service, body)

    def send(self, path: str, key: str, content: Json, after: int) -> httpx.Response:
        """The answer that is given in the end. The fault befalls the request `after` others."""
        headers = {"idempotency-key": key, **content.pop("headers", {})}
        self.faults.left = after
        for _ in range(ATTEMPTS):
            try:
                answer = self.service.write.post(path, headers=headers, **content)
            except Died:
                self.restart()
                self.service.clock.advance(61)
                continue
            if "retry-after" not in answer.headers:
                return answer
            self.service.clock.advance(1)
        raise AssertionError(f"{path} is never answered")


Names: TypeAlias = Collection[str]
Show: TypeAlias = Callable[[Repeating, str], Names]
"""What there is; of what has a name it is that of the creation."""


class Creation:
    """A creation called `name`: where it is sent, what, what there is, and what it answers."""

    def __init__(
        self,
        path: Callable[[Repeating], str],
        content: Callable[[Repeating, str], Json],
        there: Show,
        told: Callable[[Any], Names],
    ) -> None:
        self.path, self.content, self.there, self.told = path, content, there, told


def _ids(path: str, listed: str, field: str, of: Repeating, _name: str) -> Names:
    query = {"experiment_id": of.experiment_id} if path == RUNS else {}
    page = found(of.service.read.get(path, params={"limit": 100, **query}))
    assert page["next_cursor"] is None
    return [one[field] for one in page[listed]]


def _entries(of: Repeating, name: str) -> Names:
    artifacts = ExperimentArtifactStore(of.service.services.table)
    series = artifacts.get(of.service.tenant, ExperimentId(of.experiment_id), name)
    if series is None:
        return []
    entries = [one.entry_id for one in artifacts.entries(series.place).entries]
    assert len(entries) == series.entries == 1, "the name has one value"
    return [name]


def _uploads(of: Repeating, name: str) -> Names:
    due = StoredBytesStore(of.service.services.table).due_before(FAR_MS)
    digests = [sha256_of(f"{name} {number}".encode()) for number in range(3)]
    keys = {one.blob_key for one in due}
    return [key.rpartition(".")[2] for key in keys if any(digest in key for digest in digests)]


def _upload(name: str, number: int = 0, size_bytes: int = 1) -> Json:
    return {"sha256": sha256_of(f"{name} {number}".encode()), "size_bytes": size_bytes}


def _value(kind: str, value: Callable[[str], Json]) -> Creation:
    return Creation(
        lambda of: f"{EXPERIMENTS}/{of.experiment_id}/artifacts",
        lambda _, name: {"json": {"name": name, "kind": kind, **value(name)}},
        _entries,
        lambda _: [],
    )


def _one(field: str) -> Callable[[Any], Names]:
    return lambda answer: [answer[field]]


def _files(of: Repeating, name: str) -> Names:
    page = found(of.service.read.get(f"{RUNS}/{of.run_id}/artifacts", params={"limit": 1000}))
    return [one["sha256"] for one in page["artifacts"] if one["path"] == name]


def _logs(of: Repeating, _name: str) -> Names:
    page = found(of.service.read.get(f"/experiment/{of.slug}/logs", params={"limit": 100}))
    return [one["logId"] for one in page["logs"]]


_indexed = partial(_ids, ARTIFACTS, "artifacts", "artifact_id")
CREATIONS: Final = {
    "experiment": Creation(
        lambda _: EXPERIMENTS,
        lambda _, name: {"json": {"name": name}},
        partial(_ids, EXPERIMENTS, "experiments", "id"),
        _one("id"),
    ),
    "run": Creation(
        lambda _: RUNS,
        lambda of, _: {"json": {"experiment_id": of.experiment_id}},
        partial(_ids, RUNS, "runs", "run_id"),
        _one("run_id"),
    ),
    "value": _value("value", lambda _: {"value": 1.5}),
    "long value": _value("text", lambda name: {"value": name * 10_000}),
    "points": _value("timeseries", lambda _: {"points": [{"x": 1, "y": 2}]}),
    "media": _value("file", lambda name: {"value": data_url(name.encode())}),
    "stored media": _value("file", lambda _: {"sha256": sha256_of(FILES["a"])}),
    "file": Creation(
        lambda of: f"{RUNS}/{of.run_id}/log-artifact",
        lambda _, name: {
            "content": form(f'form-data; name="file"; filename="{name}"', name.encode()),
            "headers": FORM,
        },
        _files,
        _one("sha256"),
    ),
    "artifact": Creation(
        lambda _: ARTIFACTS,
        lambda _, name: {"json": {"kind": "model", "name": name, "sha256": sha256_of(FILES["a"])}},
        _indexed,
        _one("artifact_id"),
    ),
    "directory": Creation(
        lambda _: ARTIFACTS,
        lambda _, name: {"json": {"kind": "model", "name": name, "manifest": manifest_of(FILES)}},
        _indexed,
        _one("artifact_id"),
    ),
    "upload": Creation(
        lambda _: f"{ARTIFACTS}/uploads",
        lambda _, name: {"json": _upload(name)},
        _uploads,
        lambda answer: [answer["upload"]["upload_id"]],
    ),
    "upload of parts": Creation(
        lambda _: f"{ARTIFACTS}/uploads",
        lambda _, name: {"json": _upload(name, size_bytes=LARGE)},
        _uploads,
        lambda answer: [answer["upload"]["upload_id"]],
    ),
    "uploads": Creation(
        lambda _: f"{ARTIFACTS}/uploads/batch",
        lambda _, name: {"json": {"files": [_upload(name, number) for number in range(3)]}},
        _uploads,
        lambda answer: [one["upload_id"] for one in answer["uploads"]],
    ),
    "upload of a file": Creation(
        lambda of: f"{RUNS}/{of.run_id}/artifacts/uploads",
        lambda _, name: {"json": {"path": name, **_upload(name)}},
        _uploads,
        _one("upload_id"),
    ),
    "log": Creation(
        lambda of: f"/experiment/{of.slug}/log",
        lambda _, name: {"json": {"variantKey": "A", "output": {"text": name}}},
        _logs,
        _one("logId"),
    ),
}
MAKE_NOTHING_NEW: Final = {
    "POST /api/v1/artifacts/uploads/{upload_id}/complete",
    "POST /api/v1/artifacts/uploads/batch/complete",
    "POST /api/v1/experiments/{experiment_id}/restore",
    "POST /api/v1/experiments/runs/{run_id}/log-metrics",
    "POST /api/v1/experiments/runs/{run_id}/log-params",
    "POST /api/v1/experiments/runs/{run_id}/log-batch",
    "POST /api/v1/experiments/runs/{run_id}/artifacts/uploads/{upload_id}/complete",
    "POST /api/v1/experiments/runs/{run_id}/restore",
    "POST /api/v1/experiments/runs/{run_id}/end",
    "POST /experiment/{slug}/log/{log_id}/metrics",
    "POST /api/v1/ingest",  # a place to put a file, until one is put there
    "POST /experiment/{slug}/log/batch",  # tells of each whether it was logged, and never fails
}


@pytest.fixture(scope="module", params=["sqlite", pytest.param("aws", marks=pytest.mark.slow)])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Fresh]:
    quiet_logs()
    with ENGINES[request.param](tmp_path_factory.mktemp("engine"), StandingClock()) as opened:
        yield opened


@pytest.fixture
def repeating(engine: Fresh) -> Generator[Repeating]:
    yield Repeating(engine())
    wiring.install(None)


@pytest.mark.parametrize("fate", [faults.LOST, faults.DIED_AFTER])
@pytest.mark.parametrize("kind", CREATIONS)
def test_a_creation_happens_once(repeating: Repeating, kind: str, fate: str) -> None:
    creation, of = CREATIONS[kind], repeating
    of.faults.fate = fate
    after, was_spared = 0, False
    while not was_spared:
        name = f"{kind.replace(' ', '-')}-{after}"
        before = set(creation.there(of, name))
        answer = of.send(creation.path(of), name, creation.content(of, name), after)
        was_spared, of.faults.left = of.faults.left >= 0, -1
        assert answer.is_success, f"{name}: {answer.text}"
        told = creation.told(answer.json()) if answer.content else [name]
        there = [one for one in creation.there(of, name) if one not in before]
        assert sorted(there) == sorted(told), name
        again = of.send(creation.path(of), name, creation.content(of, name), -1)
        assert again.content == answer.content or "upload" in kind  # whose URLs are made anew
        after += 1
    assert after > 2, "the fault befell requests, and none of them in the end"


def test_what_a_directory_left_behind_does_not_take_its_files(repeating: Repeating) -> None:
    test_a_creation_happens_once(repeating, "directory", faults.DIED_AFTER)
    service = repeating.service
    clock = service.clock
    for _ in range(3):
        clock.advance(26 * 3600)
        soon_s = clock.monotonic_s() + 60
        artifact_directories.release_due(
            wiring.upkeep(service.services).retention.artifacts, clock, deadline_s=soon_s
        )
        collection.collect(service.services.bytes, clock, deadline_s=soon_s)
    for artifact_id in _indexed(repeating, ""):
        answer = found(
            service.read.post(f"{ARTIFACTS}/{artifact_id}/content", json={"paths": list(FILES)})
        )
        for one, body in zip(answer["files"], FILES.values(), strict=True):
            assert service.files.get(one["url"]).content == body


def test_every_route_that_creates_is_here() -> None:
    remember = {name for name, route in ROUTES.items() if route.replay == "remember"}
    creates = {
        "POST /api/v1/experiments",
        "POST /api/v1/experiments/runs",
        "POST /api/v1/experiments/{experiment_id}/artifacts",
        "POST /api/v1/experiments/runs/{run_id}/log-artifact",
        "POST /api/v1/experiments/runs/{run_id}/artifacts/uploads",
        "POST /api/v1/artifacts",
        "POST /api/v1/artifacts/uploads",
        "POST /api/v1/artifacts/uploads/batch",
        "POST /experiment/{slug}/log",
    }
    assert remember == creates | MAKE_NOTHING_NEW
