"""MLflow's calls with one fault at each of their requests, sent again without a key.

Where the store's answer is lost, or its client sends a write twice, a call is done once and says
so. Where the process dies with the work done, what creates may do it twice, and of what is gone the
client is told that it is not there; all else is as if nothing had happened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import count
from typing import Any, Final

import httpx
import pytest

from chalicelib import wiring
from chalicelib.api.mlflow import surface
from chalicelib.core.context import Role
from tests.api.answers import Json
from tests.api.engines import Engine, StandingClock, sqlite
from tests.api.mlflow.tracking import (
    DATASET,
    ask,
    logged_model,
    new_experiment,
    new_run,
    pairs,
    point,
    registered,
    said,
    send,
)
from tests.api.transports import quiet_logs
from tests.faults import faults, mlflow_calls
from tests.faults.faults import Died
from tests.faults.one_fault import Struck

pytestmark = pytest.mark.slow

ATTEMPTS: Final = 5
GONE: Final = pairs(gone="x")
_MASKED: Final = re.compile("{[^}]+}")


class Asking(Struck):
    """Somebody with an experiment, a run and a logged model, who asks as MLflow's client does."""

    def begin(self, name: str) -> None:
        """What the next call is about; `name` is in the names of what is registered."""
        self.name = name
        self.experiment_id = new_experiment(self.service, f"e {name}", tags=GONE)
        info = new_run(self.service, self.experiment_id, run_name="r", tags=GONE)["info"]
        self.run_id: str = info["run_id"]
        model = logged_model(
            self.service, experiment_id=self.experiment_id, name="a model", tags=GONE
        )
        self.model_id: str = model["info"]["model_id"]

    def told(self, call: str, fields: Json) -> httpx.Response:
        """The answer that is given in the end."""
        for _ in range(ATTEMPTS):
            try:
                answer = send(self.service.write, call, **fields)
            except Died:
                self.restart()
                continue
            if answer.status_code not in (429, 503):
                return answer
        raise AssertionError(f"{call} is never answered")

    def shown(self) -> str:
        """What there is of it, with nothing that is another in the next round."""
        ids, service = [self.experiment_id], self.service
        experiments = ask(service, "GET experiments/search", view_type="ALL")["experiments"]
        runs = ask(service, "POST runs/search", experiment_ids=ids, run_view_type="ALL")["runs"]
        models = ask(service, "POST logged-models/search", experiment_ids=ids)["models"]
        history = ask(service, "GET metrics/get-history", run_id=self.run_id, metric_key="m")[
            "metrics"
        ]
        there = {
            "experiments": [
                (one["name"], one["lifecycle_stage"], one["tags"])
                for one in experiments
                if one["name"].endswith(f" {self.name}")
            ],
            "runs": [
                (
                    *(one["info"][field] for field in ("status", "lifecycle_stage")),
                    one["info"].get("end_time"),
                    *(one[field] for field in ("data", "inputs", "outputs") if field in one),
                )
                for one in runs
            ],
            "history": history,
            "models": [(one["info"]["status"], one["info"]["tags"], one["data"]) for one in models],
            "registered": [
                (one["name"], one.get("description"), one["tags"], one["aliases"])
                for one in ask(service, "GET registered-models/search")["registered_models"]
                if one["name"].endswith(f" {self.name}")
            ],
            "versions": sorted(  # without an order: the last that changed is the first
                (one["version"], one["current_stage"], one.get("description"), one["tags"])
                for one in ask(service, "GET model-versions/search")["model_versions"]
                if one["name"].endswith(f" {self.name}")
            ),
        }
        text = json.dumps(there, sort_keys=True)
        for own in (self.experiment_id, self.run_id, self.model_id, self.name):
            text = text.replace(own, "*")
        return text


def _nothing(_: Asking) -> None:
    return


@dataclass(frozen=True)
class Case:
    """What a call is sent with, and what is there before."""

    fields: Callable[[Asking], Json]
    before: Callable[[Asking], object] = _nothing


