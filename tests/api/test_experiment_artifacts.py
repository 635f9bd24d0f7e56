"""Experiment artifacts: what is logged under a name reads back normalized."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.answers import gone, refused
from tests.api.engines import START_MS
from tests.api.harness import EXPERIMENTS, Service
from tests.api.named import (
    IMAGES,
    data_url,
    delete,
    listed,
    log,
    name_url,
    names_url,
    read,
    read_points,
    send,
    where,
)


def test_a_descriptor_has_every_field(service: Service) -> None:
    experiment_id = service.experiment()["id"]
    log(service, experiment_id, "note", "text", "converged")
    descriptor = read(service, experiment_id, "note")
    assert descriptor == {
        "name": "note",
        "kind": "value",
        "value": "converged",
        "mime_type": None,
        "content_url": None,
        "auth_hint": None,
        "x": None,
        "y": None,
        "points": None,
        "entries": 1,
        "next_cursor": None,
        "created_at": descriptor["created_at"],
        "last_updated": descriptor["created_at"],
    }


VALUES: list[tuple[str, Any]] = [
    ("text", "Zeile\nñ 🎈"),
    ("text", ""),
    ("text", "data: not a URL"),
    ("value", 0.1),
    ("value", -0.0),
    ("value", 10**300),
    ("value", 2**53 + 1),
    ("list", []),
    ("list", [1, [2.5, None, "x", True], {"b": 1, "a": {}}, 2**70, 5e-324]),
    ("dict", {"z": 1, "a": [1e22], "": "empty", "ключ": "\x00"}),
]


@pytest.mark.parametrize("kind, value", VALUES)
def test_a_value_comes_back_as_it_was(laptop: Service, kind: str, value: Any) -> None:
    experiment_id = laptop.experiment()["id"]
    log(laptop, experiment_id, "it", kind, value)
    descriptor = read(laptop, experiment_id, "it")
    assert descriptor["kind"] == "value"
    assert repr(descriptor["value"]) == repr(value)
    assert listed(laptop, experiment_id)["artifacts"] == [descriptor]


@pytest.mark.parametrize("characters", [900, 1100, 40_000, 3_000_000])
def test_nobody_notices_where_a_value_is_kept(service: Service, characters: int) -> None:
    experiment_id = service.experiment()["id"]
    value = {"text": "é" * (characters // 2), "numbers": list(range(10))}
    log(service, experiment_id, "it", "dict", value)
    assert read(service, experiment_id, "it")["value"] == value
    assert listed(service, experiment_id)["artifacts"][0]["value"] == value
    delete(service, experiment_id, "it")
    refused(service.read.get(name_url(experiment_id, "it")), 404)


def test_numbers_make_a_timeseries_from_the_second_on(service: Service) -> None:
    experiment_id = service.experiment()["id"]
    log(service, experiment_id, "loss", "value", 3)
    assert read(service, experiment_id, "loss")["value"] == 3
    log(service, experiment_id, "loss", "value", 0.5)
    descriptor = read(service, experiment_id, "loss")
    times = [point["x"] for point in descriptor["points"]]
    assert descriptor["kind"] == "timeseries"
    assert descriptor["value"] is None
    assert descriptor["x"] == {"label": "timestamp", "type": "time"}
    assert descriptor["y"] == {"label": "loss"}
    assert [point["y"] for point in descriptor["points"]] == [3, 0.5]
    assert START_MS < times[0] < times[1]
    assert descriptor["entries"] == 2
    assert descriptor["created_at"] < descriptor["last_updated"]


def test_among_other_values_the_latest_counts(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    for kind, value in (("value", 1), ("text", "two"), ("value", 3)):
        log(laptop, experiment_id, "it", kind, value)
    descriptor = read(laptop, experiment_id, "it")
    assert (descriptor["kind"], descriptor["value"], descriptor["entries"]) == ("value", 3, 3)


def test_logged_points_are_ordered_by_x_and_then_by_writing(service: Service) -> None:
    experiment_id = service.experiment()["id"]
    log(service, experiment_id, "curve", "timeseries", [(2, 20), (1, 10.5), (2, 21)])
    log(service, experiment_id, "curve", "timeseries", [(2, 22), (0.5, 5)])
    descriptor = read(service, experiment_id, "curve")
    assert descriptor["kind"] == "timeseries"
    assert descriptor["x"] == {"label": "x", "type": "number"}
    assert descriptor["y"] == {"label": "curve"}
    shown = [(point["x"], point["y"]) for point in descriptor["points"]]
    assert repr(shown) == repr([(0.5, 5), (1, 10.5), (2, 20), (2, 21), (2, 22)])
    (in_list,) = listed(service, experiment_id)["artifacts"]
    assert in_list == descriptor | {"points": None}


def test_where_points_were_logged_plain_entries_are_left_out(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    log(laptop, experiment_id, "it", "value", 1)
    log(laptop, experiment_id, "it", "timeseries", [(1, 2)])
    log(laptop, experiment_id, "it", "text", "three")
    log(laptop, experiment_id, "it", "image", data_url(IMAGES["image/png"], "image/png"))
    descriptor = read(laptop, experiment_id, "it")
    assert descriptor["points"] == [{"x": 1, "y": 2}]
    assert (descriptor["entries"], descriptor["mime_type"]) == (4, None)
    refused(where(laptop, experiment_id, "it"), 404)


def test_large_and_nanosecond_numbers_of_points_are_exact(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    points = [(1_763_703_600_123_456_789, 10**300), (2**64 + 1, -0.0), (1e300, 5e-324)]
    log(laptop, experiment_id, "it", "timeseries", points)
    assert repr(read_points(laptop, experiment_id, "it")) == repr(points)


def test_many_points_of_one_write_are_kept_out_of_the_table(service: Service) -> None:
    experiment_id = service.experiment()["id"]
    points = [(x, x / 7) for x in range(12_000)]
    log(service, experiment_id, "it", "timeseries", points)
    assert read_points(service, experiment_id, "it") == points


def test_names_of_any_script_are_listed_by_name(service: Service) -> None:
    experiment_id = service.experiment()["id"]
    names = ["a", "a b", "a#1", "a%2Fb", "a/b", "val/loss", "é", "日本", "🎈" * 200]
    for name in reversed(names):
        log(service, experiment_id, name, "text", name)
        assert read(service, experiment_id, name)["value"] == name
    shown: list[str] = []
    page = listed(service, experiment_id, limit=2)
    while True:
        shown += [one["name"] for one in page["artifacts"]]
        assert all(one["value"] == one["name"] for one in page["artifacts"])
        if page["next_cursor"] is None:
            break
        page = listed(service, experiment_id, limit=2, cursor=page["next_cursor"])
    assert shown == names


def test_a_list_is_cut_at_4_mb(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    for number in range(3):
        log(laptop, experiment_id, f"n{number}", "text", "x" * 1_900_000)
    first = listed(laptop, experiment_id)
    assert [one["name"] for one in first["artifacts"]] == ["n0", "n1"]
    second = listed(laptop, experiment_id, cursor=first["next_cursor"])
    assert [one["name"] for one in second["artifacts"]] == ["n2"]
    assert second["next_cursor"] is None


def test_a_slug_stands_for_the_experiment(laptop: Service) -> None:
    experiment = laptop.experiment(slug="digits")
    log(laptop, "digits", "it", "value", 1)
    assert read(laptop, experiment["id"], "it") == read(laptop, "digits", "it")
    assert len(listed(laptop, "digits")["artifacts"]) == 1


def test_deleting_again_and_what_is_not_there_is_fine(service: Service) -> None:
    experiment_id = service.experiment()["id"]
    log(service, experiment_id, "it", "file", data_url(b"bytes"))
    log(service, experiment_id, "it", "text", "x")
    for name in ("it", "it", "never there"):
        delete(service, experiment_id, name)
    refused(service.read.get(name_url(experiment_id, "it")), 404)
    refused(where(service, experiment_id, "it"), 404)
    assert listed(service, experiment_id) == {"artifacts": [], "next_cursor": None}
    log(service, experiment_id, "it", "value", 2)
    assert read(service, experiment_id, "it")["entries"] == 1


def test_the_count_of_artifacts_is_that_of_names(service: Service) -> None:
    experiment_id = service.experiment()["id"]

    def count() -> int:
        service.pull()
        answer = service.read.get(f"{EXPERIMENTS}/{experiment_id}")
        return answer.json()["counts"]["artifacts"]

    for name in ("a", "b", "a"):
        log(service, experiment_id, name, "value", 1)
    assert count() == 2
    delete(service, experiment_id, "a")
    delete(service, experiment_id, "a")
    assert count() == 1
    log(service, experiment_id, "a", "value", 1)
    assert count() == 2


def test_a_retry_with_an_idempotency_key_adds_one_entry(service: Service) -> None:
    experiment_id = service.experiment()["id"]
    body = {"name": "it", "kind": "value", "value": 1}
    for _ in range(2):
        answer = service.write.post(
            names_url(experiment_id), json=body, headers={"Idempotency-Key": "k"}
        )
        assert (answer.status_code, answer.content) == (200, b"")
    assert read(service, experiment_id, "it")["entries"] == 1


def test_a_deleted_experiment_takes_nothing_and_shows_all(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    log(laptop, experiment_id, "it", "value", 1)
    gone(laptop.write.delete(f"{EXPERIMENTS}/{experiment_id}"))
    refused(send(laptop, experiment_id, name="it", kind="value", value=2), 409)
    refused(laptop.write.delete(name_url(experiment_id, "it")), 409)
    assert read(laptop, experiment_id, "it")["value"] == 1
    assert len(listed(laptop, experiment_id)["artifacts"]) == 1


def test_another_tenants_and_no_experiment_look_alike(service: Service) -> None:
    theirs = service.other.post(EXPERIMENTS, json={"name": "x", "slug": "theirs"}).json()["id"]
    body = {"name": "it", "kind": "value", "value": 1}
    assert service.other.post(names_url(theirs), json=body).is_success
    for experiment_id in (theirs, "theirs", "0" * 32, "none", "Not an id"):
        refused(send(service, experiment_id, **body), 404)
        refused(service.read.get(names_url(experiment_id)), 404)
        refused(service.read.get(name_url(experiment_id, "it")), 404)
        refused(where(service, experiment_id, "it"), 404)
        refused(service.write.delete(name_url(experiment_id, "it")), 404)
