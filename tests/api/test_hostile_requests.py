"""Requests that no well-behaved client sends: each is refused as the contract says."""

from __future__ import annotations

import json
from typing import Any, Final

import httpx
import pytest

from tests.api.answers import bad_fields, found, made, refused
from tests.api.harness import EXPERIMENTS, RUNS, Service

JSON: Final = {"content-type": "application/json"}
RUN: Final = "0" * 32


def sent(service: Service, path: str, body: bytes | str) -> httpx.Response:
    """POST of a body as it is."""
    return service.write.post(path, content=body, headers=JSON)


def header(name: str, value: str) -> list[tuple[bytes, bytes]]:
    """A header whose value is not ASCII."""
    return [(name.encode(), value.encode("latin-1"))]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"name": "\xff\xfe"}', id="not UTF-8"),
        pytest.param('{"name": "a"}'.encode("utf-16"), id="UTF-16"),
        pytest.param('{"name": "a"}'.encode("utf-8-sig"), id="byte order mark"),
        pytest.param(b'{"name": "\xed\xa0\x80"}', id="a surrogate in UTF-8"),
        pytest.param(rb'{"name": "\ud800"}', id="half of a surrogate pair"),
        pytest.param(rb'{"name": "\udc00\ud800"}', id="a surrogate pair the wrong way round"),
        pytest.param(b'{"name": "a\x00b"}', id="a bare NUL"),
        pytest.param(b"\x00", id="nothing but NUL"),
        pytest.param(b'{"name": "a"', id="cut off"),
        pytest.param(b'{"name": "a"} {}', id="two documents"),
        pytest.param(b'[{"name": "a"}]', id="a list"),
        pytest.param(b'"name"', id="a string"),
        pytest.param(b"null", id="null"),
        pytest.param(b"NaN", id="a number that is none"),
        pytest.param(b"1" * 100_000, id="a huge number"),
        pytest.param(b"[" * 1_000_000, id="a million brackets"),
        pytest.param(b'{"a":' * 200_000 + b"1" + b"}" * 200_000, id="deep objects"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(laptop: Service, body: bytes) -> None:
    refused(sent(laptop, EXPERIMENTS, body), 400)
    refused(sent(laptop, f"{RUNS}/{RUN}/log-batch", body), 400)


@pytest.mark.parametrize(
    "number", ["1e400", "-1e400", "9" * 4000, "9" * 10_000, "NaN", "Infinity", "1" + "0" * 400]
)
def test_a_number_beyond_all_bounds_is_refused_wherever_it_stands(
    laptop: Service, number: str
) -> None:
    run_id = laptop.run()["run_id"]
    for field in (
        f'{{"metrics": {{"loss": {number}}}}}',
        f'{{"metrics": {{"loss": 1}}, "step": {number}}}',
        f'{{"metrics": {{"loss": 1}}, "timestamp": {number}}}',
    ):
        refused(sent(laptop, f"{RUNS}/{run_id}/log-metrics", field), 400)
    variants = f'[{{"key": "a", "weight": 100, "payload": {{"x": [{number}]}}}}]'
    body = f'{{"name": "payload", "variants": {variants}}}'
    assert bad_fields(sent(laptop, EXPERIMENTS, body)) in (["variants.0.payload"], [""])


def test_a_payload_comes_back_as_it_was_sent(service: Service) -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    payload = {"\x00": "a\x00b", "deep": deep, "int": 2**63, "float": 5e-324, "": None}
    variant = {"key": "a\x00", "weight": 100, "name": None, "payload": payload}
    created = service.experiment(variants=[variant])
    assert found(service.read.get(f"{EXPERIMENTS}/{created['id']}"))["variants"] == [variant]


def test_text_may_hold_any_character(service: Service) -> None:
    text = "\x00\x01\x7f\x85\u2028\ufeff\uffff\U0010ffff '\"\\%_"
    run = service.run(description=text, tags={"note": text})
    found(service.log(run["run_id"], params={"text": text}))
    read = service.get_run(run["run_id"])
    assert (read["description"], read["tags"], read["params"]) == (
        text,
        {"note": text},
        {"text": text},
    )


def test_a_name_with_a_control_character_is_refused(laptop: Service) -> None:
    run_id = laptop.run()["run_id"]
    for name in ("a\x00b", "a\nb", "a\x7fb"):
        assert bad_fields(laptop.write.post(EXPERIMENTS, json={"name": name})) == ["name"]
        refused(laptop.log(run_id, [{"key": name, "value": 1}]), 400)
        refused(laptop.log(run_id, tags={name: "x"}), 400)


def test_of_equal_names_in_an_object_the_last_counts(laptop: Service) -> None:
    answer = made(sent(laptop, EXPERIMENTS, '{"name": "first", "name": "second"}'))
    assert answer["name"] == "second"


def test_a_parameter_given_twice_is_refused(laptop: Service) -> None:
    for query in ("limit=1&limit=2", "limit=1&limit=1", "search=&search=a"):
        name = query.partition("=")[0]
        assert bad_fields(laptop.read.get(f"{EXPERIMENTS}?{query}")) == [name]


def test_an_order_may_be_given_twice(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    query = f"experiment_id={experiment_id}&order_by=metrics.loss&order_by=params.lr"
    found(laptop.read.get(f"{RUNS}?{query}"))


@pytest.mark.parametrize("limit", ["0", "-1", "1e2", "0x10", "", " 1x", "9" * 5000, "1.5", "٣x"])
def test_a_limit_that_is_no_number_in_bounds_is_refused(laptop: Service, limit: str) -> None:
    assert bad_fields(laptop.read.get(EXPERIMENTS, params={"limit": limit})) == ["limit"]


@pytest.mark.parametrize("cursor", ["", "a", "=", "é", "\x00", "A" * 2000, "🦦" * 100, "AAAA.AAAA"])
def test_a_cursor_of_nobody_is_refused(laptop: Service, cursor: str) -> None:
    experiment_id = laptop.experiment()["id"]
    lists = {EXPERIMENTS: {}, RUNS: {"experiment_id": experiment_id}}
    for path, query in lists.items():
        answer = laptop.read.get(path, params={**query, "cursor": cursor})
        assert bad_fields(answer) == ["cursor"]


@pytest.mark.parametrize("key", ["%00", "%2E%2E", "%F0%9F%A6%A6", "%25", "a%2Fb", "x" * 2000])
def test_a_metric_that_nobody_logged_is_not_found(laptop: Service, key: str) -> None:
    run_id = laptop.run()["run_id"]
    refused(laptop.read.get(f"{RUNS}/{run_id}/metrics/{key}"), 404)


@pytest.mark.parametrize("name", ["%00", "%C3%A9", "UPPER", "a" * 500, "%2F", "..", "-", "a_b"])
def test_an_experiment_of_an_impossible_name_is_not_found(laptop: Service, name: str) -> None:
    refused(laptop.read.get(f"{EXPERIMENTS}/{name.replace('..', '%2E%2E')}"), 404)


@pytest.mark.parametrize("version", ["", "x", "-1", "1.0", "9" * 5000, '"', "²", "1, 2"])
def test_a_version_that_is_none_is_refused(laptop: Service, version: str) -> None:
    path = f"{EXPERIMENTS}/{laptop.experiment()['id']}"
    headers = header("if-match", version)
    answer = laptop.write.patch(path, json={"tags": {"a": "b"}}, headers=headers)
    assert bad_fields(answer) == ["If-Match"]


@pytest.mark.parametrize("key", ["", "k" * 256, "é", "tab\tbed"])
def test_an_idempotency_key_that_is_not_printable_is_refused(laptop: Service, key: str) -> None:
    headers = header("idempotency-key", key)
    answer = laptop.write.post(EXPERIMENTS, json={"name": "a"}, headers=headers)
    assert bad_fields(answer) == ["Idempotency-Key"]


@pytest.mark.parametrize(
    "authorization",
    ["", "Basic", "Basic !", "Basic /w==", "Bearer", "Bearer \xe9", "Digest x", "x" * 5000],
)
def test_an_authorization_that_cannot_be_read_is_unauthenticated(
    laptop: Service, authorization: str
) -> None:
    headers = header("authorization", authorization)
    refused(laptop.anybody.get(EXPERIMENTS, headers=headers), 401)


def form(boundary: str, disposition: bytes, *more: bytes) -> bytes:
    """One part of a form, with a byte as its content."""
    lines = [b"--" + boundary.encode(), b"Content-Disposition: " + disposition, *more, b"", b"x"]
    return b"\r\n".join([*lines, b"--" + boundary.encode() + b"--", b""])


@pytest.mark.parametrize(
    "disposition",
    [
        pytest.param(b'form-data; name="file"; filename="\xff\xfe"', id="not UTF-8"),
        pytest.param(b'form-data; name="file"; filename="a\x00b"', id="NUL"),
        pytest.param(b'form-data; name="file"; filename="../../etc/passwd"', id="climbing"),
        pytest.param(b'form-data; name="file"; filename=".."', id="the folder above"),
        pytest.param(b'form-data; name="file"; filename=""', id="no name"),
        pytest.param(b'form-data; name="file"', id="a field and no file"),
        pytest.param(b'form-data; name="\xff"; filename="a"', id="field not UTF-8"),
        pytest.param(b"form-data", id="no field"),
        pytest.param(b"", id="nothing"),
        pytest.param(b'form-data; name="file"; filename="' + b"n" * 900 + b'"', id="too long"),
        pytest.param(b'form-data; name="file"; filename="' + b"n" * 9000 + b'"', id="far too long"),
    ],
)
def test_a_form_without_a_proper_file_is_refused(laptop: Service, disposition: bytes) -> None:
    run_id = laptop.run()["run_id"]
    answer = laptop.write.post(
        f"{RUNS}/{run_id}/log-artifact",
        content=form("b", disposition),
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    refused(answer, 400)


@pytest.mark.parametrize(
    "boundary, status",
    [
        ("", 415),
        ("; boundary=", 415),
        ("; boundary=other", 400),
        ("; boundary=\xe9\xff", 415),
        ('; boundary="\x01"', 400),
        ("; boundary=" + "b" * 5000, 400),
    ],
)
def test_a_form_of_another_boundary_is_refused(laptop: Service, boundary: str, status: int) -> None:
    run_id = laptop.run()["run_id"]
    answer = laptop.write.post(
        f"{RUNS}/{run_id}/log-artifact",
        content=form("b", b'form-data; name="file"; filename="a"'),
        headers=header("content-type", f"multipart/form-data{boundary}"),
    )
    refused(answer, status)


@pytest.mark.parametrize("declared", ["text/html\x00", "é/é", "a/b; charset=\xff", "nonsense", "/"])
def test_a_file_of_an_impossible_type_can_be_downloaded(service: Service, declared: str) -> None:
    run_id = service.run()["run_id"]
    body = form(
        "b",
        b'form-data; name="file"; filename="notes.txt"',
        b"Content-Type: " + declared.encode("latin-1", "replace"),
    )
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = service.write.post(f"{RUNS}/{run_id}/log-artifact", content=body, headers=headers)
    if answer.status_code == 400:
        refused(answer, 400)
        return
    found(answer)
    content = f"{RUNS}/{run_id}/artifacts/content"
    location = service.read.get(content, params={"path": "notes.txt"}).headers["location"]
    downloaded = service.files.get(location)
    assert downloaded.content == b"x"
    assert downloaded.headers["content-type"].startswith("text/plain")


def test_an_error_repeats_no_more_of_the_request_than_it_must(laptop: Service) -> None:
    secret = "do-not-repeat-" * 1000
    fields = {secret[:250]: {"deep": secret}}
    answer = laptop.write.post(EXPERIMENTS, json={"name": [secret], "tags": fields})
    assert len(json.dumps(refused(answer, 400))) < 2000
