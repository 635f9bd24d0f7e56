"""Searching the registry in MLflow's filter language."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.answers import Json
from tests.api.harness import Service
from tests.api.mlflow.tracking import ask, pairs, refused, registered, version


@pytest.fixture
def shop(service: Service) -> Service:
    """Models apple, pear and plum with 1, 2 and 0 versions."""
    registered(service, "pear", versions=1)
    registered(service, "apple", tags=pairs(team="a"))
    registered(service, "plum", tags=pairs(team="b"))
    version(service, "apple", source="s3://b/1", run_id="r1", tags=pairs(team="a"))
    version(service, "pear", source="s3://b/2", run_id="r2")
    ask(service, "POST model-versions/transition-stage", name="pear", version="1", stage="Staging")
    return service


def models(service: Service, **query: Any) -> list[str]:
    found = ask(service, "GET registered-models/search", **query)["registered_models"]
    return [one["name"] for one in found]


def versions(service: Service, **query: Any) -> list[str]:
    found = ask(service, "GET model-versions/search", **query)["model_versions"]
    return [one["name"] + one["version"] for one in found]


def test_filters_of_models(shop: Service) -> None:
    for text, expected in {
        "": ["apple", "pear", "plum"],
        "name = 'pear'": ["pear"],
        "attribute.name != 'pear'": ["apple", "plum"],
        "name LIKE 'p%'": ["pear", "plum"],
        "name ILIKE 'P%' and tags.team = 'b'": ["plum"],
        "tag.team LIKE '%'": ["apple", "plum"],
        "tags.team != 'a'": ["plum"],
        "name IN ('apple', 'fig')": ["apple"],
        "name NOT IN ('apple', 'fig')": ["pear", "plum"],
    }.items():
        assert models(shop, filter=text) == expected, text


def test_filters_of_versions(shop: Service) -> None:
    for text, expected in {
        "name = 'pear'": ["pear1", "pear2"],
        "run_id = 'r1'": ["apple1"],
        "run_id IN ('r1', 'r2')": ["apple1", "pear2"],
        "version_number > 1": ["pear2"],
        "version_number > '1'": ["pear2"],
        "version_number = \"1\" AND run_id = 'r1'": ["apple1"],
        "version_number = 1 AND name LIKE 'p%'": ["pear1"],
        "source_path = 's3://b/2'": ["pear2"],
        "source_path ILIKE 'S3://B/%'": ["apple1", "pear2"],
        "tags.team = 'a'": ["apple1"],
    }.items():
        assert versions(shop, filter=text, order_by=["name", "version_number"]) == expected, text


def test_a_model_is_found_with_its_latest_versions(shop: Service) -> None:
    found = ask(shop, "GET registered-models/search", filter="name = 'pear'")
    (pear,) = found["registered_models"]
    assert pear == ask(shop, "GET registered-models/get", name="pear")["registered_model"]
    told = {one["current_stage"]: one["version"] for one in pear["latest_versions"]}
    assert told == {"Staging": "1", "None": "2"}


def test_orders(shop: Service) -> None:
    assert models(shop, order_by=["name DESC"]) == ["plum", "pear", "apple"]
    assert models(shop, order_by=["creation_timestamp"]) == ["pear", "apple", "plum"]
    assert models(shop, order_by=["last_updated_timestamp DESC"]) == ["pear", "apple", "plum"]
    assert models(shop, order_by=["timestamp ASC"]) == ["plum", "apple", "pear"]
    assert versions(shop) == ["pear1", "pear2", "apple1"]  # the last that changed first
    assert versions(shop, order_by=["name ASC"]) == ["apple1", "pear2", "pear1"]
    assert versions(shop, order_by=["name DESC", "version_number"]) == ["pear1", "pear2", "apple1"]
    assert versions(shop, order_by=["creation_timestamp"]) == ["pear1", "apple1", "pear2"]


def test_what_changes_is_found_as_it_is_now(shop: Service) -> None:
    assert models(shop) == ["apple", "pear", "plum"]
    ask(shop, "POST registered-models/rename", name="pear", new_name="fig")
    ask(shop, "DELETE registered-models/delete", name="plum")
    ask(shop, "DELETE model-versions/delete", name="fig", version="2")
    ask(shop, "POST model-versions/set-tag", name="fig", version="1", key="a", value="b")
    assert models(shop) == ["apple", "fig"]
    assert versions(shop, filter="tags.a = 'b'") == ["fig1"]
    assert versions(shop, order_by=["name"]) == ["apple1", "fig1"]


def test_a_tag_or_an_alias_is_no_change(shop: Service) -> None:
    before = models(shop, order_by=["timestamp"]), versions(shop)
    ask(shop, "POST registered-models/set-tag", name="apple", key="a", value="b")
    ask(shop, "POST registered-models/alias", name="apple", alias="best", version="1")
    ask(shop, "POST model-versions/set-tag", name="apple", version="1", key="a", value="b")
    ask(shop, "DELETE model-versions/delete-tag", name="apple", version="1", key="team")
    assert (models(shop, order_by=["timestamp"]), versions(shop)) == before
    ask(shop, "PATCH registered-models/update", name="plum", description="new")
    ask(shop, "PATCH model-versions/update", name="apple", version="1", description="new")
    assert models(shop, order_by=["timestamp"])[-1] == "plum"
    assert versions(shop)[0] == "apple1"


@pytest.mark.parametrize("what", ["registered-models", "model-versions"])
def test_pages(shop: Service, what: str) -> None:
    name = what.replace("-", "_")
    found: list[Json] = []
    query: Json = {"order_by": ["name", "last_updated_timestamp"], "max_results": 1}
    while True:
        page = ask(shop, f"GET {what}/search", **query)
        found += page[name]
        assert len(page[name]) == 1
        if "next_page_token" not in page:
            break
        query["page_token"] = page["next_page_token"]
    whole = ask(shop, f"GET {what}/search", order_by=query["order_by"])[name]
    assert found == whole
    assert len(whole) == 3
    query["filter"] = "name = 'pear'"
    refused(shop, f"GET {what}/search", **query)


def test_a_page_is_cut_to_what_a_function_answers(laptop: Service) -> None:
    registered(laptop, "m")
    for _ in range(30):
        version(laptop, "m", tags=[{"key": str(n), "value": "x" * 100_000} for n in range(3)])
    page = ask(laptop, "GET model-versions/search")
    assert 5 < len(page["model_versions"]) < 30
    rest = ask(laptop, "GET model-versions/search", page_token=page["next_page_token"])
    ids = [one["version"] for one in page["model_versions"] + rest["model_versions"]]
    assert ids == [str(n) for n in range(30, 30 - len(ids), -1)]


def test_how_many_results(shop: Service) -> None:
    none = ask(shop, "GET registered-models/search", max_results=0)
    assert none == {"registered_models": []}
    for what, most in (("registered-models", 1000), ("model-versions", 200_000)):
        ask(shop, f"GET {what}/search", max_results=most)
        assert refused(shop, f"GET {what}/search", max_results=most + 1) == (
            f"Invalid value \"{most + 1}\" for parameter 'max_results' supplied:  Hint: Value was"
            " of type 'str'. See the API docs for more information about request parameters."
        )
    told = refused(shop, "GET model-versions/search", max_results=0)
    assert told == "Invalid value for max_results. It must be a positive integer, but got 0"


@pytest.mark.parametrize("what", ["registered-models", "model-versions"])
@pytest.mark.parametrize(
    "query",
    [
        {"filter": "foo = 'x'"},
        {"filter": "name > 'x'"},
        {"filter": "name = 'a' OR name = 'b'"},
        {"filter": "metrics.a > 1"},
        {"filter": "params.a = '1'"},
        {"order_by": ["foo"]},
        {"order_by": ["tags.a"]},
        {"order_by": ["name", "name DESC"]},
        {"order_by": ["name"] * 9},
        {"max_results": -1},
        {"max_results": 200_001},
        {"page_token": "abc"},
    ],
)
def test_other_queries_are_refused(laptop: Service, what: str, query: Json) -> None:
    refused(laptop, f"GET {what}/search", **query)
