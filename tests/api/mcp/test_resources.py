"""Experiments, runs and artifacts by URI."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import httpx
import pytest

from chalicelib.api.mcp import resources
from chalicelib.api.mcp.protocol import INVALID_PARAMS, RESOURCE_NOT_FOUND
from tests.api.answers import Json, found
from tests.api.harness import EXPERIMENTS, RUNS, Service
from tests.api.indexed import indexed
from tests.api.mcp.asking import LEGACY, MODERN, asked, protocol_error, rpc
from tests.api.mcp.posting import post
from tests.api.mcp.uris import ROOT, ask, document, read, uri_of
from tests.api.named import log, name_url

NOBODY: Final = "0" * 31 + "1"


def _missing(client: httpx.Client, uri: str) -> str:
    """What is said of what is not there, in either revision."""
    new = protocol_error(ask(client, uri), 400, INVALID_PARAMS)
    old = protocol_error(ask(client, uri, LEGACY), 200, RESOURCE_NOT_FOUND)
    assert new["data"] == {"uri": uri}
    assert new | {"code": 0} == old | {"code": 0}
    return new["message"]


# -- lists -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [MODERN, LEGACY])
def test_experiments_are_listed_in_pages(
    service: Service, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(resources, "PAGE", 2)
    made = [service.experiment(f"Number {n}", description=f"{n}?" if n else None)
            for n in range(5)]  # fmt: skip
    seen: list[Json] = []
    pages: list[int] = []
    params: Json = {}
    while True:
        page = asked(service.read, "resources/list", params, version=version)
        seen += page["resources"]
        pages.append(len(page["resources"]))
        if "nextCursor" not in page:
            break
        params = {"cursor": page["nextCursor"]}
    assert pages == [2, 2, 1]
    assert [one["uri"] for one in seen] == [uri_of("experiments", one["id"]) for one in made[::-1]]
    first = seen[-1]
    assert (first["name"], first["title"]) == ("number-0", "Number 0")
    assert "description" not in first
    assert seen[0]["description"] == "4?"
    for one in seen:
        assert document(service.read, one["uri"])["slug"] == one["name"]
        assert one["mimeType"] == "application/json"


def test_an_empty_list_is_one_page(service: Service) -> None:
    page = asked(service.read, "resources/list")
    assert page["resources"] == []
    assert "nextCursor" not in page


def test_a_cursor_is_of_its_list_and_its_team(
    laptop: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "PAGE", 1)
    for number in range(2):
        laptop.experiment(f"{number}")
    cursor = asked(laptop.read, "resources/list")["nextCursor"]
    bads: list[Any] = [cursor[:-1], cursor[::-1], "x", "", 5, ["x"], {}, True]
    for bad in bads:
        answer = rpc(laptop.read, "resources/list", {"cursor": bad})
        assert "cursor" in protocol_error(answer, 400, INVALID_PARAMS)["message"]
        answer = rpc(laptop.read, "resources/list", {"cursor": bad}, version=LEGACY)
        protocol_error(answer, 200, INVALID_PARAMS)
    answer = rpc(laptop.other, "resources/list", {"cursor": cursor})
    protocol_error(answer, 400, INVALID_PARAMS)
    assert len(asked(laptop.read, "resources/list", {"cursor": cursor})["resources"]) == 1
    assert asked(laptop.read, "resources/list", {"cursor": None})["nextCursor"]


@pytest.mark.parametrize("method", ["resources/templates/list", "tools/list", "prompts/list"])
def test_lists_of_one_page_take_no_cursor(laptop: Service, method: str) -> None:
    assert "nextCursor" not in asked(laptop.read, method, {"cursor": None})
    cursors: list[Any] = ["x", "", 5, []]
    for cursor in cursors:
        protocol_error(rpc(laptop.read, method, {"cursor": cursor}), 400, INVALID_PARAMS)


# -- what templates name ---------------------------------------------------------------------------


def test_each_template_names_what_can_be_read(service: Service) -> None:
    experiment = service.experiment("The one", slug="the-one")
    run_id = service.run(experiment["id"])["run_id"]
    log(service, experiment["id"], "note", "text", "what we saw")
    artifact_id = indexed(service, b"bytes")["artifact_id"]
    known = {
        "experiment_id": experiment["id"],
        "run_id": run_id,
        "artifact_name": "note",
        "artifact_id": artifact_id,
    }
    templates = asked(service.read, "resources/templates/list")["resourceTemplates"]
    assert len(templates) == 4
    for template in templates:
        uri = re.sub(r"\{(\w+)\}", lambda match: known[match[1]], template["uriTemplate"])
        for version in (MODERN, LEGACY):
            (first, *_) = read(service.read, uri, version)
            assert first["mimeType"] == "application/json"
            assert json.loads(first["text"])


def test_what_is_read_is_what_the_route_answers(service: Service) -> None:
    experiment_id = service.experiment("The one", slug="the-one")["id"]
    run_id = service.run(experiment_id)["run_id"]
    service.log_values(run_id, "loss", [1.0, "NaN", "-Infinity"])
    log(service, experiment_id, "note", "text", "what we saw")
    log(service, experiment_id, "curve", "timeseries", [(1, 2), (3, 4.5)])
    artifact_id = indexed(service, b"bytes")["artifact_id"]
    for uri, route in (
        (uri_of("experiments", experiment_id), f"{EXPERIMENTS}/{experiment_id}"),
        (uri_of("experiments", "the-one"), f"{EXPERIMENTS}/{experiment_id}"),
        (uri_of("runs", run_id), f"{RUNS}/{run_id}"),
        (
            uri_of("experiments", experiment_id, "artifacts", "note"),
            name_url(experiment_id, "note"),
        ),
        (uri_of("experiments", "the-one", "artifacts", "curve"), name_url("the-one", "curve")),
        (uri_of("artifacts", artifact_id), f"/api/v1/artifacts/{artifact_id}"),
    ):
        assert document(service.read, uri) == found(service.read.get(route)), uri


@pytest.mark.parametrize(
    "name",
    ["a/b/c", "val loss", "100%", "%2F", "%", "\u00e9t\u00e9 \u4e16\U0001f600", "a?b=c&d#e",
     "a+b", "'\"<>\\`{}|^", "...", "..a", "~", " x ", "x" * 200, "\u00e9" * 200],
)  # fmt: skip
def test_a_name_goes_into_a_uri_and_comes_back(laptop: Service, name: str) -> None:
    laptop.experiment("there", slug="there")
    log(laptop, "there", name, "text", name)
    assert document(laptop.read, uri_of("experiments", "there", "artifacts", name)) == found(
        laptop.read.get(name_url("there", name))
    )
    if not set(name) & set("/?#%"):  # as some clients have it
        uri = f"{ROOT}experiments/there/artifacts/{name}"
        assert document(laptop.read, uri)["value"] == name


# -- what is not there -----------------------------------------------------------------------------


def test_what_is_another_teams_is_not_there(service: Service) -> None:
    experiment_id = service.experiment("theirs too", slug="theirs-too")["id"]
    run_id = service.run(experiment_id)["run_id"]
    log(service, experiment_id, "note", "text", "a secret")
    artifact_id = indexed(service, b"a secret")["artifact_id"]
    for theirs, nobodys in (
        (uri_of("experiments", experiment_id), uri_of("experiments", NOBODY)),
        (uri_of("experiments", "theirs-too"), uri_of("experiments", "nobodys")),
        (uri_of("runs", run_id), uri_of("runs", NOBODY)),
        (uri_of("artifacts", artifact_id), uri_of("artifacts", NOBODY)),
        (uri_of("experiments", experiment_id, "artifacts", "note"),
         uri_of("experiments", NOBODY, "artifacts", "note")),
        (uri_of("experiments", "theirs-too", "artifacts", "note"),
         uri_of("experiments", "nobodys", "artifacts", "note")),
    ):  # fmt: skip
        assert read(service.read, theirs)
        assert _missing(service.other, theirs) == _missing(service.other, nobodys)


@pytest.mark.parametrize(
    "path",
    [
        "experiments/nothing",
        "experiments/%zz",
        "experiments/%ff",
        "experiments/%00",
        "experiments/%2e%2e",
        "experiments/..%2Fthere",
        "experiments/there%0A",
        "experiments/" + "x" * 3000,
        "experiments/there/artifacts/nothing",
        "experiments/there/artifacts/%2e%2e",
        "experiments/there/artifacts/" + "x" * 3000,
        "experiments/" + "x" * 3000 + "/artifacts/note",
        "runs/there",
        "runs/" + "x" * 3000,
        "artifacts/there",
        "artifacts/" + "x" * 3000,
    ],
)
def test_what_nobody_has_is_not_there(laptop: Service, path: str) -> None:
    laptop.experiment("there", slug="there")
    assert "{" not in _missing(laptop.read, ROOT + path), "the URI is one that there may be"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "there",
        ROOT,
        ROOT + "experiments",
        ROOT + "experiments/",
        ROOT + "experiments//artifacts/note",
        ROOT + "experiments/there/",
        ROOT + "experiments/there/artifacts",
        ROOT + "experiments/there/artifacts/",
        ROOT + "experiments/there/artifacts/a/b",
        ROOT + "experiments/there/../there",
        ROOT + "experiments/there?x=1",
        ROOT + "experiments/there#x",
        ROOT + "/experiments/there",
        ROOT + "user@experiments/there",
        "http://experiments/there",
        "file:///etc/passwd",
        " " + ROOT + "experiments/there",
    ],
)
def test_a_uri_of_nothing_is_answered_with_those_that_there_are(laptop: Service, uri: str) -> None:
    laptop.experiment("there", slug="there")
    said = _missing(laptop.read, uri)
    for template in resources.TEMPLATES:
        assert template["uriTemplate"] in said


@pytest.mark.parametrize("uri", [None, 5, ["x"], {}, True])
def test_a_uri_is_a_text(laptop: Service, uri: Any) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": uri}}
    protocol_error(post(laptop.read, body), 200, INVALID_PARAMS)
