"""Versions of registered models: numbers, sources, stages, deletion."""

from __future__ import annotations

import json
import threading

import pytest

from tests.api.answers import Json
from tests.api.harness import Service
from tests.api.mlflow.tracking import (
    ask,
    got,
    logged_model,
    missing,
    pairs,
    refused,
    registered,
    send,
    version,
)

NOBODY = "m-" + "0" * 32


def get(service: Service, name: str, number: int | str) -> Json:
    return ask(service, "GET model-versions/get", name=name, version=number)["model_version"]


def location(service: Service, name: str, number: int | str) -> str:
    call = "GET model-versions/get-download-uri"
    return ask(service, call, name=name, version=number)["artifact_uri"]


def latest(service: Service, name: str, *stages: str) -> dict[str, str]:
    fields = {"stages": list(stages)} if stages else {}
    found = ask(service, "POST registered-models/get-latest-versions", name=name, **fields)
    return {one["current_stage"]: one["version"] for one in found["model_versions"]}


def test_versions_count_from_one(service: Service) -> None:
    registered(service, "m")
    first = version(
        service, "m", source="s3://b/k", run_link="https://ci/1", description="d", tags=pairs(a="1")
    )
    assert first["version"] == "1"
    assert first["current_stage"] == "None"
    assert first["status"] == "READY"
    assert first["source"] == "s3://b/k"
    assert (first["run_link"], first["description"]) == ("https://ci/1", "d")
    assert first["tags"] == pairs(a="1")
    assert get(service, "m", 1) == first
    second = version(service, "m")
    assert (second["version"], second["description"]) == ("2", "")
    assert location(service, "m", 1) == "s3://b/k"


def test_two_writers_at_once_get_numbers_of_their_own(service: Service) -> None:
    registered(service, "m")
    numbers: list[str] = []

    def write(who: int) -> None:
        numbers.extend(version(service, "m", run_link=f"{who}")["version"] for _ in range(5))

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, numbers)) == list(range(1, 21))


def test_the_number_of_a_deleted_version_is_not_given_again(service: Service) -> None:
    registered(service, "m", versions=2)
    ask(service, "DELETE model-versions/delete", name="m", version="2")
    missing(service, "DELETE model-versions/delete", name="m", version="2")
    assert missing(service, "GET model-versions/get", name="m", version="2") == (
        "Model Version (name=m, version=2) not found"
    )
    assert version(service, "m")["version"] == "3"
    found = ask(service, "GET model-versions/search")["model_versions"]
    assert sorted(one["version"] for one in found) == ["1", "3"]


def test_descriptions_and_tags_change(service: Service) -> None:
    registered(service, "m", versions=2)
    changed = ask(service, "PATCH model-versions/update", name="m", version="1", description="new")
    assert changed["model_version"]["description"] == "new"
    for _ in range(2):
        ask(service, "POST model-versions/set-tag", name="m", version="1", key="a", value="1")
        ask(service, "POST model-versions/set-tag", name="m", version=1, key="b", value="2")
        ask(service, "DELETE model-versions/delete-tag", name="m", version="1", key="a")
    assert get(service, "m", 1)["tags"] == pairs(b="2")
    assert get(service, "m", 2)["tags"] == []


def test_stages(service: Service) -> None:
    registered(service, "m", versions=4)
    call = "POST model-versions/transition-stage"
    moved = ask(service, call, name="m", version="1", stage="production")["model_version"]
    assert moved["current_stage"] == "Production"
    ask(service, call, name="m", version="2", stage="Production")
    ask(service, call, name="m", version="3", stage="STAGING")
    assert latest(service, "m") == {"Production": "2", "Staging": "3", "None": "4"}
    assert latest(service, "m", "production", "Archived") == {"Production": "2"}
    ask(service, call, name="m", version="4", stage="Production", archive_existing_versions=True)
    assert latest(service, "m") == {"Archived": "2", "Staging": "3", "Production": "4"}
    assert get(service, "m", 1)["current_stage"] == "Archived"
    ask(service, call, name="m", version="4", stage="Production", archive_existing_versions=True)
    assert get(service, "m", 4)["current_stage"] == "Production"


