"""What a run read: datasets and models, and the list of models that clients keep in a tag."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from chalicelib.domain import run_inputs
from tests.api.answers import Json
from tests.api.harness import Service
from tests.api.mlflow.tracking import DATASET, ask, missing, pairs, refused, said, send

TRAIN = [{"key": "mlflow.data.context", "value": "train"}]
MODEL = "m-" + "0" * 32


def log(service: Service, run_id: str, *datasets: Json, **fields: Any) -> None:
    inputs = [{"dataset": DATASET | one, "tags": TRAIN} for one in datasets]
    assert ask(service, "POST runs/log-inputs", run_id=run_id, datasets=inputs, **fields) == {}


def inputs_of(service: Service, run_id: str) -> Json:
    return ask(service, "GET runs/get", run_id=run_id)["run"]["inputs"]


def test_a_run_without_inputs_has_none(service: Service) -> None:
    run_id = service.run()["run_id"]
    assert inputs_of(service, run_id) == {"dataset_inputs": [], "model_inputs": []}


def test_inputs_are_told_with_their_run(service: Service) -> None:
    run_id = service.run()["run_id"]
    for _ in range(2):
        log(service, run_id, {}, {"name": "b", "profile": None}, models=[{"model_id": MODEL}])
    without = {key: value for key, value in DATASET.items() if key != "profile"}
    expected = {
        "dataset_inputs": [
            {"dataset": DATASET, "tags": TRAIN},
            {"dataset": without | {"name": "b"}, "tags": TRAIN},
        ],
        "model_inputs": [{"model_id": MODEL}],
    }
    assert inputs_of(service, run_id) == expected
    experiment_id = service.get_run(run_id)["experiment_id"]
    (found,) = ask(service, "POST runs/search", experiment_ids=[experiment_id])["runs"]
    assert found["inputs"] == expected


def test_the_first_description_and_use_of_a_dataset_stay(service: Service) -> None:
    run_id = service.run()["run_id"]
    log(service, run_id, {})
    again = {"dataset": DATASET | {"source": "other"}, "tags": pairs(x="y")}
    ask(service, "POST runs/log-inputs", run_id=run_id, datasets=[again])
    assert inputs_of(service, run_id)["dataset_inputs"] == [{"dataset": DATASET, "tags": TRAIN}]
    other = service.run()["run_id"]
    ask(service, "POST runs/log-inputs", run_id=other, datasets=[again])
    assert inputs_of(service, other)["dataset_inputs"] == [
        {"dataset": DATASET, "tags": pairs(x="y")}
    ]


def test_equal_names_in_another_experiment_are_another_dataset(service: Service) -> None:
    one, other = (service.run(service.experiment(name)["id"])["run_id"] for name in "ab")
    log(service, one, {})
    log(service, other, {"source": "other"})
    assert inputs_of(service, one)["dataset_inputs"][0]["dataset"]["source"] == "{}"
    assert inputs_of(service, other)["dataset_inputs"][0]["dataset"]["source"] == "other"


def test_a_description_may_be_larger_than_an_item(service: Service) -> None:
    run_id = service.run()["run_id"]
    letters = random.Random(1).choices("0123456789abcdef", k=1_900_000)
    log(service, run_id, {"profile": "".join(letters)}, {"name": "small"})
    first, second = inputs_of(service, run_id)["dataset_inputs"]
    assert first["dataset"]["profile"] == "".join(letters)
    assert second["dataset"]["name"] == "small"


def test_datasets_can_be_searched_for(service: Service) -> None:
    run = service.run()
    log(service, run["run_id"], {})
    service.run(run["experiment_id"])

    def count(text: str) -> int:
        ids = [run["experiment_id"]]
        return len(ask(service, "POST runs/search", experiment_ids=ids, filter=text)["runs"])

    assert count("") == 2
    for text in (
        "dataset.name = 'iris'",
        "datasets.digest LIKE '5a%'",
        "dataset.context = 'train'",
    ):
        assert count(text) == 1, text
    for text in ("dataset.name = 'x'", "dataset.context = 'eval'"):
        assert count(text) == 0, text


def test_inputs_stay_when_the_run_is_logged_to_and_grows(service: Service) -> None:
    run_id = service.run()["run_id"]
    log(service, run_id, {})
    for start in (0, 50):
        tags = [{"key": f"tag {n}", "value": "x" * 500} for n in range(start, start + 50)]
        ask(service, "POST runs/log-batch", run_id=run_id, tags=tags)
    log(service, run_id, {"name": "late"})
    names = [one["dataset"]["name"] for one in inputs_of(service, run_id)["dataset_inputs"]]
    assert names == ["iris", "late"]


@pytest.mark.parametrize(
    "dataset",
    [
        {"name": ""},
        {"name": "x" * 501},
        {"digest": ""},
        {"digest": "x" * 37},
        {"source": "x" * 65_536},
        {"schema": "x" * 1_048_576},
        {"name": None},
    ],
)
def test_what_is_too_long_or_lacking_is_refused(laptop: Service, dataset: Json) -> None:
    run_id = laptop.run()["run_id"]
    inputs = [{"dataset": DATASET | dataset}]
    told = refused(laptop, "POST runs/log-inputs", run_id=run_id, datasets=inputs)
    ((field, value),) = dataset.items()
    assert not value or told.startswith(f"'{field}' exceeds the maximum length of {len(value) - 1}")
    assert inputs_of(laptop, run_id)["dataset_inputs"] == []


def test_a_run_has_room_for_so_many(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    long = [{"name": f"{n} " + "x" * 480} for n in range(run_inputs.MAX_BYTES // 600)]
    log(laptop, run_id, *long)
    inputs = [{"dataset": DATASET | {"name": f"other {one['name']}"}} for one in long]
    refused(laptop, "POST runs/log-inputs", run_id=run_id, datasets=inputs)


def test_a_run_must_be_there_and_active(service: Service) -> None:
    missing(service, "POST runs/log-inputs", run_id="f" * 32)
    run_id = service.run()["run_id"]
    call: Json = {"run_id": run_id, "datasets": [{"dataset": DATASET}]}
    said(send(service.other, "POST runs/log-inputs", **call), 404, "RESOURCE_DOES_NOT_EXIST")
    ask(service, "POST runs/delete", run_id=run_id)
    refused(service, "POST runs/log-inputs", **call)
    refused(service, "POST runs/outputs", run_id=run_id, models=[{"model_id": MODEL}])


# -- the tag --------------------------------------------------------------------------------------

TAG = "mlflow.log-model.history"


def model(run_id: str, path: str) -> Json:
    return {"artifact_path": path, "flavors": {}, "utc_time_created": "now", "run_id": run_id}


def history(service: Service, run_id: str) -> list[Json]:
    return json.loads(service.get_run(run_id)["tags"][TAG])


def test_models_are_listed_in_a_tag_once_each(service: Service) -> None:
    run_id = service.run()["run_id"]
    models = [model(run_id, path) for path in "abb"]
    for one in models:
        assert ask(service, "POST runs/log-model", run_id=run_id, model_json=json.dumps(one)) == {}
    assert history(service, run_id) == models[:2]


def test_the_list_begins_anew_where_the_tag_is_no_list(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    for text in ("nonsense", "7"):
        ask(laptop, "POST runs/set-tag", run_id=run_id, key=TAG, value=text)
        one = model(run_id, "a")
        ask(laptop, "POST runs/log-model", run_id=run_id, model_json=json.dumps(one))
        assert history(laptop, run_id) == [one]


def test_the_list_keeps_the_newest(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    for path in ("a", "b", "c"):
        one = model(run_id, path) | {"signature": path * 40_000}
        ask(laptop, "POST runs/log-model", run_id=run_id, model_json=json.dumps(one))
    assert [one["artifact_path"] for one in history(laptop, run_id)] == ["b", "c"]


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "{}", '{"run_id": "x"}'])
def test_what_is_no_model_is_refused(laptop: Service, text: str) -> None:
    run_id = laptop.run()["run_id"]
    refused(laptop, "POST runs/log-model", run_id=run_id, model_json=text)
    missing(laptop, "POST runs/log-model", run_id="f" * 32, model_json=json.dumps(model("x", "a")))
