"""What a team may have logged: bytes that are not what they are said to be, values of any size, odd
names and numbers. A tool shows all of it, or says in words why not."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

import pytest

from chalicelib.api.mcp.contents import MAX_SHOWN_BYTES, MAX_TEXT
from chalicelib.api.mcp.protocol import PARSE_ERROR
from tests.api.answers import Json
from tests.api.harness import Service
from tests.api.mcp.asking import call, called, outcome, rpc, text_of
from tests.api.mcp.posting import PROXY_BYTES, post, proxied_bytes
from tests.api.named import IMAGES, SVG, data_url, log, png

CONTENT: Final = "get_artifact_content_in_experiment"


@pytest.fixture
def place(laptop: Service) -> str:
    """An experiment."""
    return laptop.experiment("there", slug="there")["id"]


def _content(service: Service, body: bytes, mime: str, name: str = "file") -> Json:
    log(service, "there", name, "file", data_url(body, mime))
    return called(service.read, CONTENT, {"experiment_id": "there", "artifact_name": name})


# -- bytes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mime", ["image/png", "image/jpeg", "image/gif", "image/webp"])
def test_an_image_comes_as_an_image(laptop: Service, place: str, mime: str) -> None:
    result = _content(laptop, IMAGES[mime], mime)
    block = next(one for one in result["content"] if one["type"] == "image")
    assert block["mimeType"] == mime
    assert base64.b64decode(block["data"], validate=True) == IMAGES[mime]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html><script>alert(1)</script>", id="a page"),
        pytest.param(SVG, id="another image"),
        pytest.param(png()[:4], id="cut off"),
        pytest.param(b"\x00" * 100, id="zeros"),
    ],
)
def test_what_only_says_that_it_is_an_image_is_not_shown_as_one(
    laptop: Service, place: str, body: bytes
) -> None:
    """A model's provider refuses the whole talk over an image that it cannot decode."""
    result = _content(laptop, body, "image/png")
    assert [one["type"] for one in result["content"] if one["type"] == "image"] == []


def test_an_image_is_named_by_what_it_is(laptop: Service, place: str) -> None:
    """Providers compare the type with the bytes, too."""
    result = _content(laptop, IMAGES["image/jpeg"], "image/png")
    for block in result["content"]:
        if block["type"] == "image":
            assert block["mimeType"] == "image/jpeg"


@pytest.mark.parametrize(
    "body, shown",
    [
        (b"", ""),
        (b"a\x00b", "a\x00b"),
        (b"\xff\xfea\x00", "\ufffd\ufffda\x00"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
        ("\ufeffa".encode(), "\ufeffa"),
        ("\U0001f600".encode(), "\U0001f600"),
        (b"\x1b[31mred", "\x1b[31mred"),
    ],
)
def test_a_text_is_shown_whatever_bytes_it_has(
    laptop: Service, place: str, body: bytes, shown: str
) -> None:
    result = _content(laptop, body, "text/plain")
    assert {"type": "text", "text": shown} in result["content"]
    assert result["structuredContent"]["truncated"] is False


def test_a_text_is_cut_between_characters(laptop: Service, place: str) -> None:
    whole = "\U0001f600" * (MAX_TEXT + 1)
    result = _content(laptop, whole.encode(), "text/plain")
    assert result["structuredContent"]["truncated"] is True
    assert {"type": "text", "text": whole[:-1]} in result["content"]


@pytest.mark.parametrize("byte", [b"\x00", b'"', b"\\", b"\xff", b"x"])
@pytest.mark.parametrize("mime", ["text/plain", "image/png", "audio/wav", "application/json"])
def test_bytes_of_any_kind_fit_into_an_answer(
    laptop: Service, place: str, byte: bytes, mime: str
) -> None:
    log(laptop, "there", "file", "file", data_url(byte * MAX_SHOWN_BYTES, mime))
    arguments = {"experiment_id": "there", "artifact_name": "file"}
    answer = rpc(laptop.read, "tools/call", {"name": CONTENT, "arguments": arguments})
    assert proxied_bytes(answer) <= PROXY_BYTES


# -- values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, value",
    [
        pytest.param("text", "x" * 4_100_000, id="a plain text"),
        pytest.param("text", "\u00e9" * 2_000_000, id="no ASCII"),
        pytest.param("text", '"' * 1_400_000, id="quotes"),
        pytest.param("text", '"' * 1_550_000, id="as many quotes as the route can answer"),
        pytest.param("text", "\x01" * 690_000, id="control characters"),
        pytest.param("dict", {f"key {n}": n for n in range(200_000)}, id="an object"),
        pytest.param("list", [["a", "b"]] * 300_000, id="a list"),
    ],
)
def test_a_value_that_the_route_can_answer_fits_or_is_refused_in_words(
    laptop: Service, place: str, kind: str, value: Any
) -> None:
    log(laptop, "there", "large", kind, value)
    for tool, arguments in (
        ("get_artifact_in_experiment", {"experiment_id": "there", "artifact_name": "large"}),
        ("list_artifacts_in_experiment", {"experiment_id": "there"}),
    ):
        answer = rpc(laptop.read, "tools/call", {"name": tool, "arguments": arguments})
        assert proxied_bytes(answer) <= PROXY_BYTES, tool