@pytest.mark.slow
def test_more_versions_than_a_transaction_takes_are_archived(laptop: Service) -> None:
    registered(laptop, "m", versions=205)
    call = "POST model-versions/transition-stage"
    for number in range(1, 206):
        ask(laptop, call, name="m", version=str(number), stage="Staging")
    ask(laptop, call, name="m", version="7", stage="Staging", archive_existing_versions=True)
    assert latest(laptop, "m") == {"Archived": "205", "Staging": "7"}
    ask(laptop, "DELETE registered-models/delete", name="m")
    assert ask(laptop, "GET model-versions/search") == {"model_versions": []}


def test_other_stages_are_refused(laptop: Service) -> None:
    registered(laptop, "m", versions=1)
    call = "POST model-versions/transition-stage"
    message = refused(laptop, call, name="m", version="1", stage="best")
    assert message == (
        "Invalid Model Version stage: best. Value must be one of "
        "None, Staging, Production, Archived."
    )
    archive: Json = {"stage": "None", "archive_existing_versions": True}
    assert "not an Active stage" in refused(laptop, call, name="m", version="1", **archive)
    refused(laptop, "POST registered-models/get-latest-versions", name="m", stages=["best"])


@pytest.mark.parametrize("number", ["x", "1.5", "", "9" * 5000])
def test_a_version_is_an_integer(laptop: Service, number: str) -> None:
    registered(laptop, "m", versions=1)
    refused(laptop, "GET model-versions/get", name="m", version=number)


@pytest.mark.parametrize("number", ["0", "-1", "2", str(2**31), str(10**30)])
def test_a_version_that_is_not_there(laptop: Service, number: str) -> None:
    registered(laptop, "m", versions=1)
    missing(laptop, "GET model-versions/get", name="m", version=number)


# -- sources --------------------------------------------------------------------------------------


def test_a_version_of_a_logged_model_leads_to_its_files(service: Service) -> None:
    run = service.run()
    model = logged_model(
        service, experiment_id=run["experiment_id"], source_run_id=run["run_id"], name="tree"
    )
    model_id, uri = model["info"]["model_id"], model["info"]["artifact_uri"]
    registered(service, "m")
    for source in (f"models:/{model_id}", uri, f"{uri}/sub"):
        one = version(service, "m", source=source, model_id=model_id)
        assert one["source"] == source
        assert one["run_id"] == run["run_id"]
        assert one["model_id"] == model_id
        leads_to = uri if source.startswith("models:") else source
        assert location(service, "m", one["version"]) == leads_to
    (noted,) = (tag for tag in got(service, model)["info"]["tags"])
    assert noted["key"] == "mlflow.modelVersions"
    assert json.loads(noted["value"]) == [{"name": "m", "version": n} for n in (1, 2, 3)]


def test_a_version_of_a_run_leads_to_its_files(service: Service) -> None:
    run = service.run()
    root = ask(service, "GET runs/get", run_id=run["run_id"])["run"]["info"]["artifact_uri"]
    registered(service, "m")
    for source in (f"{root}/model", f"runs:/{run['run_id']}/model"):
        one = version(service, "m", source=source, run_id=run["run_id"])
        assert (one["source"], one["run_id"]) == (source, run["run_id"])


