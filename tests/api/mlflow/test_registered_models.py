"""Registered models: names, tags, aliases, renaming, deletion."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from chalicelib.core.context import Role
from tests.api.answers import Json
from tests.api.harness import Service
from tests.api.mlflow.tracking import ask, missing, pairs, refused, registered, said, send, version


def get(service: Service, name: str) -> Json:
    return ask(service, "GET registered-models/get", name=name)["registered_model"]


def test_a_model_is_registered(service: Service) -> None:
    model = registered(service, "m", description="of iris", tags=pairs(team="a"))
    assert model["name"] == "m"
    assert model["description"] == "of iris"
    assert model["tags"] == pairs(team="a")
    assert model["creation_timestamp"] == model["last_updated_timestamp"]
    assert (model["latest_versions"], model["aliases"]) == ([], [])
    assert get(service, "m") == model


def test_a_name_is_taken_once(service: Service) -> None:
    registered(service, "m")
    message = refused(service, "POST registered-models/create", "RESOURCE_ALREADY_EXISTS", name="m")
    assert message == "Registered Model (name=m) already exists."
    prompt = pairs(**{"mlflow.prompt.is_prompt": "true"})
    message = refused(
        service, "POST registered-models/create", "RESOURCE_ALREADY_EXISTS", name="m", tags=prompt
    )
    assert "already taken by a registered model" in message


def test_two_that_want_a_name_at_once_do_not_both_get_it(service: Service) -> None:
    answers: list[int] = []

    def want() -> None:
        answers.append(send(service.write, "POST registered-models/create", name="m").status_code)

    threads = [threading.Thread(target=want) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 400, 400, 400]


@pytest.mark.parametrize("name", ["ü" * 256, "a b.c-d_e%2F", "p#x", "'\"`;", "\U0001f600" * 256])
def test_names_up_to_their_limits(service: Service, name: str) -> None:
    registered(service, name, versions=1)
    assert get(service, name)["latest_versions"][0]["name"] == name


@pytest.mark.parametrize("name", ["", " ", "a/b", "a:b", "x" * 257, ".", "..", "..a", None])
def test_other_names_are_refused(laptop: Service, name: str | None) -> None:
    refused(laptop, "POST registered-models/create", name=name)
    registered(laptop, "m")
    refused(laptop, "POST registered-models/rename", name="m", new_name=name)
    assert get(laptop, "m")


def test_descriptions_and_tags_change(service: Service) -> None:
    registered(service, "m", tags=pairs(a="1", b="2"))
    changed = ask(service, "PATCH registered-models/update", name="m", description="new")
    assert changed["registered_model"]["description"] == "new"
    for _ in range(2):
        ask(service, "POST registered-models/set-tag", name="m", key="c", value="3")
        ask(service, "DELETE registered-models/delete-tag", name="m", key="a")
    model = get(service, "m")
    assert model["tags"] == pairs(b="2", c="3")
    assert model["last_updated_timestamp"] > model["creation_timestamp"]
    assert (
        "description"
        not in ask(service, "PATCH registered-models/update", name="m")["registered_model"]
    )


def test_what_is_changed_at_once_is_all_there(service: Service) -> None:
    registered(service, "m")

    def change(number: int) -> None:
        for step in range(4):
            key = f"{number}.{step}"
            ask(service, "POST registered-models/set-tag", name="m", key=key, value="x")
            version(service, "m", run_link=key)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    model = get(service, "m")
    assert len(model["tags"]) == 16
    assert model["latest_versions"][0]["version"] == "16"


def test_tags_up_to_their_limits(laptop: Service) -> None:
    registered(laptop, "m", tags=[{"key": "k" * 250, "value": "v" * 100_000}])
    for tag in ({"key": "k" * 251}, {"key": ""}, {"key": "k", "value": "v" * 100_001}):
        refused(laptop, "POST registered-models/set-tag", name="m", **tag)
    for number in range(4):
        tag = {"key": f"{number}", "value": "v" * 100_000}
        answer = send(laptop.write, "POST registered-models/set-tag", name="m", **tag)
        if number == 3:
            assert "too large together" in said(answer, 400, "INVALID_PARAMETER_VALUE")
    assert len(get(laptop, "m")["tags"]) == 3


def test_a_model_keeps_all_but_its_name_when_it_is_renamed(service: Service) -> None:
    registered(service, "m", versions=2, tags=pairs(a="1"))
    ask(service, "POST registered-models/alias", name="m", alias="best", version="1")
    renamed = ask(service, "POST registered-models/rename", name="m", new_name="n")
    model = get(service, "n")
    assert renamed["registered_model"] == model
    assert model["aliases"] == [{"alias": "best", "version": "1"}]
    assert model["tags"] == pairs(a="1")
    assert [(one["name"], one["version"]) for one in model["latest_versions"]] == [("n", "2")]
    missing(service, "GET registered-models/get", name="m")
    missing(service, "POST registered-models/rename", name="m", new_name="x")
    assert version(service, "n")["version"] == "3"
    assert registered(service, "m")["tags"] == []  # the name is free again
    refused(
        service, "POST registered-models/rename", "RESOURCE_ALREADY_EXISTS", name="n", new_name="m"
    )
    assert ask(service, "POST registered-models/rename", name="n", new_name="n")
    found = ask(service, "GET registered-models/search")["registered_models"]
    assert [one["name"] for one in found] == ["m", "n"]


def test_a_deleted_model_is_gone_with_its_versions(service: Service) -> None:
    registered(service, "m", versions=3, tags=pairs(a="1"))
    assert ask(service, "DELETE registered-models/delete", name="m") == {}
    missing(service, "DELETE registered-models/delete", name="m")
    missing(service, "GET registered-models/get", name="m")
    missing(service, "GET model-versions/get", name="m", version="1")
    assert ask(service, "GET model-versions/search") == {"model_versions": []}
    assert ask(service, "GET registered-models/search") == {"registered_models": []}
    registered(service, "m")
    missing(service, "GET model-versions/get", name="m", version="1")
    assert version(service, "m")["version"] == "1"
    assert len(ask(service, "GET model-versions/search")["model_versions"]) == 1


# -- aliases --------------------------------------------------------------------------------------


def test_an_alias_leads_to_a_version(service: Service) -> None:
    registered(service, "m", versions=2)
    for number in ("1", "2", "2"):
        ask(service, "POST registered-models/alias", name="m", alias="best", version=number)
        found = ask(service, "GET registered-models/alias", name="m", alias="best")
        assert found["model_version"]["version"] == number
        assert found["model_version"]["aliases"] == ["best"]
    assert (
        ask(service, "GET model-versions/get", name="m", version="1")["model_version"]["aliases"]
        == []
    )
    for _ in range(2):
        ask(service, "DELETE registered-models/alias", name="m", alias="best")
    message = refused(service, "GET registered-models/alias", name="m", alias="best")
    assert message == "Registered model alias best not found."


def test_an_alias_goes_with_its_version(service: Service) -> None:
    registered(service, "m", versions=2)
    for alias, number in (("a", "1"), ("b", "2"), ("c", "1")):
        ask(service, "POST registered-models/alias", name="m", alias=alias, version=number)
    ask(service, "DELETE model-versions/delete", name="m", version="1")
    assert get(service, "m")["aliases"] == [{"alias": "b", "version": "2"}]


def test_latest_is_an_alias_of_every_model(service: Service) -> None:
    registered(service, "m")
    missing(service, "GET registered-models/alias", name="m", alias="latest")
    for _ in range(3):
        version(service, "m")
    ask(service, "POST model-versions/transition-stage", name="m", version="3", stage="Archived")
    found = ask(service, "GET registered-models/alias", name="m", alias="Latest")
    assert found["model_version"]["version"] == "3"


@pytest.mark.parametrize(
    "alias", ["latest", "LATEST", "v1", "V20", "a b", "", "a/b", "x" * 256, None]
)
def test_other_aliases_are_refused(laptop: Service, alias: str | None) -> None:
    registered(laptop, "m", versions=1)
    refused(laptop, "POST registered-models/alias", name="m", alias=alias, version="1")


def test_an_alias_needs_a_version_that_is_there(laptop: Service) -> None:
    registered(laptop, "m", versions=1)
    for number in ("2", "0", "-1", str(10**20)):
        missing(laptop, "POST registered-models/alias", name="m", alias="a", version=number)
    refused(laptop, "POST registered-models/alias", name="m", alias="a", version="x")
    for name in ("x" * 255, "v1x", "_-1", "Ü"):
        ask(laptop, "POST registered-models/alias", name="m", alias=name, version=1)


@pytest.mark.parametrize(
    "call, fields",
    [
        ("GET registered-models/get", {}),
        ("PATCH registered-models/update", {"description": "x"}),
        ("POST registered-models/rename", {"new_name": "x"}),
        ("DELETE registered-models/delete", {}),
        ("POST registered-models/get-latest-versions", {}),
        ("POST registered-models/set-tag", {"key": "a", "value": "b"}),
        ("DELETE registered-models/delete-tag", {"key": "a"}),
        ("POST registered-models/alias", {"alias": "a", "version": "1"}),
        ("GET registered-models/alias", {"alias": "a"}),
        ("DELETE registered-models/alias", {"alias": "a"}),
        ("POST model-versions/create", {"source": "s3://b/k"}),
        ("GET model-versions/get", {"version": "1"}),
        ("GET model-versions/get-download-uri", {"version": "1"}),
        ("PATCH model-versions/update", {"version": "1", "description": "x"}),
        ("POST model-versions/transition-stage", {"version": "1", "stage": "Staging"}),
        ("DELETE model-versions/delete", {"version": "1"}),
        ("POST model-versions/set-tag", {"version": "1", "key": "a", "value": "b"}),
        ("DELETE model-versions/delete-tag", {"version": "1", "key": "a"}),
    ],
)
def test_a_model_of_another_tenant_is_not_there(
    laptop: Service, call: str, fields: dict[str, Any]
) -> None:
    registered(laptop, "m", versions=1)
    before = get(laptop, "m")
    said(send(laptop.other, call, name="m", **fields), 404, "RESOURCE_DOES_NOT_EXIST")
    assert get(laptop, "m") == before
    missing(laptop, call, **({"name": "nobody"} | fields))
    if not call.startswith("GET") and "latest" not in call:
        reader = laptop.client(laptop.key(Role.READ))
        said(send(reader, call, name="m", **fields), 403, "PERMISSION_DENIED")


def test_two_tenants_may_have_a_name(service: Service) -> None:
    registered(service, "m", tags=pairs(of="mine"))
    other = send(service.other, "POST registered-models/create", name="m")
    assert other.status_code == 200
    for client, tags in ((service.write, pairs(of="mine")), (service.other, [])):
        (one,) = send(client, "GET registered-models/search").json()["registered_models"]
        assert one["tags"] == tags