def _of_experiment(**fields: Any) -> Callable[[Asking], Json]:
    return lambda of: {"experiment_id": of.experiment_id, **fields}


def _of_run(**fields: Any) -> Callable[[Asking], Json]:
    return lambda of: {"run_id": of.run_id, **fields}


def _of_name(**fields: Any) -> Callable[[Asking], Json]:
    return lambda of: {"name": f"m {of.name}", **fields}


def _of_version(**fields: Any) -> Callable[[Asking], Json]:
    return _of_name(version="1", **fields)


def _only(**fields: Any) -> Callable[[Asking], Json]:
    return lambda _: fields


def _registered(of: Asking) -> None:
    """With two versions, one of them in a stage, a tag and an alias."""
    name = f"m {of.name}"
    registered(of.service, name, versions=2, tags=GONE)
    ask(of.service, "POST registered-models/alias", name=name, alias="gone", version="1")
    ask(of.service, "POST model-versions/set-tag", name=name, version="1", key="gone", value="x")
    ask(of.service, "POST model-versions/transition-stage", name=name, version="2", stage="Staging")


MODEL_JSON: Final = json.dumps(
    {"artifact_path": "a", "flavors": {}, "utc_time_created": "now", "run_id": "x"}
)
CASES: Final[dict[str, Case]] = {
    "POST experiments/create": Case(lambda of: {"name": f"new {of.name}"}),
    "POST experiments/update": Case(lambda of: {
        "experiment_id": of.experiment_id, "new_name": f"new {of.name}",
    }),
    "POST experiments/delete": Case(_of_experiment()),
    "POST experiments/restore": Case(
        _of_experiment(),
        lambda of: ask(of.service, "POST experiments/delete", experiment_id=of.experiment_id),
    ),
    "POST experiments/set-experiment-tag": Case(_of_experiment(key="a", value="b")),
    "POST experiments/delete-experiment-tag": Case(_of_experiment(key="gone")),
    "POST runs/create": Case(_of_experiment(run_name="another")),
    "POST runs/update": Case(_of_run(status="FINISHED", end_time=1_900_000_000_000)),
    "POST runs/delete": Case(_of_run()),
    "POST runs/restore": Case(
        _of_run(), lambda of: ask(of.service, "POST runs/delete", run_id=of.run_id)
    ),
    "POST runs/log-metric": Case(
        lambda of: {"run_id": of.run_id, "model_id": of.model_id, **point("m", 1.5)}
    ),
    "POST runs/log-parameter": Case(_of_run(key="p", value="1")),
    "POST runs/log-batch": Case(
        lambda of: {
            "run_id": of.run_id,
            "metrics": [point("m", n, n) | {"model_id": of.model_id} for n in range(3)],
            "params": pairs(p="1"),
            "tags": pairs(t="2"),
        }
    ),
    "POST runs/set-tag": Case(_of_run(key="t", value="2")),
    "POST runs/delete-tag": Case(_of_run(key="gone")),
    "POST runs/log-inputs": Case(
        _of_run(datasets=[{"dataset": DATASET, "tags": pairs(a="b")}], models=[{"model_id": "x"}])
    ),
    "POST runs/outputs": Case(lambda of: {
        "run_id": of.run_id, "models": [{"model_id": of.model_id, "step": 1}],
    }),
    "POST runs/log-model": Case(_of_run(model_json=MODEL_JSON)),
    "POST logged-models": Case(_of_experiment(name="another")),
    "PATCH logged-models/{model_id}": Case(_only(status="LOGGED_MODEL_READY")),
    "DELETE logged-models/{model_id}": Case(_only()),
    "PATCH logged-models/{model_id}/tags": Case(_only(tags=pairs(a="b"))),
    "DELETE logged-models/{model_id}/tags/{tag_key+}": Case(_only()),
    "POST logged-models/{model_id}/params": Case(_only(params=pairs(a="b"))),
    "POST registered-models/create": Case(_of_name(tags=pairs(a="b"))),
    "PATCH registered-models/update": Case(_of_name(description="new"), _registered),
    "POST registered-models/rename": Case(
        lambda of: {"name": f"m {of.name}", "new_name": f"new {of.name}"}, _registered
    ),
    "DELETE registered-models/delete": Case(_of_name(), _registered),
    "POST registered-models/set-tag": Case(_of_name(key="a", value="b"), _registered),
    "DELETE registered-models/delete-tag": Case(_of_name(key="gone"), _registered),
    "POST registered-models/alias": Case(_of_name(alias="a", version="2"), _registered),
    "DELETE registered-models/alias": Case(_of_name(alias="gone"), _registered),
    "POST model-versions/create": Case(lambda of: {
        "name": f"m {of.name}", "source": f"models:/{of.model_id}", "model_id": of.model_id,
    }, _registered),
    "PATCH model-versions/update": Case(_of_version(description="new"), _registered),
    "POST model-versions/transition-stage": Case(
        _of_version(stage="Staging", archive_existing_versions=True), _registered
    ),
    "DELETE model-versions/delete": Case(_of_version(), _registered),
    "POST model-versions/set-tag": Case(_of_version(key="a", value="b"), _registered),
    "DELETE model-versions/delete-tag": Case(_of_version(key="gone"), _registered),
}  # fmt: skip


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Generator[Engine]:
    quiet_logs()
    with sqlite(tmp_path_factory.mktemp("engine"), StandingClock()) as fresh:
        yield fresh()


