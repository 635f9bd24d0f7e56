"""Creating, reading, changing, deleting and restoring experiments."""

from __future__ import annotations

import pytest

from tests.api.answers import Json, bad_fields, found, gone, made, refused
from tests.api.harness import EXPERIMENTS, RUNS, Service

UNKNOWN_ID = "0" * 32


def patch(service: Service, experiment: Json, body: Json, **headers: str) -> Json:
    url = f"{EXPERIMENTS}/{experiment['id']}"
    return found(service.write.patch(url, json=body, headers=headers))


def test_a_new_experiment_has_every_field(service: Service) -> None:
    created = made(service.write.post(EXPERIMENTS, json={"name": "Digits"}))
    made_at = created["created_at"]
    assert created == {
        "id": created["id"],
        "slug": "digits",
        "name": "Digits",
        "description": None,
        "artifact_location": None,
        "lifecycle_stage": "active",
        "tags": {},
        "metric_goals": {},
        "status": "draft",
        "variants": [],
        "unit_key": None,
        "dimensions": [],
        "guardrails": {},
        "planned_units": 5000,
        "started_at": None,
        "weight_changes": [],
        "created_at": made_at,
        "last_updated": made_at,
        "created_by": "ada",
        "version": 1,
        "counts": {"runs": 0, "artifacts": 0, "logs": 0},
    }
    assert len(created["id"]) == 32
    assert made_at.startswith("2027-01-15T08:0")
    assert made_at.endswith("Z")


def test_everything_that_is_sent_is_kept(service: Service) -> None:
    sent: Json = {
        "name": "Ünïcode ✓ name",
        "description": "why",
        "artifact_location": "s3://a-bucket/some/prefix",
        "tags": {"team": "vision", "": "no"} | {"k" * 250: "v" * 8000},
        "slug": "the-slug",
        "metric_goals": {"loss": "min", "f1": "max"},
        "variants": [
            {
                "key": "a",
                "weight": 33.33,
                "name": "A",
                "payload": {"nested": [1, None, {"x": "y"}]},
            },
            {"key": "b", "weight": 66.67, "name": None, "payload": {}},
        ],
        "status": "active",
    }
    del sent["tags"][""]
    created = made(service.write.post(EXPERIMENTS, json=sent))
    assert sent.items() <= created.items()
    assert found(service.read.get(f"{EXPERIMENTS}/{created['id']}")) == created


def test_an_experiment_is_read_by_id_or_slug(service: Service) -> None:
    experiment = service.experiment("By slug")
    for name in (experiment["id"], "by-slug"):
        assert found(service.read.get(f"{EXPERIMENTS}/{name}")) == experiment


@pytest.mark.parametrize("name", [UNKNOWN_ID, "no-such-slug", "No_Slug", "%20", "a%2Fb", "x" * 64])
def test_an_unknown_experiment_is_not_found(laptop: Service, name: str) -> None:
    refused(laptop.read.get(f"{EXPERIMENTS}/{name}"), 404)


def test_a_name_is_unique_in_the_tenant(service: Service) -> None:
    service.experiment("Taken")
    error = refused(service.write.post(EXPERIMENTS, json={"name": "Taken"}), 409)
    assert error["details"] == {"name": "Taken"}
    made(service.write.post(EXPERIMENTS, json={"name": "taken"}))
    made(service.other.post(EXPERIMENTS, json={"name": "Taken"}))


def test_names_too_long_for_a_key_are_unique_too(service: Service) -> None:
    name = "試" * 255
    service.experiment(name)
    refused(service.write.post(EXPERIMENTS, json={"name": name}), 409)
    made(service.write.post(EXPERIMENTS, json={"name": name[:-1] + "験"}))


def test_changes_touch_only_what_was_sent(service: Service) -> None:
    before = service.experiment("Before", description="old", tags={"a": "1", "b": "2"})
    after = patch(service, before, {"description": "new"})
    changed = {"description": "new", "version": 2, "last_updated": after["last_updated"]}
    assert after == before | changed
    assert after["last_updated"] > before["last_updated"]


def test_tags_merge_and_null_deletes_one(service: Service) -> None:
    experiment = service.experiment(tags={"a": "1", "b": "2"})
    changed = patch(service, experiment, {"tags": {"b": None, "c": "3", "absent": None}})
    assert changed["tags"] == {"a": "1", "c": "3"}


def test_a_description_can_be_taken_away(service: Service) -> None:
    experiment = service.experiment(description="something")
    assert patch(service, experiment, {"description": None})["description"] is None


def test_goals_and_variants_are_replaced_as_a_whole(service: Service) -> None:
    variants = [{"key": "a", "weight": 50}, {"key": "b", "weight": 50}]
    experiment = service.experiment(metric_goals={"loss": "min"}, variants=variants)
    changed = patch(service, experiment, {"metric_goals": {"f1": "max"}, "variants": []})
    assert changed["metric_goals"] == {"f1": "max"}
    assert changed["variants"] == []


def test_a_change_that_changes_nothing_makes_no_version(service: Service) -> None:
    experiment = service.experiment("Same", tags={"a": "1"})
    for body in ({}, {"name": "Same"}, {"tags": {"a": "1", "b": None}}, {"status": "draft"}):
        assert patch(service, experiment, body) == experiment


