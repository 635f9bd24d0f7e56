"""Searching logged models in MLflow's filter language."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.answers import Json
from tests.api.harness import Service
from tests.api.mlflow.test_logged_models import point
from tests.api.mlflow.tracking import ask, logged_model, pairs, refused


@pytest.fixture
def three(service: Service) -> list[Json]:
    """Models a, b and c of one experiment, and a run that measured the first two."""
    run = service.run()
    experiment_id = run["experiment_id"]
    models = [
        logged_model(service, experiment_id=experiment_id, name=name, params=pairs(depth=depth),
                     tags=pairs(team="x") if name == "b" else [], source_run_id=run["run_id"])
        for name, depth in (("a", "1"), ("b", "2"), ("c", "10"))
    ]  # fmt: skip
    a, b, _ = (model["info"]["model_id"] for model in models)
    on = {"dataset_name": "iris", "dataset_digest": "abc"}
    ask(service, "POST runs/log-batch", run_id=run["run_id"], metrics=[
        point("f1", 0.9, 1, a, **on), point("f1", 0.2, 2, a),
        point("f1", 0.5, 1, b, dataset_name="iris", dataset_digest="other"),
    ])  # fmt: skip
    ask(service, f"PATCH logged-models/{b}", status="LOGGED_MODEL_READY")
    return models


def names(service: Service, models: list[Json], **query: Any) -> str:
    ids = [models[0]["info"]["experiment_id"]]
    found = ask(service, "POST logged-models/search", experiment_ids=ids, **query)
    return "".join(one["info"]["name"] for one in found["models"])


def test_the_default_experiment_is_filtered_for_as_it_is_told(service: Service) -> None:
    model = logged_model(service, experiment_id="0", name="of the default one")
    assert names(service, [model], filter="experiment_id = '0'") == "of the default one"
    assert names(service, [model], filter="experiment_id != '0'") == ""


def test_filters(service: Service, three: list[Json]) -> None:
    run_id = three[0]["info"]["source_run_id"]
    model_id = three[2]["info"]["model_id"]
    for text, expected in {
        "": "cba",
        "name = 'a'": "a",
        "name LIKE '_' AND name != 'b'": "ca",
        "attributes.name IN ('a', 'c')": "ca",
        "params.depth = '10'": "c",
        "tags.team = 'x'": "b",
        "tags.team IS NULL": "ca",
        "metrics.f1 > 0.6": "a",
        "metrics.f1 > 0.4": "ba",
        "metrics.f1 < 0.3 AND params.depth = '1'": "a",
        "metrics.nothing > 0": "",
        "status = 'READY'": "b",
        f"source_run_id = '{run_id}'": "cba",
        f"model_id = '{model_id}'": "c",
        "model_type = 'x'": "",
        "creation_timestamp > 0": "cba",
        "creation_timestamp_ms < 5": "",
    }.items():
        assert names(service, three, filter=text) == expected, text


def test_metrics_may_be_meant_on_a_dataset(service: Service, three: list[Json]) -> None:
    iris, abc = {"dataset_name": "iris"}, {"dataset_name": "iris", "dataset_digest": "abc"}
    for datasets, text, expected in (
        ([iris], "", "ba"),
        ([abc], "", "a"),
        ([{"dataset_name": "none"}, abc], "", "a"),
        ([iris], "metrics.f1 < 0.3", ""),
        ([iris], "metrics.f1 > 0.4", "ba"),
        ([abc], "metrics.f1 > 0.4", "a"),
    ):
        assert names(service, three, datasets=datasets, filter=text) == expected
    refused(service, "POST logged-models/search", experiment_ids=["0"], datasets=[{}])


def test_orders(service: Service, three: list[Json]) -> None:
    for order, expected in (
        ({"field_name": "name"}, "abc"),
        ({"field_name": "name", "ascending": False}, "cba"),
        ({"field_name": "metrics.f1"}, "abc"),  # by the latest value; without one last
        ({"field_name": "metrics.f1", "ascending": False}, "bac"),
        ({"field_name": "metrics.f1", "ascending": False, "dataset_name": "iris"}, "abc"),
        ({"field_name": "metrics.f1", "dataset_name": "iris", "dataset_digest": "other"}, "bca"),
        ({"field_name": "creation_time"}, "abc"),
        ({"field_name": "status", "ascending": False}, "bca"),
    ):
        assert names(service, three, order_by=[order]) == expected, order


@pytest.mark.parametrize("name", ["foo", "params.depth", "metrics.", "metrics", "name; DROP"])
def test_other_orders_are_refused(laptop: Service, name: str) -> None:
    refused(
        laptop, "POST logged-models/search", experiment_ids=["0"], order_by=[{"field_name": name}]
    )


@pytest.mark.parametrize("text", ["foo = '1'", "name", "name > 'a'", "zoo.x = '1'", "a OR b"])
def test_other_filters_are_refused(laptop: Service, text: str) -> None:
    refused(laptop, "POST logged-models/search", experiment_ids=["0"], filter=text)


def test_pages(service: Service, three: list[Json]) -> None:
    query: Json = {"experiment_ids": [three[0]["info"]["experiment_id"]], "max_results": 2}
    first = ask(service, "POST logged-models/search", **query)
    token = first["next_page_token"]
    second = ask(service, "POST logged-models/search", **query, page_token=token)
    assert "next_page_token" not in second
    found = first["models"] + second["models"]
    assert [one["info"]["name"] for one in found] == ["c", "b", "a"]
    refused(service, "POST logged-models/search", **query, filter="name = 'a'", page_token=token)


def test_several_experiments_and_one_that_is_not_there(service: Service) -> None:
    ids = [logged_model(service)["info"]["experiment_id"] for _ in range(2)]
    found = ask(service, "POST logged-models/search", experiment_ids=[*ids, "0", "nobody", ids[0]])
    assert [one["info"]["experiment_id"] for one in found["models"]] == ids[::-1]
