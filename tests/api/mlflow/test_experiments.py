"""MLflow's calls on experiments."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.answers import Json, found, gone
from tests.api.budget import at_most
from tests.api.harness import EXPERIMENTS, Service
from tests.api.mlflow.tracking import (
    UNKNOWN,
    get,
    new_experiment,
    new_run,
    not_found,
    pairs,
    post,
    said,
)


def read(service: Service, experiment_id: str) -> Json:
    answer = found(get(service.read, "experiments/get", experiment_id=experiment_id))
    return answer["experiment"]


def search(service: Service, **asked: Any) -> Json:
    return found(post(service.read, "experiments/search", **asked))


def names(answer: Json) -> list[str]:
    return [one["name"] for one in answer["experiments"]]


def test_a_new_experiment_has_every_field(service: Service) -> None:
    made = new_experiment(service, "first", tags=pairs(team="red"))
    shown = read(service, made)
    assert shown == {
        "experiment_id": made,
        "name": "first",
        "artifact_location": f"mlflow-artifacts:/{made}",
        "lifecycle_stage": "active",
        "creation_time": shown["creation_time"],
        "last_update_time": shown["creation_time"],
        "tags": [{"key": "team", "value": "red"}],
    }
    assert isinstance(shown["creation_time"], int)
    named = found(get(service.read, "experiments/get-by-name", experiment_name="first"))
    assert named["experiment"] == shown


def test_both_surfaces_see_the_same_experiment(service: Service) -> None:
    ours = service.experiment("ours", description="of ours", tags={"a": "1"})
    shown = read(service, ours["id"])
    assert shown["name"] == "ours"
    assert shown["tags"] == [*pairs(a="1"), {"key": "mlflow.note.content", "value": "of ours"}]
    theirs = new_experiment(service, "theirs", tags=[{"key": "mlflow.note.content", "value": "x"}])
    seen = found(service.read.get(f"{EXPERIMENTS}/{theirs}"))
    assert (seen["name"], seen["description"], seen["tags"]) == ("theirs", "x", {})
    found(post(service.write, "experiments/set-experiment-tag", experiment_id=theirs,
               key="mlflow.note.content", value="y"))  # fmt: skip
    assert found(service.read.get(f"{EXPERIMENTS}/{theirs}"))["description"] == "y"
    gone(service.write.delete(f"{EXPERIMENTS}/{theirs}"))
    assert read(service, theirs)["lifecycle_stage"] == "deleted"


def test_names_are_unique_also_among_deleted_ones(service: Service) -> None:
    made = new_experiment(service, "taken")
    again = post(service.write, "experiments/create", name="taken")
    told = said(again, 400, "RESOURCE_ALREADY_EXISTS")
    assert told == "Experiment(name=taken) already exists."
    found(post(service.write, "experiments/delete", experiment_id=made))
    again = post(service.write, "experiments/create", name="taken")
    said(again, 400, "RESOURCE_ALREADY_EXISTS")
    other = new_experiment(service, "other")
    renamed = post(service.write, "experiments/update", experiment_id=other, new_name="taken")
    said(renamed, 400, "RESOURCE_ALREADY_EXISTS")


def test_renaming_deleting_and_restoring(service: Service) -> None:
    one = {"experiment_id": new_experiment(service, "one")}
    assert found(post(service.write, "experiments/update", **one, new_name="two")) == {}
    assert read(service, one["experiment_id"])["name"] == "two"
    not_found(get(service.read, "experiments/get-by-name", experiment_name="one"))
    not_found(post(service.write, "experiments/restore", **one))
    assert found(post(service.write, "experiments/delete", **one)) == {}
    not_found(post(service.write, "experiments/delete", **one))
    told = said(post(service.write, "experiments/update", **one, new_name="three"))
    assert told == "Cannot rename a non-active experiment."
    told = said(post(service.write, "experiments/set-experiment-tag", **one, key="a", value="b"))
    assert "must be in the 'active' state" in told
    told = said(post(service.write, "runs/create", **one))
    assert "must be in the 'active' state" in told
    assert found(post(service.write, "experiments/restore", **one)) == {}
    assert read(service, one["experiment_id"])["lifecycle_stage"] == "active"


def test_tags_are_set_and_deleted(service: Service) -> None:
    one = {"experiment_id": new_experiment(service)}
    long = "v" * 20_000
    found(post(service.write, "experiments/set-experiment-tag", **one, key="a", value=long))
    assert read(service, one["experiment_id"])["tags"] == pairs(a=long)
    found(post(service.write, "experiments/delete-experiment-tag", **one, key="a"))
    assert read(service, one["experiment_id"])["tags"] == []
    told = not_found(post(service.write, "experiments/delete-experiment-tag", **one, key="a"))
    assert told == f"No tag with name: a in experiment with id {one['experiment_id']}"
    setting = "experiments/set-experiment-tag"
    assert "20000" in said(post(service.write, setting, **one, key="a", value=long + "v"))
    assert "250" in said(post(service.write, setting, **one, key="k" * 251, value=""))
    assert "Names may only contain" in said(post(service.write, setting, **one, key="a;b"))
    assert "required parameter 'key'" in said(post(service.write, setting, **one, value="b"))


@pytest.mark.parametrize(
    "body, told",
    [
        ({}, "Missing value for required parameter 'name'."),
        ({"name": ""}, "Missing value for required parameter 'name'."),
        ({"name": None}, "Missing value for required parameter 'name'."),
        ({"name": 5}, "Invalid value 5 for parameter 'name' supplied"),
        ({"name": "n" * 501}, "'name' exceeds the maximum length of 500 characters"),
        ({"name": "x", "tags": [{"value": "a"}]}, "required parameter 'tags[0].key'"),
        ({"name": "x", "tags": ["a"]}, "for parameter 'tags[0]' supplied"),
        ({"name": "x", "artifact_location": "s3://a/b#c"}, "fragments"),
        ({"name": "x", "artifact_location": "s3://a/b?c=../d"}, "Invalid query string"),
        ({"name": "x", "artifact_location": "runs:/a"}, "cannot be a runs:/ URI"),
        ({"name": "x", "artifact_location": "s3://" + "a" * 2044}, "2048"),
    ],
)
def test_what_is_no_experiment_is_refused_in_mlflows_words(
    laptop: Service, body: Json, told: str
) -> None:
    assert told in said(post(laptop.write, "experiments/create", **body))


def test_the_default_experiment_is_there_and_is_like_any_other(service: Service) -> None:
    assert names(search(service)) == ["Default"]
    assert read(service, "0")["experiment_id"] == "0"
    named = found(get(service.read, "experiments/get-by-name", experiment_name="Default"))
    assert named["experiment"] == read(service, "0")
    found(post(service.write, "experiments/delete", experiment_id="0"))
    assert search(service)["experiments"] == []
    assert names(search(service, view_type="DELETED_ONLY")) == ["Default"]
    said(post(service.write, "runs/create", experiment_id="0"))
    found(post(service.write, "experiments/restore", experiment_id="0"))
    assert new_run(service)["info"]["experiment_id"] == "0"


def test_the_default_experiment_is_made_when_it_is_first_named(service: Service) -> None:
    named = get(service.read, "experiments/get-by-name", experiment_name="Default")
    assert found(named)["experiment"]["experiment_id"] == "0"


def test_searching_by_names_tags_times_and_ids(service: Service) -> None:
    ids = {
        name: new_experiment(service, name, tags=pairs(n=str(n), kind="odd" if n % 2 else "even"))
        for n, name in enumerate(["s alpha", "s Beta", "s beta 2", "gamma"])
    }
    found(post(service.write, "experiments/delete", experiment_id=ids["gamma"]))

    def matching(text: str, **more: Any) -> list[str]:
        return names(search(service, filter=text, **more))

    assert matching("name LIKE 's %'") == ["s beta 2", "s Beta", "s alpha"]
    assert matching("name ILIKE '%BETA%'", order_by=["name"]) == ["s Beta", "s beta 2"]
    assert matching("attribute.name = 's Beta'") == ["s Beta"]
    assert matching("tags.kind = 'even' AND tag.n = '2'") == ["s beta 2"]
    assert matching("tags.kind = 'odd'", view_type="ALL") == ["gamma", "s Beta"]
    assert matching("tags.kind = 'odd'", view_type=2) == ["gamma"]
    assert matching("tags.kind IS NULL") == ["Default"]
    assert matching(f"experiment_id IN ('0', '{ids['s alpha']}')") == ["Default", "s alpha"]
    made = read(service, ids["s Beta"])["creation_time"]
    assert matching(f"creation_time >= {made} AND name != 'Default'") == ["s beta 2", "s Beta"]
    assert matching("last_update_time > 99999999999999") == []
    assert matching("tags.n IS NOT NULL", order_by=["last_update_time ASC"])[0] == "s alpha"
    assert names(found(get(service.read, "experiments/search", filter="name = 's Beta'"))) == [
        "s Beta"
    ]


def test_pages_have_every_experiment_once(service: Service) -> None:
    for n in range(5):
        new_experiment(service, f"e{n}")
    asked: Json = {"max_results": 2, "order_by": ["name DESC"]}
    pages: list[list[str]] = []
    while True:
        answer = search(service, **asked)
        pages.append(names(answer))
        if "next_page_token" not in answer:
            break
        asked["page_token"] = answer["next_page_token"]
    assert pages == [["e4", "e3"], ["e2", "e1"], ["e0", "Default"]]
    asked["filter"] = "name = 'e1'"
    assert "page token" in said(post(service.read, "experiments/search", **asked))


@pytest.mark.parametrize(
    "asked",
    [
        {"filter": "color = 'red'"},
        {"filter": "metrics.loss < 1"},
        {"filter": "name = 5"},
        {"filter": "name = 'a' OR name = 'b'"},
        {"order_by": ["color"]},
        {"order_by": ["name SIDEWAYS"]},
        {"max_results": 0},
        {"max_results": 50_001},
        {"max_results": "many"},
        {"view_type": "SOME"},
        {"page_token": "nonsense"},
    ],
)
def test_a_search_that_cannot_be_is_refused(laptop: Service, asked: Json) -> None:
    said(post(laptop.read, "experiments/search", **asked))


@pytest.mark.parametrize("experiment_id", [UNKNOWN, "99999999", "no such", "ü" * 50])
def test_what_is_not_there_is_not_found(service: Service, experiment_id: str) -> None:
    told = not_found(get(service.read, "experiments/get", experiment_id=experiment_id))
    assert told == f"No Experiment with id={experiment_id} exists"
    for path, more in (
        ("delete", {}),
        ("restore", {}),
        ("update", {"new_name": "x"}),
        ("set-experiment-tag", {"key": "a", "value": "b"}),
        ("delete-experiment-tag", {"key": "a"}),
    ):
        not_found(post(service.write, f"experiments/{path}", experiment_id=experiment_id, **more))


def test_another_tenants_experiment_is_none(service: Service) -> None:
    mine = new_experiment(service, "mine")
    told = not_found(get(service.other, "experiments/get", experiment_id=mine))
    assert told == f"No Experiment with id={mine} exists"
    not_found(get(service.other, "experiments/get-by-name", experiment_name="mine"))
    not_found(post(service.other, "experiments/delete", experiment_id=mine))
    not_found(post(service.other, "experiments/update", experiment_id=mine, new_name="x"))
    not_found(post(service.other, "runs/create", experiment_id=mine))
    answer = found(post(service.other, "experiments/search", view_type="ALL"))
    assert names(answer) == ["Default"]
    assert read(service, mine)["lifecycle_stage"] == "active"


def test_reading_needs_no_right_to_write(service: Service) -> None:
    said(post(service.read, "experiments/create", name="x"), 403, "PERMISSION_DENIED")
    said(post(service.anybody, "experiments/search"), 401, "UNAUTHENTICATED")


def test_costs(laptop: Service) -> None:
    one = {"experiment_id": new_experiment(laptop, "one")}
    search(laptop)
    with laptop.budget(reads=1):
        read(laptop, one["experiment_id"])
    with laptop.budget(reads=2):
        found(get(laptop.read, "experiments/get-by-name", experiment_name="one"))
    with laptop.budget(reads=1):
        read(laptop, "0")
    with laptop.budget(reads=1, writes=1):
        found(post(laptop.write, "experiments/set-experiment-tag", **one, key="a", value="b"))
    search(laptop)
    with laptop.budget(queries=1, reads=at_most(1)):  # where time flows, what changed lately
        search(laptop, filter="tags.a = 'b'")
