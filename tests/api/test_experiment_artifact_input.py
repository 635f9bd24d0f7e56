"""Experiment artifacts: what does not fit its kind is refused, with every bad field named."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.answers import Json, bad_fields, refused
from tests.api.harness import Service
from tests.api.named import (
    IMAGES,
    data_url,
    listed,
    log,
    name_url,
    names_url,
    png,
    read,
    send,
)

JSON = {"content-type": "application/json"}
POINT = {"x": 1, "y": 2}
SHA256 = "0" * 64
PNG = data_url(png(), "image/png")


@pytest.mark.parametrize(
    "body, fields",
    [
        ({}, ["kind", "name"]),
        ({"name": "a", "kind": "curve", "value": 1}, ["kind"]),
        ({"name": "", "kind": "value", "value": "x"}, ["name", "value"]),
        ({"name": "x" * 201, "kind": "text", "value": 1}, ["name", "value"]),
        ({"name": "a\nb", "kind": "text", "value": "x"}, ["name"]),
        ({"name": ".", "kind": "text", "value": "x"}, ["name"]),
        ({"name": "..", "kind": "text", "value": "x"}, ["name"]),
        ({"name": 1, "kind": "text", "value": "x", "more": 1}, ["more", "name"]),
        ({"name": "a", "kind": "text"}, ["value"]),
        ({"name": "a", "kind": "text", "value": None}, ["value"]),
        ({"name": "a", "kind": "text", "value": ["x"]}, ["value"]),
        ({"name": "a", "kind": "value", "value": True}, ["value"]),
        ({"name": "a", "kind": "value", "value": "1"}, ["value"]),
        ({"name": "a", "kind": "value", "value": "NaN"}, ["value"]),
        ({"name": "a", "kind": "value", "value": 10**309}, ["value"]),
        ({"name": "a", "kind": "list", "value": {}}, ["value"]),
        ({"name": "a", "kind": "dict", "value": []}, ["value"]),
        ({"name": "a", "kind": "value", "value": 1, "points": [POINT]}, ["points"]),
        ({"name": "a", "kind": "value", "value": 1, "sha256": SHA256}, ["sha256"]),
        ({"name": "a", "kind": "list", "sha256": "x", "value": 1}, ["sha256", "value"]),
        ({"name": "a", "kind": "timeseries"}, ["points"]),
        ({"name": "a", "kind": "timeseries", "points": []}, ["points"]),
        ({"name": "a", "kind": "timeseries", "value": 1}, ["points", "value"]),
        ({"name": "a", "kind": "timeseries", "points": [POINT], "value": 1}, ["value"]),
        ({"name": "a", "kind": "timeseries", "points": [POINT], "sha256": SHA256}, ["sha256"]),
        (
            {
                "name": "a",
                "kind": "timeseries",
                "points": [POINT, {"x": "1", "y": True}, {"x": 1}, {**POINT, "z": 3}],
            },
            ["points.1.x", "points.1.y", "points.2.y", "points.3.z"],
        ),
        ({"name": "a", "kind": "timeseries", "points": [{"x": 1, "y": 10**309}]}, ["points.0.y"]),
        ({"name": "a", "kind": "timeseries", "points": [{"x": "NaN", "y": 1}]}, ["points.0.x"]),
        ({"name": "a", "kind": "image"}, ["value"]),
        ({"name": "a", "kind": "image", "value": PNG, "sha256": SHA256}, ["value"]),
        ({"name": "a", "kind": "image", "value": 1}, ["value"]),
        ({"name": "a", "kind": "image", "value": "no data URL"}, ["value"]),
        ({"name": "a", "kind": "image", "value": PNG[:-5] + "?"}, ["value"]),
        ({"name": "a", "kind": "image", "value": data_url(b"", "image/png")}, ["value"]),
        ({"name": "a", "kind": "image", "value": data_url(png(), "image/bmp")}, ["value"]),
        ({"name": "a", "kind": "image", "value": data_url(png(), "text/plain")}, ["value"]),
        ({"name": "a", "kind": "image", "value": PNG.replace(";base64", "")}, ["value"]),
        ({"name": "a", "kind": "file", "value": "bytes"}, ["value"]),
        ({"name": "a", "kind": "file", "value": "data:text/plain,bytes"}, ["value"]),
        ({"name": "a", "kind": "file", "sha256": "X" * 64}, ["sha256"]),
    ],
)
def test_every_bad_field_is_named(laptop: Service, body: Any, fields: list[str]) -> None:
    experiment_id = laptop.experiment()["id"]
    assert bad_fields(send(laptop, experiment_id, **body)) == fields
    assert listed(laptop, experiment_id)["artifacts"] == []


@pytest.mark.parametrize("claimed", IMAGES)
@pytest.mark.parametrize("real", IMAGES)
def test_an_image_is_what_it_says(laptop: Service, claimed: str, real: str) -> None:
    answer = send(
        laptop,
        laptop.experiment()["id"],
        name="a",
        kind="image",
        value=data_url(IMAGES[real], claimed),
    )
    assert answer.status_code == (200 if claimed == real else 400)


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e400", "[1e400]", '{"a": NaN}'])
@pytest.mark.parametrize("kind", ["value", "list", "dict"])
def test_what_json_cannot_spell_is_refused(laptop: Service, kind: str, value: str) -> None:
    body = f'{{"name": "a", "kind": "{kind}", "value": {value}}}'
    url = names_url(laptop.experiment()["id"])
    assert bad_fields(laptop.write.post(url, content=body, headers=JSON)) == ["value"]


@pytest.mark.parametrize("value", [r'"\ud800"', r'["\udfff"]', '"\udc80"', "[" * 300])
def test_what_is_no_json_is_refused(laptop: Service, value: str) -> None:
    body = f'{{"name": "a", "kind": "text", "value": {value}}}'.encode("utf-8", "surrogatepass")
    url = names_url(laptop.experiment()["id"])
    refused(laptop.write.post(url, content=body, headers=JSON), 400)


def test_what_is_empty_counts_as_left_out(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    body: Json = {"name": "a", "kind": "value", "value": 1, "points": [], "sha256": None}
    assert send(laptop, experiment_id, **body).is_success
    body = {"name": "b", "kind": "timeseries", "value": None, "points": [POINT]}
    assert send(laptop, experiment_id, **body).is_success


def test_a_value_that_grows_when_spelled_out_is_refused(laptop: Service) -> None:
    body = '{"name": "a", "kind": "list", "value": [' + "1e15," * 250_000 + "1]}"
    url = names_url(laptop.experiment()["id"])
    assert bad_fields(laptop.write.post(url, content=body, headers=JSON)) == ["value"]


def test_a_body_over_4_mib_is_told_how_to_upload(service: Service) -> None:
    experiment_id = service.experiment()["id"]
    answer = send(service, experiment_id, name="a", kind="text", value="x" * 4 * 1024 * 1024)
    error = refused(answer, 413)
    assert "POST /api/v1/artifacts/uploads" in error["message"]
    assert "sha256" in error["message"]


@pytest.mark.parametrize("name", ["%2E", "%2e%2E", "a%0Ab", "x" * 201, "%FF"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_name_that_cannot_be_is_refused_in_a_path(
    laptop: Service, method: str, name: str
) -> None:
    url = f"{names_url(laptop.experiment()['id'])}/{name}"
    assert bad_fields(laptop.write.request(method, url)) == ["artifact_name"]


def test_a_cursor_is_good_for_its_own_series_only(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    for name in ("a", "b"):
        log(laptop, experiment_id, name, "timeseries", [(x, x) for x in range(10_001)])
    log(laptop, experiment_id, "c", "value", 1)
    cursor = read(laptop, experiment_id, "a")["next_cursor"]
    assert len(read(laptop, experiment_id, "a", cursor=cursor)["points"]) == 1
    for name in ("b", "c"):
        answer = laptop.read.get(name_url(experiment_id, name), params={"cursor": cursor})
        assert bad_fields(answer) == ["cursor"]
