"""Whatever a client sends, it is told what is wrong: a 500 would be sent again, seven times."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final
from urllib.parse import quote

import pytest

from chalicelib.api.mlflow.calls import Described
from chalicelib.api.mlflow.surface import AREAS
from tests.api.answers import Json
from tests.api.harness import Service
from tests.api.mlflow.tracking import TRACKING, logged_model, registered

CALLS: Final[list[Described]] = [
    one for area in AREAS for one in import_module(f"chalicelib.api.mlflow.{area}").calls.described
]
JUNK: Final[list[Any]] = [
    None, "", "x", "\0", "é" * 300, "9" * 5000, "name = 'm'", "models:/m/1", 0, -1, 1.5, 10**30,
    True, [], {}, [None], ["x"], [{}], [[]], [{"key": None}], [{"key": "a", "value": 1}], {"a": 1},
]  # fmt: skip
BODIES: Final = (b"", b"[]", b"nonsense", b'"x"', b"null", b"1", b'{"a":', b'{"run_id":"\xff"}')


def named(call: Described) -> str:
    return f"{call.method} {call.path}"


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS, ids=named)
def test_no_field_of_a_call_can_make_it_fail(laptop: Service, call: Described) -> None:
    run = laptop.run()
    experiment_id, run_id = run["experiment_id"], run["run_id"]
    model_id = logged_model(laptop, experiment_id=experiment_id)["info"]["model_id"]
    registered(laptop, "m", versions=2)
    good: Json = {
        "experiment_id": experiment_id, "experiment_ids": [experiment_id], "run_id": run_id,
        "model_id": model_id, "name": "m", "version": "1", "key": "k", "value": 1, "timestamp": 1,
        "alias": "a", "stage": "Staging", "source": "s3://b/k", "new_name": "n", "status": 2,
        "metric_key": "k", "models": [], "model_json": "{}", "experiment_name": "x",
    }  # fmt: skip
    fields = call.asked.model_fields.keys()
    usual = {name: value for name, value in good.items() if name in fields}
    for known in (model_id, "x"):
        path = call.path.replace("{model_id}", known).replace("{tag_key+}", "a/b")
        for field in [*fields, "unknown"]:
            for junk in JUNK:
                _not_failed(laptop, call.method, path, usual | {field: junk})
    for body in BODIES:
        answer = laptop.write.request(call.method, f"{TRACKING}/{path}", content=body)
        assert answer.status_code < 500, body


def _not_failed(laptop: Service, method: str, path: str, fields: Json) -> None:
    url = f"{TRACKING}/{path}"
    if method == "GET":
        texts = {name: quote(str(value)) for name, value in fields.items()}
        url = f"{url}?{'&'.join(f'{name}={text}' for name, text in texts.items())}"
        answer = laptop.write.get(url)
    else:
        answer = laptop.write.request(method, url, json=fields)
    assert answer.status_code < 500, (fields, answer.text)
    if answer.status_code != 200:
        assert answer.json().keys() == {"error_code", "message"}