def test_a_version_of_a_version_leads_where_that_does(service: Service) -> None:
    registered(service, "a")
    version(service, "a", source="s3://b/k", run_id="somebody's")
    ask(service, "POST registered-models/alias", name="a", alias="best", version="1")
    registered(service, "b")
    for source in ("models:/a/1", "models:/a@best", "models:/a/latest"):
        one = version(service, "b", source=source)
        assert (one["source"], one["run_id"]) == ("models:/a/1", "somebody's")
        assert location(service, "b", one["version"]) == "s3://b/k"
    refused(service, "POST model-versions/create", name="b", source="models:/a/1", run_id="other")
    refused(service, "POST model-versions/create", name="b", source="models:/a@worst")
    for source in ("models:/a/2", "models:/c/1", "models:/c@best"):
        missing(service, "POST model-versions/create", name="b", source=source)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "/etc/passwd",
        "relative/path",
        "file:///etc/passwd",
        "s3://bucket/../other",
        "s3://bucket/%2e%2e/other",
        "s3://bucket/%252e%252e/other",
        "https://host/a%00b",
        "http://[",
        "mlflow-artifacts:/0/models/m-x/artifacts",
        "mlflow-artifacts://host/0/x/artifacts",
        "https://host/api/2.0/mlflow-artifacts/artifacts/0/x",
        f"models:/{NOBODY}",
        "models:/",
        "models:/m/x/y",
        f"runs:/{'f' * 32}/m",
        "x" * 1001,
    ],
)
def test_other_sources_are_refused(laptop: Service, source: str) -> None:
    registered(laptop, "m")
    refused(laptop, "POST model-versions/create", name="m", source=source)
    assert ask(laptop, "GET model-versions/search") == {"model_versions": []}


def test_a_file_is_told_by_its_path(laptop: Service) -> None:
    registered(laptop, "m")
    asked = {"name": "m", "source": "file:///a%20b", "run_id": laptop.run()["run_id"]}
    told = refused(laptop, "POST model-versions/create", **asked)
    assert told.startswith("Invalid model version source: '/a b'. To use a local path")


def test_a_source_must_be_of_what_is_named(laptop: Service) -> None:
    run, other = laptop.run(), laptop.run()
    model = logged_model(laptop, experiment_id=run["experiment_id"])["info"]
    registered(laptop, "m")
    root = ask(laptop, "GET runs/get", run_id=run["run_id"])["run"]["info"]["artifact_uri"]
    for source, named in (
        (root, {"run_id": other["run_id"]}),
        (root, {"run_id": "nobody"}),
        (root, {"model_id": model["model_id"]}),
        (f"{root}-2", {"run_id": run["run_id"]}),
        (model["artifact_uri"], {"run_id": run["run_id"]}),
        (f"models:/{model['model_id']}", {"run_id": run["run_id"]}),
        (f"runs:/{run['run_id']}/m", {"run_id": other["run_id"]}),
        (f"runs:/{run['run_id']}/m", {"model_id": model["model_id"]}),
    ):
        refused(laptop, "POST model-versions/create", name="m", source=source, **named)
    missing(laptop, "POST model-versions/create", name="m", source="s3://b/k", model_id=NOBODY)


def test_a_prompt_is_a_model_of_its_own_kind(service: Service) -> None:
    prompt = pairs(**{"mlflow.prompt.is_prompt": "true"})
    registered(service, "p", tags=prompt)
    registered(service, "m", versions=1)
    text = pairs(**{"mlflow.prompt.is_prompt": "true", "mlflow.prompt.text": "x" * 100_000})
    one = version(service, "p", source="prompt-template", tags=text)
    assert one["source"] == "prompt-template"

    def names(what: str, text: str = "") -> list[str]:
        found = ask(service, f"GET {what}/search", filter=text)
        return [one["name"] for one in found[what.replace("-", "_")]]

    for what in ("registered-models", "model-versions"):
        assert names(what) == ["m"]
        assert names(what, "tags.`mlflow.prompt.is_prompt` = 'true'") == ["p"]
        for text in ("!= 'true'", "= 'false'"):
            assert names(what, f"tags.`mlflow.prompt.is_prompt` {text}") == ["m"]


def test_nobody_else_finds_a_version(service: Service) -> None:
    registered(service, "m", versions=1)
    assert send(service.other, "GET model-versions/search").json() == {"model_versions": []}
