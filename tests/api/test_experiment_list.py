"""Listing and searching experiments."""

from __future__ import annotations

from tests.api.answers import Json, bad_fields, found, gone
from tests.api.harness import EXPERIMENTS, RUNS, Service


def listed(service: Service, **query: str | int) -> Json:
    return found(service.read.get(EXPERIMENTS, params=query))


def names(page: Json) -> list[str]:
    return [experiment["name"] for experiment in page["experiments"]]


def test_an_empty_tenant_lists_nothing(service: Service) -> None:
    nothing: Json = {"experiments": [], "total": 0, "limit": 100, "offset": 0, "next_cursor": None}
    assert listed(service) == nothing


def test_the_newest_comes_first_as_it_was_answered(service: Service) -> None:
    made = [service.experiment(f"number {number}") for number in range(5)]
    assert listed(service)["experiments"] == made[::-1]


def test_the_search_is_a_substring_in_either_case(service: Service) -> None:
    for name in ("Alpha ONE", "beta one", "alphabet", "STRASSE", "100% sure", "a_b"):
        service.experiment(name)
    assert names(listed(service, search="ALPHA")) == ["alphabet", "Alpha ONE"]
    assert names(listed(service, search="one")) == ["beta one", "Alpha ONE"]
    assert names(listed(service, search="straße")) == ["STRASSE"]
    assert names(listed(service, search="%")) == ["100% sure"]
    assert names(listed(service, search="_")) == ["a_b"]
    assert listed(service, search="nothing")["total"] == 0
    assert listed(service, search="")["total"] == 6


def test_total_counts_all_that_match_whatever_the_page(service: Service) -> None:
    for number in range(7):
        service.experiment(f"{'odd' if number % 2 else 'even'} {number}")
    page = listed(service, search="even", limit=1, offset=2)
    assert names(page) == ["even 2"]
    assert (page["total"], page["limit"], page["offset"]) == (4, 1, 2)
    assert names(listed(service, offset=5)) == ["odd 1", "even 0"]
    assert listed(service, offset=7)["experiments"] == []
    assert listed(service, offset=10_000)["total"] == 7


def test_deleted_ones_are_listed_apart(service: Service) -> None:
    service.experiment("stays")
    leaves = service.experiment("leaves")
    assert names(listed(service)) == ["leaves", "stays"]
    gone(service.write.delete(f"{EXPERIMENTS}/{leaves['id']}"))
    assert names(listed(service)) == ["stays"]
    assert names(listed(service, lifecycle_stage="deleted")) == ["leaves"]
    found(service.write.post(f"{EXPERIMENTS}/{leaves['id']}/restore"))
    assert names(listed(service)) == ["leaves", "stays"]
    assert listed(service, lifecycle_stage="deleted")["total"] == 0


def test_a_list_shows_changes_at_once(service: Service) -> None:
    experiment = service.experiment("old")
    assert names(listed(service)) == ["old"]
    found(service.write.patch(f"{EXPERIMENTS}/{experiment['id']}", json={"name": "new"}))
    assert names(listed(service)) == ["new"]
    assert listed(service, search="old")["total"] == 0


def test_cursors_walk_over_every_experiment_once(service: Service) -> None:
    made = [service.experiment(f"number {number}")["id"] for number in range(6)]
    for limit in (1, 2, 3, 7):
        seen: list[str] = []
        query: dict[str, str | int] = {"limit": limit}
        while True:
            page = listed(service, **query)
            assert page["total"] == 6
            seen += [experiment["id"] for experiment in page["experiments"]]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert seen == made[::-1]


def test_a_walk_is_not_disturbed_by_newcomers(service: Service) -> None:
    made = [service.experiment(f"number {number}")["id"] for number in range(4)]
    first = listed(service, limit=2)
    service.experiment("newcomer")
    rest = listed(service, limit=9, cursor=first["next_cursor"])
    assert [one["id"] for one in first["experiments"] + rest["experiments"]] == made[::-1]


def test_a_cursor_is_refused_when_it_was_changed_or_belongs_elsewhere(service: Service) -> None:
    for number in range(3):
        service.experiment(f"number {number}")
        service.other.post(EXPERIMENTS, json={"name": f"number {number}"})
    cursor = listed(service, limit=1)["next_cursor"]
    tampered = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    for query in (
        {"cursor": tampered},
        {"cursor": cursor[:-1]},
        {"cursor": cursor + "A"},
        {"cursor": cursor + "="},
        {"cursor": cursor, "search": "number"},
        {"cursor": cursor, "lifecycle_stage": "deleted"},
    ):
        assert bad_fields(service.read.get(EXPERIMENTS, params=query)) == ["cursor"]
    assert bad_fields(service.other.get(EXPERIMENTS, params={"cursor": cursor})) == ["cursor"]
    experiment_id = listed(service)["experiments"][0]["id"]
    query = {"cursor": cursor, "experiment_id": experiment_id}
    assert bad_fields(service.read.get(RUNS, params=query)) == ["cursor"]


def test_a_cursor_goes_with_another_limit(service: Service) -> None:
    for number in range(5):
        service.experiment(f"number {number}")
    first = listed(service, limit=1)
    rest = listed(service, limit=1000, cursor=first["next_cursor"])
    assert names(rest) == ["number 3", "number 2", "number 1", "number 0"]
    assert rest["next_cursor"] is None
