"""What the experiment routes refuse: every bad field is named, and nothing is written."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.answers import Json, bad_fields, made, refused
from tests.api.harness import EXPERIMENTS, Service

GOOD: Json = {"name": "x"}


@pytest.mark.parametrize(
    "field, value",
    [
        ("name", None),
        ("name", ""),
        ("name", "n" * 256),
        ("name", 5),
        ("name", True),
        ("name", ["x"]),
        ("name", "tab\there"),
        ("name", "line\n"),
        ("name", "\x7f"),
        ("description", "d" * 1001),
        ("description", 1),
        ("description", False),
        ("artifact_location", "https://bucket/x"),
        ("artifact_location", "s3://"),
        ("artifact_location", "s3://Bad_Bucket/x"),
        ("artifact_location", "s3://bucket/" + "x" * 1024),
        ("artifact_location", 3),
        ("tags", []),
        ("tags", "a=b"),
        ("tags", {f"tag {number}": "" for number in range(101)}),
        ("tags", None),
        ("slug", 1),
        ("metric_goals", ["loss"]),
        ("variants", {"key": "a"}),
        ("variants", "a"),
        ("variants", [{"key": f"{n}", "weight": 100 / 101} for n in range(101)]),
        ("status", "running"),
        ("status", 1),
        ("status", ""),
        ("color", "red"),
        ("id", "0" * 32),
        ("tenant", "somebody"),
    ],
)
def test_a_bad_field_of_a_new_experiment_is_named(laptop: Service, field: str, value: Any) -> None:
    body = {"name": "x", field: value}
    assert bad_fields(laptop.write.post(EXPERIMENTS, json=body)) == [field]


BAD_VALUES: list[tuple[str, Any, str]] = [
    ("tags", {"a": 1}, "tags.a"),
    ("tags", {"a": True}, "tags.a"),
    ("tags", {"a": None}, "tags.a"),
    ("tags", {"a": "v" * 8001}, "tags.a"),
    ("tags", {"": "v"}, "tags..[key]"),
    ("tags", {"k" * 251: "v"}, f"tags.{'k' * 251}.[key]"),
    ("tags", {"a\nb": "v"}, "tags.a\nb.[key]"),
    ("metric_goals", {"loss": "lower"}, "metric_goals.loss"),
    ("metric_goals", {"loss": "MIN"}, "metric_goals.loss"),
    ("metric_goals", {"": "min"}, "metric_goals..[key]"),
    ("variants", [{"weight": 100}], "variants.0.key"),
    ("variants", [{"key": "a"}], "variants.0.weight"),
    ("variants", [{"key": "", "weight": 100}], "variants.0.key"),
    ("variants", [{"key": "a", "weight": "100"}], "variants.0.weight"),
    ("variants", [{"key": "a", "weight": True}], "variants.0.weight"),
    ("variants", [{"key": "a", "weight": -1}], "variants.0.weight"),
    ("variants", [{"key": "a", "weight": 101}], "variants.0.weight"),
    ("variants", [{"key": "a", "weight": 100, "extra": 1}], "variants.0.extra"),
    ("variants", [{"key": "a", "weight": 100, "payload": []}], "variants.0.payload"),
    ("variants", [{"key": "a", "weight": 100, "name": 5}], "variants.0.name"),
]


@pytest.mark.parametrize("field, value, path", BAD_VALUES)
def test_a_bad_value_inside_a_field_is_named(
    laptop: Service, field: str, value: Any, path: str
) -> None:
    assert bad_fields(laptop.write.post(EXPERIMENTS, json=GOOD | {field: value})) == [path]


@pytest.mark.parametrize(
    "variants",
    [
        [{"key": "a", "weight": 50}, {"key": "a", "weight": 50}],
        [{"key": "a", "weight": 99.98}],
        [{"key": "a", "weight": 50}, {"key": "b", "weight": 50.02}],
    ],
)
def test_variants_have_distinct_keys_and_weights_of_100(
    laptop: Service, variants: list[Json]
) -> None:
    assert bad_fields(laptop.write.post(EXPERIMENTS, json=GOOD | {"variants": variants})) == [
        "variants"
    ]
    url = f"{EXPERIMENTS}/{laptop.experiment('y')['id']}"
    assert bad_fields(laptop.write.patch(url, json={"variants": variants})) == ["variants"]


def test_weights_may_miss_100_by_a_hundredth(laptop: Service) -> None:
    variants = [{"key": key, "weight": 33.33} for key in "abc"]
    laptop.experiment(variants=variants)


def test_every_bad_field_is_listed_not_only_the_first(laptop: Service) -> None:
    body = {"description": 1, "tags": {"a": 1, "b": "fine"}, "color": "red", "status": "x"}
    answer = laptop.write.post(EXPERIMENTS, json=body)
    assert bad_fields(answer) == ["color", "description", "name", "status", "tags.a"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b"{}}", b"\xff\xfe", b'{"name": "\\ud800"}', b"{a:1}"],
)
def test_what_is_no_json_object_is_refused(laptop: Service, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    refused(laptop.write.post(EXPERIMENTS, content=body, headers=headers), 400)


def test_input_is_never_repeated_in_an_error(laptop: Service) -> None:
    secret = "do-not-repeat-me"
    answer = laptop.write.post(EXPERIMENTS, json={"name": 5, "description": [secret]})
    assert secret not in answer.text


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "multipart/form-data"])
def test_another_media_type_is_refused(laptop: Service, media_type: str) -> None:
    headers = {"content-type": media_type}
    answer = laptop.write.post(EXPERIMENTS, content=b'{"name": "x"}', headers=headers)
    refused(answer, 415)


@pytest.mark.parametrize("media_type", ["application/json", "application/json; charset=utf-8"])
def test_json_is_read_with_or_without_its_charset(laptop: Service, media_type: str) -> None:
    headers = {"content-type": media_type}
    made(laptop.write.post(EXPERIMENTS, content='{"name": "é"}'.encode(), headers=headers))


@pytest.mark.parametrize(
    "body, paths",
    [
        ({"name": None, "color": 1}, ["color"]),
        ({"name": ""}, ["name"]),
        ({"name": 1, "tags": {"a": 1}}, ["name", "tags.a"]),
        ({"tags": None}, ["tags"]),
        ({"slug": "x"}, ["slug"]),
        ({"artifact_location": "s3://bucket"}, ["artifact_location"]),
        ({"status": "gone"}, ["status"]),
        ({"metric_goals": {"a": 1}}, ["metric_goals.a"]),
        ({"lifecycle_stage": "deleted"}, ["lifecycle_stage"]),
    ],
)
def test_a_bad_field_of_a_change_is_named(laptop: Service, body: Json, paths: list[str]) -> None:
    url = f"{EXPERIMENTS}/{laptop.experiment()['id']}"
    assert bad_fields(laptop.write.patch(url, json=body)) == paths


@pytest.mark.parametrize(
    "query, paths",
    [
        ("limit=0", ["limit"]),
        ("limit=1001", ["limit"]),
        ("limit=ten", ["limit"]),
        ("limit=1.5", ["limit"]),
        ("limit=", ["limit"]),
        ("limit=1&limit=2", ["limit"]),
        ("offset=-1", ["offset"]),
        ("offset=10001", ["offset"]),
        ("lifecycle_stage=gone", ["lifecycle_stage"]),
        ("cursor=", ["cursor"]),
        ("cursor=abc", ["cursor"]),
        ("search=" + "x" * 256, ["search"]),
        ("colour=red", ["colour"]),
        ("limit=0&offset=-1&colour=red", ["colour", "limit", "offset"]),
    ],
)
def test_a_bad_query_parameter_is_named(laptop: Service, query: str, paths: list[str]) -> None:
    assert bad_fields(laptop.read.get(f"{EXPERIMENTS}?{query}")) == paths


def test_refused_input_writes_nothing(service: Service) -> None:
    service.experiment("warm the key")
    with service.budget():
        bad_fields(service.write.post(EXPERIMENTS, json={"name": "x", "extra": 1}))


def test_an_experiment_that_is_too_large_in_all_is_refused_with_its_size(service: Service) -> None:
    tags = {f"tag-{number}": "x" * 8000 for number in range(100)}
    answer = service.write.post(EXPERIMENTS, json={"name": "large", "tags": tags})
    details = refused(answer, 413)["details"]
    assert details["size_bytes"] > details["max_bytes"]
    assert service.write.post(EXPERIMENTS, json={"name": "large"}).status_code == 201

    some = dict(list(tags.items())[:40])
    url = f"{EXPERIMENTS}/{service.experiment('grows', tags=some)['id']}"
    refused(service.write.patch(url, json={"tags": tags}), 413)
    assert service.read.get(url).json()["tags"] == some