@pytest.mark.slow
def test_runs_with_many_tags_fit(laptop: Service, place: str) -> None:
    tags = {f"tag {number}": "\n" * 3900 for number in range(45)}
    runs = [laptop.run(place, tags=tags)["run_id"] for _ in range(15)]
    for tool, arguments in (
        ("search_runs", {"experiment_ids": [place], "limit": 100}),
        ("compare_runs", {"run_ids": runs[:10]}),
        ("get_run", {"run_id": runs[0]}),
    ):
        text = json.dumps(called(laptop.read, tool, arguments), ensure_ascii=False)
        assert len(json.dumps(text, ensure_ascii=False).encode()) <= PROXY_BYTES, tool


# -- names and numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["val loss", "a/b", "a.b", "%", "\u00e9\u4e16", "'", '"', "`", "$ref", "__proto__", "-",
            "NaN", "null", "x" * 250]
)  # fmt: skip
def test_metrics_may_have_odd_names(laptop: Service, place: str, key: str) -> None:
    runs = [laptop.run(place)["run_id"] for _ in range(2)]
    for run_id in runs:
        laptop.log_values(run_id, key, [1.0, 2.0])
    assert call(laptop.read, "get_run", run_id=runs[0])["metrics"][key] == 2.0
    history = call(laptop.read, "get_metric_history", run_id=runs[0], key=key)
    assert [point["value"] for point in history["points"]] == [1.0, 2.0]
    compared = call(laptop.read, "compare_runs", run_ids=runs, metrics=[key])["comparison"]
    assert compared["metric_comparison"][key]["all_values"] == dict.fromkeys(runs, 2.0)
    if "`" not in key and '"' not in key:
        quoted = f"metrics.`{key}`"
        found = call(laptop.read, "search_runs", experiment_ids=[place], filter=f"{quoted} > 1",
                     order_by=[f"{quoted} DESC"])  # fmt: skip
        assert len(found["runs"]) == 2


def test_numbers_that_json_cannot_spell_come_as_texts(laptop: Service, place: str) -> None:
    """Wherever a metric's value may be: no answer has a bare NaN in it."""
    runs = [laptop.run(place)["run_id"] for _ in range(2)]
    spelled = ["NaN", "Infinity", "-Infinity"]
    for run_id in runs:
        for key in spelled:
            laptop.log_values(run_id, key, [1.0, key])
    for tool, arguments in (
        ("get_run", {"run_id": runs[0]}),
        ("search_runs", {"experiment_ids": [place]}),
        ("search_runs", {"experiment_ids": [place], "order_by": ["metrics.NaN DESC"]}),
        ("compare_runs", {"run_ids": runs}),
        *(("get_metric_history", {"run_id": runs[0], "key": key}) for key in spelled),
    ):
        result = called(laptop.read, tool, arguments)
        assert json.dumps(result, allow_nan=False)
        text = result["content"][-1]["text"]
        assert json.loads(text, parse_constant=_refuse) == result["structuredContent"]
    uri = f"trialbook://runs/{runs[0]}"
    (content,) = rpc(laptop.read, "resources/read", {"uri": uri}).json()["result"]["contents"]
    read = json.loads(content["text"], parse_constant=_refuse)
    assert [read["metrics"][key] for key in spelled] == spelled


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400])
def test_a_number_beyond_all_bounds_is_refused_in_words(
    laptop: Service, place: str, number: str
) -> None:
    for kind, value in (("value", number), ("list", f"[{number}]"), ("dict", f'{{"x": {number}}}')):
        if kind != "value" and "e" not in number:
            continue  # within a list it is an integer of 401 digits
        said = text_of(_logged(laptop, kind, value)["result"])
        assert said.startswith("value: ")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_no_json(laptop: Service, place: str, number: str) -> None:
    for kind, value in (("value", number), ("list", f"[{number}]")):
        assert _logged(laptop, kind, value)["error"]["code"] == PARSE_ERROR


def _logged(service: Service, kind: str, value: str) -> Json:
    """The answer to the wish to log a value as it is written."""
    arguments = f'{{"experiment_id": "there", "name": "n", "kind": "{kind}", "value": {value}}}'
    params = f'{{"name": "log_artifact_in_experiment", "arguments": {arguments}}}'
    body = f'{{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {params}}}'
    return post(service.write, body.encode()).json()


def test_numbers_come_back_as_they_were_logged(laptop: Service, place: str) -> None:
    value = {"big": 2**63, "small": 5e-324, "tenth": 0.1, "int": 1, "float": 1.0, "minus": -0.0}
    outcome(laptop.write, "log_artifact_in_experiment",
            {"experiment_id": "there", "name": "n", "kind": "dict", "value": value})  # fmt: skip
    arguments = {"experiment_id": "there", "artifact_name": "n"}
    read = call(laptop.read, "get_artifact_in_experiment", **arguments)["value"]
    assert json.dumps(read) == json.dumps(value)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
