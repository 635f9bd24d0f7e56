"""What a client does and has been told, in an order and with values that a seed chooses."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from chalicelib.core.log_ids import log_id
from tests.api.answers import Json, found
from tests.api.engines import START_MS
from tests.api.files import form
from tests.api.harness import EXPERIMENTS, RUNS
from tests.faults.world import World

Point = tuple[int, int, float]
VARIANTS: Final = [{"key": "A", "weight": 50}, {"key": "B", "weight": 50}]
FORM: Final = {"content-type": "multipart/form-data; boundary=b"}
LONG_MS: Final = 25 * 3600 * 1000
BURST: Final = 17
"""As many chunks as have an ended run ask to be compacted, and one more."""


@dataclass
class ToldRun:
    """What the service has said it has of a run."""

    run_id: str
    experiment_id: str
    points: dict[str, set[Point]] = field(default_factory=dict[str, "set[Point]"])
    params: dict[str, str] = field(default_factory=dict[str, str])
    tags: dict[str, str] = field(default_factory=dict[str, str])
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    status: str = "running"


@dataclass
class ToldExperiment:
    """What the service has said it has of an A/B experiment."""

    id: str
    slug: str
    logs: dict[str, dict[str, float]] = field(default_factory=dict[str, "dict[str, float]"])
    runs: set[str] = field(default_factory=set[str])
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    points: dict[str, set[tuple[int, int]]] = field(
        default_factory=dict[str, "set[tuple[int, int]]"]
    )


class Client:
    """One that goes on until it is answered; each step does something else."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.chance = random.Random(f"story {world.faults.seed}")
        self.runs: list[ToldRun] = []
        self.experiments: list[ToldExperiment] = []
        self.batches: list[tuple[str, str, Json]] = []
        self._numbers = 0

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def some_run(self) -> ToldRun:
        return self.chance.choice(self.runs)

    def some_experiment(self) -> ToldExperiment:
        return self.chance.choice(self.experiments)

    def _post(self, path: str, body: Json) -> httpx.Response:
        return self.world.send("POST", path, f"key-{self._number()}", json=body)

    def create_experiment(self) -> None:
        slug = f"experiment-{self._number()}"
        body = {
            "name": slug,
            "slug": slug,
            "variants": VARIANTS,
            "status": "active",
            "unit_key": "user",
            "dimensions": ["country"],
        }
        answer = self._post(EXPERIMENTS, body)
        assert answer.is_success, answer.text
        self.experiments.append(ToldExperiment(answer.json()["id"], slug))

    def create_run(self) -> None:
        experiment = self.some_experiment()
        answer = self._post(RUNS, {"experiment_id": experiment.id})
        assert answer.status_code == 201, answer.text
        run = ToldRun(answer.json()["run_id"], experiment.id)
        experiment.runs.add(run.run_id)
        self.runs.append(run)

    def log_batch(self, run: ToldRun | None = None) -> None:
        run = run or self.some_run()
        number = self._number()
        points = [
            (self.chance.choice(("loss", "accuracy")), 10 * number + at, START_MS, number / 8)
            for at in range(self.chance.randrange(1, 5))
        ]
        body: Json = {
            "metrics": [
                {"key": key, "step": step, "timestamp": at, "value": value}
                for key, step, at, value in points
            ]
        }
        if self.chance.random() < 0.4:
            body["params"] = [{"key": f"p{number}", "value": str(number)}]
            body["tags"] = [{"key": "last", "value": str(number)}]
        key = f"batch-{number}"
        answer = self.world.send("POST", f"{RUNS}/{run.run_id}/log-batch", key, json=body)
        found(answer)
        self.batches = [*self.batches[-3:], (run.run_id, key, body)]
        for key, step, at, value in points:
            run.points.setdefault(key, set()).add((step, at, value))
        for one in body.get("params", ()):
            run.params[one["key"]] = one["value"]
        for one in body.get("tags", ()):
            run.tags[one["key"]] = one["value"]

    def send_again(self) -> None:
        """A batch whose answer the client did not get, with its key or from another process."""
        if not self.batches:
            return
        run_id, key, body = self.chance.choice(self.batches)
        sent = {"metrics": body["metrics"]}  # a tag may have another value since
        if self.chance.random() < 0.5:
            answer = self.world.send("POST", f"{RUNS}/{run_id}/log-batch", key + "!", json=sent)
        else:
            answer = self.world.send("POST", f"{RUNS}/{run_id}/log-batch", json=sent)
        found(answer)

    def burst(self) -> None:
        run = self.some_run()
        for _ in range(BURST):
            self.log_batch(run)

    def _new_log(self) -> Json:
        at_ms = self.world.clock.now_ms() - self.chance.randrange(3) * LONG_MS
        number = self._number()
        return {
            "logId": log_id(at_ms, self.chance.randbytes(10)),
            "variantKey": self.chance.choice("AB"),
            "metrics": {"score": number / 4},
            "context": {
                "user": f"user-{self.chance.randrange(12)}",
                "country": self.chance.choice(["DE", "FR"]),
            },
            "output": {"text": "long " * 2000 + str(number)} if number % 9 == 0 else {},
        }

    def log_variant(self) -> None:
        experiment, log = self.some_experiment(), self._new_log()
        for _ in range(self.chance.choice((1, 1, 2))):
            answer = self.world.send("POST", f"/experiment/{experiment.slug}/log", json=log)
            assert found(answer)["logId"] == log["logId"]
        experiment.logs[log["logId"]] = log["metrics"]

    def log_variants(self) -> None:
        """A batch; what was not taken is sent again, as `trialbook.delivery` does."""
        experiment = self.some_experiment()
        left = [self._new_log() for _ in range(self.chance.randrange(1, 9))]
        logs = {log["logId"]: log for log in left}
        for _ in range(100):
            path = f"/experiment/{experiment.slug}/log/batch"
            answer = self.world.send("POST", path, json={"logs": left})
            results = found(answer)["results"]
            refused = [one["error"]["code"] for one in results if not one["success"]]
            assert {*refused} <= {"throttled", "unavailable"}, refused
            left = [log for log, one in zip(left, results, strict=True) if not one["success"]]
            if not left:
                break
            self.world.clock.advance(1)
        assert not left
        experiment.logs |= {one: log["metrics"] for one, log in logs.items()}

    def outcome(self) -> None:
        """It became known late."""
        experiment = self.some_experiment()
        if not experiment.logs:
            return
        log = self.chance.choice(list(experiment.logs))
        metrics = {self.chance.choice(("rating", "score")): float(self.chance.randrange(6))}
        path = f"/experiment/{experiment.slug}/log/{log}/metrics"
        answer = self.world.send("POST", path, f"key-{self._number()}", json=metrics)
        found(answer)
        experiment.logs[log] = {**experiment.logs[log], **metrics}

    def send_file(self) -> None:
        run, path, body = self._file()
        disposition = f'form-data; name="file"; filename="{path}"'
        answer = self.world.send(
            "POST",
            f"{RUNS}/{run.run_id}/log-artifact",
            f"key-{self._number()}",
            content=form(disposition, body),
            headers=FORM,
        )
        assert found(answer)["sha256"] == hashlib.sha256(body).hexdigest()
        run.files[path] = body

    def _file(self) -> tuple[ToldRun, str, bytes]:
        """Paths and bytes that come again: files take each other's place, and share bytes."""
        path = self.chance.choice(("a.bin", "b.bin", "c.bin"))
        return self.some_run(), path, f"content {self.chance.randrange(6)}".encode()

    def upload_file(self) -> None:
        run, path, body = self._file()
        digest = hashlib.sha256(body).hexdigest()
        wanted = {"path": path, "size_bytes": len(body), "sha256": digest}
        uploads = f"{RUNS}/{run.run_id}/artifacts/uploads"
        answer = self._post(uploads, wanted)
        assert answer.status_code == 201, answer.text
        (part,) = answer.json()["parts"]
        assert self.world.files.put(part["url"], content=body, headers=part["headers"]).is_success
        answer = self._post(f"{uploads}/{answer.json()['upload_id']}/complete", {})
        found(answer)
        run.files[path] = body

    def name_value(self) -> None:
        experiment, number = self.some_experiment(), self._number()
        name = f"value-{self.chance.randrange(4)}"
        value = {"number": number, "text": "x" * self.chance.choice((1, 1, 40_000))}
        body = {"name": name, "kind": "dict", "value": value}
        answer = self._post(f"{EXPERIMENTS}/{experiment.id}/artifacts", body)
        assert answer.status_code == 200, answer.text
        experiment.values[name] = value

    def name_points(self) -> None:
        experiment, number = self.some_experiment(), self._number()
        name = f"points-{self.chance.randrange(2)}"
        body = {"name": name, "kind": "timeseries", "points": [{"x": number, "y": number}]}
        answer = self._post(f"{EXPERIMENTS}/{experiment.id}/artifacts", body)
        assert answer.status_code == 200, answer.text
        experiment.points.setdefault(name, set()).add((number, number))

    def change_tag(self) -> None:
        run, value = self.some_run(), str(self._number())
        answer = self.world.send("PATCH", f"{RUNS}/{run.run_id}", json={"tags": {"own": value}})
        found(answer)
        run.tags["own"] = value

    def end_run(self) -> None:
        run = self.some_run()
        answer = self._post(f"{RUNS}/{run.run_id}/end", {})
        assert found(answer)["status"] == "finished"
        run.status = "finished"

    def bring_back(self) -> None:
        """Deleted and restored, a run has all it had."""
        run = self.some_run()
        answer = self.world.send("DELETE", f"{RUNS}/{run.run_id}")
        assert answer.status_code == 204, answer.text
        assert found(self._post(f"{RUNS}/{run.run_id}/restore", {}))["status"] == run.status

    def delete_name(self) -> None:
        """Another value may have the name afterwards."""
        experiment = self.some_experiment()
        names = sorted([*experiment.values, *experiment.points])
        if not names:
            return
        name = self.chance.choice(names)
        answer = self.world.send("DELETE", f"{EXPERIMENTS}/{experiment.id}/artifacts/{name}")
        assert answer.status_code == 204, answer.text
        experiment.values.pop(name, None)
        experiment.points.pop(name, None)