def test_renaming_frees_the_old_name_and_keeps_the_slug(service: Service) -> None:
    experiment = service.experiment("Old name")
    renamed = patch(service, experiment, {"name": "New name"})
    assert (renamed["name"], renamed["slug"]) == ("New name", "old-name")
    assert service.experiment("Old name")["slug"] == "old-name-2"
    refused(service.write.post(EXPERIMENTS, json={"name": "New name"}), 409)


def test_renaming_to_a_taken_name_changes_nothing(service: Service) -> None:
    service.experiment("Mine")
    other = service.experiment("Yours")
    url = f"{EXPERIMENTS}/{other['id']}"
    refused(service.write.patch(url, json={"name": "Mine", "tags": {"a": "b"}}), 409)
    assert found(service.read.get(url)) == other


def test_an_experiment_is_changed_by_its_slug_too(service: Service) -> None:
    service.experiment("Slugged")
    changed = found(service.write.patch(f"{EXPERIMENTS}/slugged", json={"description": "x"}))
    assert changed["description"] == "x"


def test_if_match_guards_against_lost_updates(service: Service) -> None:
    experiment = service.experiment()
    assert patch(service, experiment, {"tags": {"a": "1"}}, **{"If-Match": "1"})["version"] == 2
    url = f"{EXPERIMENTS}/{experiment['id']}"
    for stale in ("1", '"1"', "3"):
        answer = service.write.patch(url, json={"tags": {"a": "2"}}, headers={"If-Match": stale})
        assert refused(answer, 412)["details"] == {"version": 2}
    assert patch(service, experiment, {"tags": {"a": "3"}}, **{"If-Match": '"2"'})["version"] == 3
    assert patch(service, experiment, {"tags": {"a": "4"}}, **{"If-Match": "*"})["version"] == 4


@pytest.mark.parametrize("version", ["x", "1.0", "-1", "", "1, 2"])
def test_an_if_match_that_is_no_version_is_refused(laptop: Service, version: str) -> None:
    url = f"{EXPERIMENTS}/{laptop.experiment()['id']}"
    answer = laptop.write.patch(url, json={"description": "x"}, headers={"If-Match": version})
    assert bad_fields(answer) == ["If-Match"]


@pytest.mark.parametrize(
    "path",
    [["active"], ["active", "paused", "active", "completed"], ["active", "paused", "completed"]],
)
def test_a_status_goes_its_way(laptop: Service, path: list[str]) -> None:
    experiment = laptop.experiment()
    for status in path:
        assert patch(laptop, experiment, {"status": status})["status"] == status


@pytest.mark.parametrize(
    "start, target, reachable",
    [
        ("draft", "paused", ["active"]),
        ("draft", "completed", ["active"]),
        ("active", "draft", ["completed", "paused"]),
        ("paused", "draft", ["active", "completed"]),
        ("completed", "active", []),
    ],
)
def test_a_status_goes_no_other_way(
    laptop: Service, start: str, target: str, reachable: list[str]
) -> None:
    url = f"{EXPERIMENTS}/{laptop.experiment(status=start)['id']}"
    error = refused(laptop.write.patch(url, json={"status": target}), 409)
    assert error["details"] == {"status": start, "reachable": reachable}


def test_deleting_is_soft_and_may_be_repeated(service: Service) -> None:
    experiment = service.experiment("Gone")
    url = f"{EXPERIMENTS}/{experiment['id']}"
    for _ in range(2):
        gone(service.write.delete(url))
    deleted = found(service.read.get(url))
    assert deleted["lifecycle_stage"] == "deleted"
    assert deleted["version"] == 2
    assert found(service.read.get(f"{EXPERIMENTS}/gone")) == deleted


def test_a_deleted_experiment_takes_no_writes(service: Service) -> None:
    experiment = service.experiment()
    url = f"{EXPERIMENTS}/{experiment['id']}"
    gone(service.write.delete(url))
    refused(service.write.patch(url, json={"description": "x"}), 409)
    refused(service.write.post(RUNS, json={"experiment_id": experiment["id"]}), 409)


def test_a_restored_experiment_takes_them_again(service: Service) -> None:
    experiment = service.experiment()
    url = f"{EXPERIMENTS}/{experiment['id']}"
    gone(service.write.delete(url))
    restored = found(service.write.post(f"{url}/restore"))
    assert restored["lifecycle_stage"] == "active"
    assert found(service.write.post(f"{url}/restore")) == restored
    patch(service, experiment, {"description": "x"})
    service.run(experiment["id"])


def test_names_and_slugs_of_deleted_experiments_stay_taken(service: Service) -> None:
    gone(service.write.delete(f"{EXPERIMENTS}/{service.experiment('Once')['id']}"))
    refused(service.write.post(EXPERIMENTS, json={"name": "Once"}), 409)
    refused(service.write.post(EXPERIMENTS, json={"name": "Twice", "slug": "once"}), 409)
    assert service.experiment("ONCE")["slug"] == "once-2"