@pytest.fixture
def asking(engine: Engine) -> Generator[Asking]:
    yield Asking(engine)
    wiring.install(None)


def _rounds(of: Asking, call: str, fate: str) -> Iterator[httpx.Response]:
    """The answer after no fault, then with one at each request, then where it befell none."""
    case = CASES[call]
    for number in count():
        of.begin(f"round{number}")
        case.before(of)
        of.faults.fate, of.faults.left = fate, number - 1
        path = call.replace("{model_id}", of.model_id).replace("{tag_key+}", "gone")
        answer = of.told(path, case.fields(of))
        was_struck, of.faults.left = of.faults.left < 0, -1
        yield answer
        if number and not was_struck:
            assert number > 1, "the fault befell a request"
            return


@pytest.mark.parametrize("fate", [faults.LOST, faults.REPEATED])
@pytest.mark.parametrize("call", CASES)
def test_a_call_that_the_store_did_not_answer_is_done_once(
    asking: Asking, call: str, fate: str
) -> None:
    expected: str | None = None
    for answer in _rounds(asking, call, fate):
        assert answer.status_code == 200, f"{asking.name}: {answer.text}"
        expected = expected or asking.shown()
        assert asking.shown() == expected, asking.name


@pytest.mark.parametrize("call", CASES)
def test_a_call_that_the_process_died_of_may_come_again(asking: Asking, call: str) -> None:
    expected: str | None = None
    creates = call in mlflow_calls.CREATE
    is_done_once = _MASKED.sub("*", call) in mlflow_calls.DONE_ONCE
    for answer in _rounds(asking, call, faults.DIED_AFTER):
        if creates and answer.status_code != 200:
            said(answer, 400, "RESOURCE_ALREADY_EXISTS")
        elif is_done_once and answer.status_code != 200:
            said(answer, 404, "RESOURCE_DOES_NOT_EXIST")
        else:
            assert answer.status_code == 200, f"{asking.name}: {answer.text}"
        expected = expected or asking.shown()
        assert creates or asking.shown() == expected, asking.name


def test_every_call_that_writes_is_here() -> None:
    described = [
        one
        for area in surface.AREAS
        for one in import_module(f"chalicelib.api.mlflow.{area}").calls.described
    ]
    assert {f"{one.method} {one.path}" for one in described if one.role == Role.WRITE} == {*CASES}
