"""Reading logs of variants: pages of the newest, and all of them as a file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.domain import variant_exports, variant_log_reads
from tests.api.answers import Json, found, refused
from tests.api.engines import START_MS
from tests.api.harness import Service
from tests.api.test_variants import ab, logs_of, post_log

MINUTE_MS = 60_000


def log_many(service: Service, count: int) -> None:
    """One a minute, going back; every third in B."""
    logs: list[Json] = [
        {
            "variantKey": "B" if n % 3 == 0 else "A",
            "timestamp": START_MS - n * MINUTE_MS,
            "metrics": {"latency_ms": n, **({"rating": n % 5} if n % 2 else {})},
            "input": {"n": n},
        }
        for n in range(count)
    ]
    for start in range(0, count, 500):
        body = {"logs": logs[start : start + 500]}
        found(service.write.post("/experiment/ab/log/batch", json=body))


def pages_of(service: Service, **query: Any) -> list[list[int]]:
    """The numbers of all logs, page by page."""
    pages: list[list[int]] = []
    cursor: Json = {}
    while True:
        answer = found(service.read.get("/experiment/ab/logs", params={**query, **cursor}))
        pages.append([log["input"]["n"] for log in answer["logs"]])
        if answer["next_cursor"] is None:
            return pages
        cursor = {"cursor": answer["next_cursor"]}


def test_pages_have_every_log_once_newest_first(laptop: Service) -> None:
    ab(laptop)
    log_many(laptop, 230)
    for limit in (1000, 100, 37):
        pages = pages_of(laptop, limit=limit)
        assert [n for page in pages for n in page] == list(range(230))
        assert all(len(page) <= limit for page in pages)


def test_logs_that_come_meanwhile_move_no_page(service: Service) -> None:
    ab(service)
    log_many(service, 60)
    first = found(service.read.get("/experiment/ab/logs", params={"limit": 20}))
    found(post_log(service, input={"n": -1}))
    query: Json = {"limit": 100, "cursor": first["next_cursor"]}
    second = found(service.read.get("/experiment/ab/logs", params=query))
    seen = [log["input"]["n"] for log in [*first["logs"], *second["logs"]]]
    assert seen == list(range(60))


@pytest.mark.parametrize(
    "query, expected",
    [
        ({"variant": "B"}, [n for n in range(90) if n % 3 == 0]),
        ({"from": START_MS - 9 * MINUTE_MS}, list(range(10))),
        ({"to": START_MS - 80 * MINUTE_MS}, list(range(80, 90))),
        ({"from": "2027-01-15T07:00:00+00:00"}, list(range(61))),
        ({"to": "2027-01-14"}, []),
        ({"metric": "latency_ms>80"}, list(range(81, 90))),
        ({"metric": ["latency_ms >= 80", "latency_ms<82"]}, [80, 81]),
        ({"metric": "rating = 3"}, [n for n in range(90) if n % 2 and n % 5 == 3]),
        ({"metric": "rating!=3", "variant": "A", "from": START_MS - 10 * MINUTE_MS}, [1, 5, 7]),
        ({"metric": "nothing>0"}, []),
        ({"variant": "C"}, []),
    ],
)
def test_filters(laptop: Service, query: Json, expected: list[int]) -> None:
    ab(laptop)
    log_many(laptop, 90)
    for limit in (7, 100):
        assert [n for page in pages_of(laptop, limit=limit, **query) for n in page] == expected


@pytest.mark.parametrize(
    "query, path",
    [
        ({"metric": "latency"}, "metric"),
        ({"metric": "latency > fast"}, "metric"),
        ({"metric": "> 5"}, "metric"),
        ({"from": "soon"}, "from"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"order": "asc"}, "order"),
    ],
)
def test_a_wrong_query_names_its_field(laptop: Service, query: Json, path: str) -> None:
    ab(laptop)
    error = refused(laptop.read.get("/experiment/ab/logs", params=query), 400)
    assert [one["path"] for one in error["details"]["fields"]] == [path]


def test_a_cursor_is_good_for_its_query_alone(laptop: Service) -> None:
    ab(laptop)
    log_many(laptop, 30)
    answer = found(laptop.read.get("/experiment/ab/logs", params={"limit": 5}))
    query = {"limit": 5, "variant": "A", "cursor": answer["next_cursor"]}
    refused(laptop.read.get("/experiment/ab/logs", params=query), 400)


def test_a_page_costs_a_query_for_each_partition(service: Service) -> None:
    ab(service)
    log_many(service, 40)
    logs_of(service)
    with service.budget(reads=2, queries=16):
        found(service.read.get("/experiment/ab/logs", params={"limit": 100}))


def test_what_finds_little_among_much_comes_back_short_with_where_to_go_on(
    laptop: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variant_log_reads, "ROUNDS", 1)
    ab(laptop)
    log_many(laptop, 300)
    pages = pages_of(laptop, limit=2, metric="latency_ms>=298")
    assert [n for page in pages for n in page] == [298, 299]
    assert len(pages) > 2


def test_large_logs_are_shown_in_pages_of_four_megabytes(laptop: Service) -> None:
    ab(laptop)
    for n in range(5):
        found(post_log(laptop, input={"n": n, "text": f"{n}" * 1_500_000}))
    pages = pages_of(laptop, limit=100)
    assert [len(page) for page in pages] == [2, 2, 1]


# -- exports -----------------------------------------------------------------------------------


def export_of(service: Service, **body: Any) -> list[Json]:
    answer = service.read.post("/experiment/ab/logs/export", json=body)
    looks = 0
    while answer.status_code == 202:
        assert answer.json()["url"] is None
        answer = service.read.get(answer.json()["ask"])
        looks += 1
        assert looks < 100
    export = found(answer)
    file = service.files.get(export["url"])
    assert file.status_code == 200
    assert "attachment" in file.headers["content-disposition"]
    lines = file.text.splitlines()
    assert len(lines) == export["logs"]
    return [json.loads(line) for line in lines]


def test_an_export_has_what_a_list_has(service: Service) -> None:
    ab(service)
    log_many(service, 120)
    assert export_of(service) == logs_of(service, limit=1000)
    some = export_of(service, variant="B", metric=["latency_ms>100"], to=START_MS)
    assert [one["input"]["n"] for one in some] == [102, 105, 108, 111, 114, 117]
    assert export_of(service, variant="none") == []


def test_a_large_export_is_made_a_part_at_a_time(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variant_exports, "WORK_S", 0.0)
    monkeypatch.setattr(variant_exports, "LOGS_AT_ONCE", 3)
    ab(service)
    for n in range(14):
        found(post_log(service, input={"n": n, "text": f"{n:02d}" * 900_000}))
    found(post_log(service, input={"n": 14}))
    exported = export_of(service)
    assert [one["input"]["n"] for one in exported] == list(range(14, -1, -1))
    assert exported[3]["input"]["text"] == "11" * 900_000


def test_what_is_logged_after_an_export_began_is_not_in_it(
    laptop: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variant_exports, "WORK_S", 0.0)
    monkeypatch.setattr(variant_log_reads, "ROUNDS", 1)
    monkeypatch.setattr(variant_exports, "LOGS_AT_ONCE", 5)
    ab(laptop)
    log_many(laptop, 100)
    answer = laptop.read.post("/experiment/ab/logs/export", json={})
    assert answer.status_code == 202
    laptop.clock.advance(10)
    found(post_log(laptop, input={"n": -1}))
    while answer.status_code == 202:
        answer = laptop.read.get(answer.json()["ask"])
    file = laptop.files.get(found(answer)["url"])
    assert [json.loads(line)["input"]["n"] for line in file.text.splitlines()] == list(range(100))


def test_an_export_that_somebody_works_on_is_left_to_them(
    laptop: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variant_exports, "WORK_S", 0.0)
    monkeypatch.setattr(variant_log_reads, "ROUNDS", 1)
    monkeypatch.setattr(variant_exports, "LOGS_AT_ONCE", 5)
    ab(laptop)
    log_many(laptop, 100)
    began = laptop.read.post("/experiment/ab/logs/export", json={}).json()
    exports = laptop.services.variants.exports
    experiment_id = laptop.services.experiments.id_of_slug(laptop.tenant, "ab")
    assert experiment_id is not None
    export = exports.get(laptop.tenant, experiment_id, began["export_id"])
    assert export is not None
    claimed_ms = laptop.clock.now_ms() + variant_exports.CLAIM_MS
    exports.replace(laptop.tenant, experiment_id, variant_exports.claimed(export, claimed_ms))
    for _ in range(3):
        assert laptop.read.get(began["ask"]).json()["logs"] == began["logs"]
    laptop.clock.advance(61)  # whoever it was has died
    assert laptop.read.get(began["ask"]).json()["logs"] > began["logs"]


def test_exports_go_after_a_day(service: Service) -> None:
    ab(service)
    log_many(service, 3)
    export = found(service.read.post("/experiment/ab/logs/export", json={}))
    refused(service.read.get("/experiment/ab/logs/export/0"), 404)
    refused(service.other.get(export["ask"]), 404)
    exports, clock = service.services.variants.exports, service.clock
    variant_exports.remove_due(exports, clock, deadline_s=1e12)
    assert exports.blobs.list(f"exports/{service.tenant}/").blobs != []
    service.clock.advance(24 * 3600 + 1)
    refused(service.read.get(export["ask"]), 404)
    assert variant_exports.remove_due(exports, clock, deadline_s=1e12) > 0
    assert exports.blobs.list(f"exports/{service.tenant}/").blobs == []
    assert variant_exports.remove_due(exports, clock, deadline_s=1e12) == 0


@pytest.mark.parametrize(
    "body, path",
    [
        ({"metric": ["x"]}, "metric"),
        ({"from": "soon"}, "from"),
        ({"from": True}, "from"),
        ({"what": 1}, "what"),
    ],
)
def test_a_wrong_export_names_its_field(laptop: Service, body: Json, path: str) -> None:
    ab(laptop)
    error = refused(laptop.read.post("/experiment/ab/logs/export", json=body), 400)
    assert [one["path"] for one in error["details"]["fields"]] == [path]
