"""Logged models: made, finished, tagged, measured and deleted, by MLflow's calls."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.context import Role
from chalicelib.domain import logged_models
from tests.api.answers import Json
from tests.api.harness import Service
from tests.api.mlflow.proxied import put
from tests.api.mlflow.tracking import ask, got, logged_model, missing, pairs, refused, said, send

NOBODY = "m-" + "0" * 32


def test_a_model_is_made_with_what_is_told_of_it(service: Service) -> None:
    run = service.run()
    model = logged_model(
        service,
        experiment_id=run["experiment_id"],
        name="tree",
        model_type="sklearn",
        source_run_id=run["run_id"],
        params=pairs(depth="3"),
        tags=pairs(team="a"),
    )
    info, data = model["info"], model["data"]
    model_id = info["model_id"]
    assert model_id.startswith("m-")
    assert info["experiment_id"] == run["experiment_id"]
    assert info["artifact_uri"] == (
        f"mlflow-artifacts:/{run['experiment_id']}/models/{model_id}/artifacts"
    )
    assert (info["name"], info["model_type"], info["source_run_id"]) == (
        "tree", "sklearn", run["run_id"],
    )  # fmt: skip
    assert info["status"] == "LOGGED_MODEL_PENDING"
    assert info["tags"] == pairs(team="a")
    assert data == {"params": pairs(depth="3"), "metrics": []}
    assert got(service, model) == model


def test_a_model_without_a_name_gets_one(service: Service) -> None:
    assert logged_model(service)["info"]["name"]


def test_a_model_is_kept_where_its_experiment_says(service: Service) -> None:
    experiment = ask(
        service, "POST experiments/create", name="elsewhere", artifact_location="s3://b/x?y=z"
    )
    info = logged_model(service, experiment_id=experiment["experiment_id"])["info"]
    assert info["artifact_uri"] == f"s3://b/x/models/{info['model_id']}/artifacts?y=z"


def test_a_model_of_the_default_experiment(service: Service) -> None:
    info = logged_model(service, experiment_id="0")["info"]
    assert info["experiment_id"] == "0"
    assert info["artifact_uri"].startswith("mlflow-artifacts:/0/models/")


@pytest.mark.parametrize("name", ["a/b", "a:b", "a.b", "50%", "a'b", 'a"b'])
def test_some_names_are_refused(laptop: Service, name: str) -> None:
    experiment_id = laptop.experiment()["id"]
    message = refused(laptop, "POST logged-models", experiment_id=experiment_id, name=name)
    assert message.startswith(f"Invalid model name ({name!r}) provided.")


def test_a_model_needs_an_experiment(laptop: Service) -> None:
    refused(laptop, "POST logged-models")
    missing(laptop, "POST logged-models", experiment_id="f" * 32)
    experiment_id = laptop.experiment()["id"]
    ask(laptop, "POST experiments/delete", experiment_id=experiment_id)
    message = refused(laptop, "POST logged-models", experiment_id=experiment_id)
    assert "must be in the 'active' state" in message


@pytest.mark.parametrize(
    "sent, status",
    [
        ("LOGGED_MODEL_READY", "LOGGED_MODEL_READY"),
        ("LOGGED_MODEL_UPLOAD_FAILED", "LOGGED_MODEL_UPLOAD_FAILED"),
        (2, "LOGGED_MODEL_READY"),
        ("3", "LOGGED_MODEL_UPLOAD_FAILED"),
    ],
)
def test_a_model_is_finished(laptop: Service, sent: Any, status: str) -> None:
    model = logged_model(laptop)
    path = f"PATCH logged-models/{model['info']['model_id']}"
    changed = ask(laptop, path, status=sent)["model"]
    assert changed["info"]["status"] == status
    assert got(laptop, model) == changed
    assert ask(laptop, path, status=sent)["model"] == changed  # again: nothing changes


@pytest.mark.parametrize("status", ["READY", 0, 4, "", None, "LOGGED_MODEL_STATUS_UNSPECIFIED"])
def test_other_statuses_are_refused(laptop: Service, status: Any) -> None:
    model_id = logged_model(laptop)["info"]["model_id"]
    message = refused(laptop, f"PATCH logged-models/{model_id}", status=status)
    assert "status.str" not in message
    assert "'status'" in message


def test_tags_are_set_and_deleted(service: Service) -> None:
    model = logged_model(service, tags=pairs(a="1", b="2"))
    path = f"logged-models/{model['info']['model_id']}/tags"
    assert ask(service, f"PATCH {path}", tags=pairs(b="3", c="4")) == {}
    assert got(service, model)["info"]["tags"] == pairs(a="1", b="3", c="4")
    assert ask(service, f"DELETE {path}/a") == {}
    assert got(service, model)["info"]["tags"] == pairs(b="3", c="4")
    assert "No tag with key 'a'" in missing(service, f"DELETE {path}/a")


def test_a_tag_with_a_slash_is_deleted(laptop: Service) -> None:
    model = logged_model(laptop, tags=[{"key": "a/b c", "value": "1"}])
    ask(laptop, f"DELETE logged-models/{model['info']['model_id']}/tags/a/b%20c")
    assert got(laptop, model)["info"]["tags"] == []


def test_params_come_in_batches_and_keep_their_value(service: Service) -> None:
    model = logged_model(service, params=pairs(a="1"))
    path = f"POST logged-models/{model['info']['model_id']}/params"
    assert ask(service, path, params=pairs(a="1", b="2")) == {}
    assert ask(service, path, params=pairs(a="1", b="2")) == {}
    assert got(service, model)["data"]["params"] == pairs(a="1", b="2")
    refused(service, path, params=pairs(b="3"))
    assert got(service, model)["data"]["params"] == pairs(a="1", b="2")


def test_files_of_a_model_are_listed(service: Service) -> None:
    info = logged_model(service)["info"]
    root = info["artifact_uri"].removeprefix("mlflow-artifacts:/")
    for path in ("MLmodel", "data/model.pkl"):
        assert put(service, f"{root}/{path}", b"12345").status_code < 300
    path = f"GET logged-models/{info['model_id']}/artifacts/directories"
    assert ask(service, path) == {
        "root_uri": info["artifact_uri"],
        "files": [
            {"path": "data", "is_dir": True},
            {"path": "MLmodel", "is_dir": False, "file_size": 5},
        ],
    }
    files = ask(service, path, artifact_directory_path="data")["files"]
    assert [one["path"] for one in files] == ["data/model.pkl"]
    assert ask(service, path, artifact_directory_path="none")["files"] == []
    refused(service, path, artifact_directory_path="../x")
    missing(service, f"GET logged-models/{NOBODY}/artifacts/directories")


def test_a_deleted_model_is_gone_but_for_who_asks_for_deleted_ones(service: Service) -> None:
    model = logged_model(service)
    path = f"logged-models/{model['info']['model_id']}"
    assert ask(service, f"DELETE {path}") == {}
    assert ask(service, f"DELETE {path}") == {}
    assert missing(service, f"GET {path}") == (
        f"Logged model with ID '{model['info']['model_id']}' not found."
    )
    assert ask(service, f"GET {path}", allow_deleted="true")["model"]["info"]["name"]
    experiment_id = model["info"]["experiment_id"]
    found = ask(service, "POST logged-models/search", experiment_ids=[experiment_id])
    assert found == {"models": []}


@pytest.mark.parametrize("model_id", [NOBODY, "x", "m-xyz", "%00", "a%2Fb"])
@pytest.mark.parametrize(
    "method, below, body",
    [
        ("GET", "", {}),
        ("PATCH", "", {"status": "LOGGED_MODEL_READY"}),
        ("DELETE", "", {}),
        ("PATCH", "/tags", {"tags": []}),
        ("DELETE", "/tags/a", {}),
        ("POST", "/params", {"params": []}),
    ],
)
def test_what_is_not_there_is_not_found(
    laptop: Service, method: str, below: str, body: Json, model_id: str
) -> None:
    missing(laptop, f"{method} logged-models/{model_id}{below}", **body)


def test_a_model_of_another_tenant_is_not_there(service: Service) -> None:
    model = logged_model(service)
    path = f"logged-models/{model['info']['model_id']}"
    for call, body in (
        (f"GET {path}", {}),
        (f"PATCH {path}", {"status": "LOGGED_MODEL_READY"}),
        (f"DELETE {path}", {}),
        (f"PATCH {path}/tags", {"tags": pairs(a="b")}),
        (f"POST {path}/params", {"params": pairs(a="b")}),
        ("POST logged-models", {"experiment_id": model["info"]["experiment_id"]}),
    ):
        said(send(service.other, call, **body), 404, "RESOURCE_DOES_NOT_EXIST")
    ids = [model["info"]["experiment_id"]]
    assert send(service.other, "POST logged-models/search", experiment_ids=ids).json() == {
        "models": []
    }
    assert got(service, model) == model


def test_who_may_read_may_not_write(laptop: Service) -> None:
    model = logged_model(laptop)
    path = f"logged-models/{model['info']['model_id']}"
    reader = laptop.client(laptop.key(Role.READ))
    assert send(reader, f"GET {path}").status_code == 200
    said(send(reader, f"DELETE {path}"), 403, "PERMISSION_DENIED")


# -- metrics --------------------------------------------------------------------------------------


def point(key: str, value: Any, step: int, model_id: str | None = None, **fields: Any) -> Json:
    told = {"key": key, "value": value, "step": step, "timestamp": 1000 + step, **fields}
    return told if model_id is None else told | {"model_id": model_id}


def test_what_a_run_measures_of_a_model_is_seen_at_both(service: Service) -> None:
    run_id = service.run()["run_id"]
    model = logged_model(service)
    model_id = model["info"]["model_id"]
    on = {"dataset_name": "iris", "dataset_digest": "abc"}
    ask(
        service,
        "POST runs/log-batch",
        run_id=run_id,
        metrics=[point("f1", 0.5, 1, model_id, **on), point("other", 1, 1)],
    )
    ask(service, "POST runs/log-metric", run_id=run_id, **point("f1", "NaN", 2, model_id))
    assert got(service, model)["data"]["metrics"] == [
        {
            "key": "f1", "value": 0.5, "timestamp": 1001, "step": 1,
            "model_id": model_id, "run_id": run_id, **on,
        },
        {
            "key": "f1", "value": "NaN", "timestamp": 1002, "step": 2,
            "model_id": model_id, "run_id": run_id,
        },
    ]  # fmt: skip
    assert service.get_run(run_id)["metrics"].keys() == {"f1", "other"}


def test_a_batch_that_comes_again_adds_nothing_to_a_model(service: Service) -> None:
    run_id = service.run()["run_id"]
    model = logged_model(service)
    metrics = [point("loss", "NaN" if step == 2 else step, step, model["info"]["model_id"])
               for step in range(5)]  # fmt: skip
    for _ in range(3):
        ask(service, "POST runs/log-batch", run_id=run_id, metrics=metrics)
    after = got(service, model)
    assert [one["step"] for one in after["data"]["metrics"]] == list(range(5))


def test_a_metric_of_no_such_model_is_not_found(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    missing(laptop, "POST runs/log-metric", run_id=run_id, **point("f1", 1, 1, NOBODY))
    missing(laptop, "POST runs/log-batch", run_id=run_id, metrics=[point("f1", 1, 1, NOBODY)])
    refused(
        laptop, "POST runs/log-batch", run_id=run_id, metrics=[point("f1", 1, 1) | {"model_id": 7}]
    )


def test_a_model_keeps_the_latest_of_each_metric_and_some_before(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    model = logged_model(laptop)
    model_id = model["info"]["model_id"]
    ask(laptop, "POST runs/log-metric", run_id=run_id, **point("first", 7, 0, model_id))
    steps = range(1, logged_models.MAX_EARLIER + 100)
    metrics = [point("loss", step, step, model_id) for step in steps]
    ask(laptop, "POST runs/log-batch", run_id=run_id, metrics=metrics)
    kept = got(laptop, model)["data"]["metrics"]
    assert [one["step"] for one in kept] == [0, *steps[-logged_models.MAX_EARLIER - 1 :]]


# -- models of runs -------------------------------------------------------------------------------


def test_models_that_a_run_made_are_told_with_it(service: Service) -> None:
    run_id = service.run()["run_id"]
    models = [{"model_id": NOBODY, "step": 3}, {"model_id": "m-" + "1" * 32}]
    for _ in range(2):
        assert ask(service, "POST runs/outputs", run_id=run_id, models=models) == {}
    run = ask(service, "GET runs/get", run_id=run_id)["run"]
    assert run["outputs"] == {
        "model_outputs": [{"model_id": NOBODY, "step": 3}, {"model_id": "m-" + "1" * 32, "step": 0}]
    }
    missing(service, "POST runs/outputs", run_id="f" * 32, models=models)
    refused(service, "POST runs/outputs", run_id=run_id)
