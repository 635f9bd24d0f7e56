"""A/B experiments in production: which variant a user gets, and logging what came of it."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest

from chalicelib.core.errors import Invalid
from chalicelib.core.log_ids import LogId, is_log_id, log_id, time_of
from chalicelib.domain import assignment, variant_logs
from chalicelib.domain.variant_intake import NewLog
from chalicelib.storage.variant_definitions import DefinitionStore
from tests.api.answers import Json, found, refused
from tests.api.engines import START_MS
from tests.api.harness import EXPERIMENTS, Service

A_B: list[Json] = [
    {"key": "A", "weight": 50},
    {"key": "B", "weight": 50, "payload": {"prompt": "be brief"}},
]
REFERENCE: Json = {
    "variantKey": "A",
    "input": {"query": "What are the latest AI advancements?"},
    "output": {"response": "Recent AI advancements include improvements in large language models."},
    "metrics": {"latency_ms": 123, "token_count": 78, "user_rating": 5},
    "context": {"session_id": "session_abc_123", "environment": "production"},
}


def ab(service: Service, **fields: Any) -> Json:
    wanted: dict[str, Any] = {"variants": A_B, "status": "active", **fields}
    return service.experiment("ab", **wanted)


def post_log(service: Service, **body: Any) -> httpx.Response:
    return service.write.post("/experiment/ab/log", json={"variantKey": "A", **body})


def logs_of(service: Service, **query: Any) -> list[Json]:
    return found(service.read.get("/experiment/ab/logs", params=query))["logs"]


def new_id(time_ms: int = START_MS, chance: int = 1) -> LogId:
    return log_id(time_ms, chance.to_bytes(10, "big"))


# -- assigning ---------------------------------------------------------------------------------


def test_a_user_gets_the_same_variant_and_its_payload(service: Service) -> None:
    ab(service)
    payloads: dict[str, Json] = {"A": {}, "B": {"prompt": "be brief"}}
    for number in range(20):
        body: Json = {"userId": f"user-{number}", "context": {"country": "DE"}}
        first = found(service.read.post("/experiment/ab/assign", json=body))
        wanted = "AB"[assignment.assign("ab", f"user-{number}", [50, 50])]
        assert first == {"variant": wanted, "payload": payloads[wanted]}
        assert found(service.read.post("/experiment/ab/assign", json=body)) == first


def test_only_an_active_experiment_assigns(service: Service) -> None:
    experiment = ab(service, status="draft")
    url = f"{EXPERIMENTS}/{experiment['id']}"

    def status_of_assigning() -> int:
        return service.read.post("/experiment/ab/assign", json={"userId": "u"}).status_code

    assert status_of_assigning() == 404
    for status, expected in [("active", 200), ("paused", 404), ("active", 200), ("completed", 404)]:
        found(service.write.patch(url, json={"status": status}))
        assert status_of_assigning() == expected
    refused(service.read.post("/experiment/nothing/assign", json={"userId": "u"}), 404)


def test_a_deleted_experiment_neither_assigns_nor_logs(service: Service) -> None:
    experiment = ab(service)
    assert post_log(service).status_code == 200
    service.write.delete(f"{EXPERIMENTS}/{experiment['id']}")
    refused(service.read.post("/experiment/ab/assign", json={"userId": "u"}), 404)
    refused(post_log(service), 404)
    refused(service.read.get("/experiment/ab/logs"), 404)


def test_changed_weights_are_seen_at_once_and_recorded_with_their_time(service: Service) -> None:
    experiment = ab(service)
    assert experiment["started_at"] == experiment["created_at"]
    url = f"{EXPERIMENTS}/{experiment['id']}"
    service.read.post("/experiment/ab/assign", json={"userId": "u"})
    all_b = [{"key": "A", "weight": 0}, {"key": "B", "weight": 100}]
    changed = found(service.write.patch(url, json={"variants": all_b}))
    assert [one["weights"] for one in changed["weight_changes"]] == [
        {"A": 50, "B": 50},
        {"A": 0, "B": 100},
    ]
    assert changed["weight_changes"][1]["at"] == changed["last_updated"]
    for number in range(20):
        body = {"userId": f"user-{number}"}
        answer = found(service.read.post("/experiment/ab/assign", json=body))
        assert answer["variant"] == "B"
    again = found(service.write.patch(url, json={"variants": all_b, "description": "x"}))
    assert again["weight_changes"] == changed["weight_changes"]


def test_assigning_and_logging_cost_no_look_at_the_definition(service: Service) -> None:
    ab(service)
    found(post_log(service, metrics={"score": 1}))
    service.write.get("/health")
    with service.budget():
        found(service.write.post("/experiment/ab/assign", json={"userId": "u"}))
    with service.budget(writes=1):
        found(post_log(service, metrics={"score": 2}))


# -- defining ----------------------------------------------------------------------------------


def test_what_only_ab_experiments_have_comes_back(service: Service) -> None:
    wanted: Json = {
        "unit_key": "user_id",
        "dimensions": ["country", "app"],
        "guardrails": {"latency_ms": {"margin": 0.02, "kind": "relative"}},
        "planned_units": 20_000,
    }
    experiment = ab(service, status="draft", **wanted)
    assert experiment | wanted == experiment
    assert (experiment["started_at"], experiment["weight_changes"]) == (None, [])
    url = f"{EXPERIMENTS}/{experiment['id']}"
    changes: Json = {
        "unit_key": None,
        "dimensions": [],
        "guardrails": {"cost": {"margin": 1, "kind": "absolute"}},
        "planned_units": 100,
    }
    changed = found(service.write.patch(url, json=changes))
    assert changed | changes == changed
    assert found(service.read.get(url)) == changed


@pytest.mark.parametrize(
    "wrong, path",
    [
        ({"dimensions": ["a", "a"]}, "dimensions"),
        ({"dimensions": list("abcdef")}, "dimensions"),
        ({"guardrails": {"x": {"margin": 0}}}, "guardrails.x.margin"),
        ({"guardrails": {"x": {"margin": 1, "kind": "odd"}}}, "guardrails.x.kind"),
        ({"planned_units": 9}, "planned_units"),
        ({"unit_key": ""}, "unit_key"),
        ({"variants": [{"key": "A", "weight": 60}, {"key": "B", "weight": 50}]}, "variants"),
    ],
)
def test_a_wrong_definition_names_its_field(laptop: Service, wrong: Json, path: str) -> None:
    error = refused(laptop.write.post(EXPERIMENTS, json={"name": "x", **wrong}), 400)
    assert [one["path"] for one in error["details"]["fields"]] == [path]


def test_units_and_plan_are_fixed_once_it_has_started(laptop: Service) -> None:
    url = f"{EXPERIMENTS}/{ab(laptop, unit_key='user')['id']}"
    refused(laptop.write.patch(url, json={"unit_key": "session"}), 409)
    refused(laptop.write.patch(url, json={"planned_units": 10}), 409)
    found(laptop.write.patch(url, json={"dimensions": ["country"], "unit_key": "user"}))
    found(laptop.write.patch(url, json={"status": "completed"}))
    refused(laptop.write.patch(url, json={"variants": [{"key": "A", "weight": 100}]}), 409)


def test_a_variant_that_has_logs_cannot_be_removed(service: Service) -> None:
    url = f"{EXPERIMENTS}/{ab(service)['id']}"
    found(post_log(service, variantKey="A"))
    only_b, only_a = [{"key": "B", "weight": 100}], [{"key": "A", "weight": 100}]
    error = refused(service.write.patch(url, json={"variants": only_b}), 409)
    assert error["details"]["variants"] == ["A"]
    found(service.write.patch(url, json={"variants": only_a}))
    refused(post_log(service, variantKey="B"), 400)


def test_removing_a_variant_and_logging_to_it_do_not_both_succeed(service: Service) -> None:
    """Another process knows the definition from before."""
    url = f"{EXPERIMENTS}/{ab(service)['id']}"
    ours = service.services.variants
    elsewhere = replace(
        ours, definitions=DefinitionStore(service.services.table, service.services.clock)
    )
    variant_logs.log(elsewhere, service.context(), "ab", NewLog("A"))
    found(service.write.patch(url, json={"variants": [{"key": "A", "weight": 100}]}))
    known = elsewhere.definitions.get(service.tenant, "ab")
    assert known is not None
    assert len(known.experiment.variants) == 2
    with pytest.raises(Invalid):
        variant_logs.log(elsewhere, service.context(), "ab", NewLog("B"))
    assert len(logs_of(service)) == 1


# -- logging -----------------------------------------------------------------------------------


def test_the_example_of_the_source_api(service: Service) -> None:
    ab(service, unit_key="session_id")
    answer = service.write.post("/experiment/ab/log", json=REFERENCE)
    assert answer.status_code == 200
    assert set(answer.json()) == {"success", "logId"}
    assert answer.json()["success"] is True
    assert is_log_id(answer.json()["logId"])
    (log,) = logs_of(service)
    assert log | REFERENCE == log
    assert (log["logId"], log["unitId"]) == (answer.json()["logId"], "session_abc_123")
    assert time_of(log["logId"]) == log["timestamp"]


def test_who_may_not_log_is_told_so(service: Service) -> None:
    ab(service)
    refused(service.anybody.post("/experiment/ab/log", json=REFERENCE), 401)
    refused(service.read.post("/experiment/ab/log", json=REFERENCE), 403)
    refused(service.other.post("/experiment/ab/log", json=REFERENCE), 404)
    refused(service.write.post("/experiment/nothing/log", json=REFERENCE), 404)


@pytest.mark.parametrize(
    "wrong, path",
    [
        ({"variantKey": None}, "variantKey"),
        ({"variantKey": "C"}, "variantKey"),
        ({"input": []}, "input"),
        ({"output": "text"}, "output"),
        ({"metrics": {"a": True}}, "metrics.a"),
        ({"metrics": {"a": None}}, "metrics.a"),
        ({"metrics": {"a": "1"}}, "metrics.a"),
        ({"metrics": {f"m{n}": 1 for n in range(51)}}, "metrics"),
        ({"covariates": {"a": "NaN"}}, "covariates.a"),
        ({"context": {"n": 10**30}}, "context"),
        ({"unitId": ""}, "unitId"),
        ({"unitId": "x" * 251}, "unitId"),
        ({"logId": "order-17"}, "logId"),
        ({"logId": new_id(START_MS), "timestamp": START_MS + 1}, "logId"),
        ({"timestamp": -1}, "timestamp"),
        ({"timestamp": START_MS + 10**9}, "timestamp"),
        ({"logId": new_id(START_MS + 10**9)}, "logId"),
        ({"varientKey": "A"}, "varientKey"),
    ],
)
def test_a_malformed_log_names_its_field(laptop: Service, wrong: Json, path: str) -> None:
    ab(laptop)
    error = refused(post_log(laptop, **wrong), 400)
    assert [one["path"] for one in error["details"]["fields"]] == [path]
    assert logs_of(laptop) == []


def test_a_draft_takes_no_logs_and_every_other_status_does(service: Service) -> None:
    experiment = ab(service, status="draft")
    refused(post_log(service), 409)
    for status in ("active", "paused", "completed"):
        changes = {"status": status}
        found(service.write.patch(f"{EXPERIMENTS}/{experiment['id']}", json=changes))
        assert post_log(service).status_code == 200


def test_a_log_that_is_sent_again_counts_once(service: Service) -> None:
    ab(service)
    body = {**REFERENCE, "logId": new_id()}
    for _ in range(3):
        answer = found(service.write.post("/experiment/ab/log", json=body))
        assert answer == {"success": True, "logId": new_id()}
    refused(service.write.post("/experiment/ab/log", json={**body, "output": {}}), 409)
    found(service.write.post(f"/experiment/ab/log/{new_id()}/metrics", json={"late": 1}))
    assert found(service.write.post("/experiment/ab/log", json=body))["logId"] == new_id()
    assert len(logs_of(service)) == 1
    service.pull()
    experiment = found(service.read.get(f"{EXPERIMENTS}/ab"))
    assert experiment["counts"]["logs"] == 1


def test_one_log_sent_by_many_at_once_counts_once(service: Service) -> None:
    ab(service)
    found(post_log(service))
    body = {**REFERENCE, "logId": new_id()}

    def send(_: int) -> int:
        return service.write.post("/experiment/ab/log", json=body).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(send, range(16))) == {200}
    assert len(logs_of(service)) == 2


def test_an_idempotency_key_does_the_same(service: Service) -> None:
    ab(service)
    headers = {"Idempotency-Key": "order-17"}
    first = service.write.post("/experiment/ab/log", json=REFERENCE, headers=headers)
    again = service.write.post("/experiment/ab/log", json=REFERENCE, headers=headers)
    assert found(first) == found(again)
    assert len(logs_of(service)) == 1


@pytest.mark.parametrize("size", [10, 40_000, 3_900_000])
def test_content_of_any_size_comes_back(service: Service, size: int) -> None:
    ab(service)
    text = random.Random(size).randbytes(size // 2).hex()
    found(post_log(service, input={"text": text}, metrics={"score": 1}))
    (log,) = logs_of(service)
    assert log["input"] == {"text": text}
    too_large = post_log(service, input={"text": "x" * 4_200_000})
    refused(too_large, 413)


def test_another_body_under_a_known_id_leaves_the_stored_one_alone(service: Service) -> None:
    ab(service)
    noise = [random.Random(k).randbytes(60_000).hex() for k in (1, 2)]
    found(post_log(service, logId=new_id(), input={"text": noise[0]}))
    refused(post_log(service, logId=new_id(), input={"text": noise[1]}), 409)
    (log,) = logs_of(service)
    assert log["input"] == {"text": noise[0]}


def test_a_metric_may_be_no_number_and_comes_back_as_it_was_sent(service: Service) -> None:
    ab(service)
    metrics = {"a": "NaN", "b": "-Infinity", "c": 5, "d": 5.0, "e": 0.1 + 0.2, "f": 2**62}
    found(post_log(service, metrics=metrics))
    (log,) = logs_of(service)
    assert json.dumps(log["metrics"], sort_keys=True) == json.dumps(metrics, sort_keys=True)


def test_the_unit_is_the_one_sent_else_the_contexts(service: Service) -> None:
    ab(service, unit_key="user")
    contexts: list[Json] = [{"user": "ada"}, {"user": 17}, {"user": None}, {"user": ["x"]}, {}]
    for context in contexts:
        found(post_log(service, context=context))
    found(post_log(service, context={"user": "ada"}, unitId="bob"))
    assert [log["unitId"] for log in logs_of(service)] == ["bob", None, None, None, "17", "ada"]
    refused(post_log(service, context={"user": "x" * 300}), 400)


def test_late_outcomes_are_merged_into_the_log(service: Service) -> None:
    ab(service)
    log = found(post_log(service, metrics={"latency_ms": 120}))["logId"]
    url = f"/experiment/ab/log/{log}/metrics"
    for body in ({"user_rating": 5}, {"user_rating": 4, "sold": 1}, {"sold": 1}):
        assert found(service.write.post(url, json=body)) == {"success": True, "logId": log}
    (read,) = logs_of(service)
    assert read["metrics"] == {"latency_ms": 120, "user_rating": 4, "sold": 1}
    refused(service.write.post(url, json={}), 400)
    error = refused(service.write.post(url, json={"user_rating": "five"}), 400)
    assert error["details"]["fields"][0]["path"] == "user_rating"
    unknown = f"/experiment/ab/log/{new_id()}/metrics"
    refused(service.write.post(unknown, json={"a": 1}), 404)
    refused(service.write.post("/experiment/ab/log/x/metrics", json={"a": 1}), 404)
    refused(service.other.post(url, json={"user_rating": 1}), 404)
    refused(service.write.post(url, json={f"m{n}": n for n in range(49)}), 409)


@pytest.mark.parametrize("slug", ["No_Slug", "%20", "a%2Fb", "x" * 64, "x" * 3000])
def test_what_is_no_slug_names_no_experiment(laptop: Service, slug: str) -> None:
    at = f"/experiment/{slug}"
    refused(laptop.read.post(f"{at}/assign", json={"userId": "u"}), 404)
    refused(laptop.write.post(f"{at}/log", json={"variantKey": "A"}), 404)
    refused(laptop.write.post(f"{at}/log/batch", json={"logs": [{"variantKey": "A"}]}), 404)
    refused(laptop.write.post(f"{at}/log/{new_id()}/metrics", json={"score": 1}), 404)
    refused(laptop.read.get(f"{at}/logs"), 404)


def test_late_outcomes_of_two_writers_are_both_kept(service: Service) -> None:
    ab(service)
    log = found(post_log(service))["logId"]
    url = f"/experiment/ab/log/{log}/metrics"

    def send(number: int) -> int:
        return service.write.post(url, json={f"m{number}": number}).status_code

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(send, range(20))) == {200}
    assert len(logs_of(service)[0]["metrics"]) == 20


def test_an_experiment_has_at_most_a_hundred_metrics(laptop: Service) -> None:
    ab(laptop)
    for start in (0, 50):
        found(post_log(laptop, metrics={f"m{n:03d}": 1 for n in range(start, start + 50)}))
    error = refused(post_log(laptop, metrics={"m000": 1, "another": 1}), 400)
    assert error["details"]["fields"][0]["path"] == "metrics.another"
    found(post_log(laptop, metrics={"m000": 1}))


# -- batches -----------------------------------------------------------------------------------


def test_each_log_of_a_batch_is_taken_or_refused_on_its_own(service: Service) -> None:
    ab(service)
    same, other = new_id(chance=1), new_id(chance=2)
    logs: list[Any] = [
        {"variantKey": "A", "metrics": {"score": 1}},
        {"variantKey": "C"},
        "no log",
        {"variantKey": "B", "metrics": {"score": "x"}},
        {"variantKey": "B", "logId": same},
        {"variantKey": "B", "logId": same},
        {"variantKey": "A", "logId": same},
        {"variantKey": "B", "logId": other},
    ]
    answers = found(service.write.post("/experiment/ab/log/batch", json={"logs": logs}))["results"]
    assert [one["success"] for one in answers] == [
        True, False, False, False, True, True, False, True,
    ]  # fmt: skip
    codes = [one["error"] and one["error"]["code"] for one in answers]
    assert codes == [None, "invalid", "invalid", "invalid", None, None, "conflict", None]
    assert answers[3]["error"]["details"]["fields"][0]["path"] == "metrics.score"
    assert [one["logId"] for one in answers[4:]] == [same, same, None, other]
    assert len(logs_of(service)) == 3
    # and once more, with what was there before among what is new
    answers = found(service.write.post("/experiment/ab/log/batch", json={"logs": logs[4:]}))
    assert [one["success"] for one in answers["results"]] == [True, True, False, True]
    assert len(logs_of(service)) == 3


def test_a_batch_of_500_costs_a_few_transactions(laptop: Service) -> None:
    ab(laptop)
    found(post_log(laptop, metrics={"score": 1}))
    logs = [{"variantKey": "A", "unitId": f"u{n % 9}", "metrics": {"score": n}} for n in range(500)]
    with laptop.budget(transactions=5):
        answers = found(laptop.write.post("/experiment/ab/log/batch", json={"logs": logs}))
    assert all(one["success"] for one in answers["results"])
    assert len({one["logId"] for one in answers["results"]}) == 500
    refused(laptop.write.post("/experiment/ab/log/batch", json={"logs": logs + logs[:1]}), 400)
    refused(laptop.write.post("/experiment/ab/log/batch", json={"logs": []}), 400)
    refused(laptop.write.post("/experiment/ab/log/batch", json={"log": []}), 400)


def test_a_large_batch_is_cut_into_what_a_transaction_takes(service: Service) -> None:
    ab(service)
    noise = random.Random(1).randbytes(12_000).hex()
    logs = [
        {"variantKey": "A", "logId": new_id(chance=n), "input": {"n": n, "noise": noise}}
        for n in range(150)
    ]
    answers = found(service.write.post("/experiment/ab/log/batch", json={"logs": logs}))
    assert all(one["success"] for one in answers["results"])
    assert len(logs_of(service, limit=1000)) == 150
    again = found(service.write.post("/experiment/ab/log/batch", json={"logs": logs}))
    assert again == answers


def test_a_batch_to_nothing_or_a_draft_is_refused_whole(service: Service) -> None:
    ab(service, status="draft")
    logs = {"logs": [{"variantKey": "A"}]}
    refused(service.write.post("/experiment/ab/log/batch", json=logs), 409)
    refused(service.write.post("/experiment/nothing/log/batch", json=logs), 404)
