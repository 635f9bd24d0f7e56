"""Logs of variants as they are made: their ids, what is refused at once, how they are packed."""

from __future__ import annotations

import json
import math
import time
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import log_ids
from trialbook import Invalid, TooLarge
from trialbook.errors import Unavailable, error_in_answer
from trialbook.variant_logs import (
    MAX_LOG_BYTES,
    MAX_LOGS,
    LogBatchBuilder,
    bound,
    late_metrics,
    new_log_id,
    time_of,
    variant_log,
)

NOTHING: dict[str, Any] = dict.fromkeys(
    ("input", "output", "metrics", "context", "unit", "covariates", "timestamp", "log_id")
)


def made(variant: Any = "A", **fields: Any) -> tuple[str, bytes]:
    given: dict[str, Any] = {**NOTHING, **fields}
    return variant_log(variant, **given)


def body(variant: Any = "A", **fields: Any) -> Any:
    log_id, encoded = made(variant, **fields)
    found = json.loads(encoded)
    assert found.pop("logId") == log_id
    return found


@given(st.integers(0, 253_402_300_799_999))
def test_an_id_holds_its_time_and_is_one_to_the_service(ms: int) -> None:
    log_id = new_log_id(ms)
    assert log_ids.is_log_id(log_id)
    assert log_ids.time_of(log_ids.LogId(log_id)) == ms == time_of(log_id)


def test_ids_of_one_millisecond_differ() -> None:
    assert len({new_log_id(1) for _ in range(1000)}) == 1000


def test_a_log_has_what_was_given_and_nothing_else() -> None:
    assert body() == {"variantKey": "A"}
    assert body(
        "B",
        input={"q": "ä"},
        output={"n": [1, {"m": None}]},
        metrics={"latency_ms": 2, "loss": {"a": math.nan, "b": -math.inf}, "np": np.float32(0.5)},
        context={"country": "DE"},
        unit="ada",
        covariates={"before": 3},
    ) == {
        "variantKey": "B",
        "input": {"q": "ä"},
        "output": {"n": [1, {"m": None}]},
        "metrics": {"latency_ms": 2.0, "loss/a": "NaN", "loss/b": "-Infinity", "np": 0.5},
        "context": {"country": "DE"},
        "unitId": "ada",
        "covariates": {"before": 3.0},
    }


def test_what_is_logged_is_what_it_was_then() -> None:
    given = {"items": [1]}
    _, encoded = made(input=given)
    given["items"].append(2)
    assert json.loads(encoded)["input"] == {"items": [1]}


def test_the_time_of_a_log_is_now_or_what_was_given() -> None:
    before = time.time_ns() // 1_000_000
    now = time_of(made()[0])
    assert before <= now <= time.time_ns() // 1_000_000
    moment = datetime(2026, 11, 1, 12, 0, 0, 123_000, tzinfo=timezone(timedelta(hours=1)))
    for timestamp in (1_793_530_800_123, moment, np.int64(1_793_530_800_123)):
        log_id, _ = made(timestamp=timestamp)
        assert time_of(log_id) == 1_793_530_800_123
    again, _ = made(timestamp=moment, log_id=log_id)
    assert again == log_id


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"variant": 1}, "variant must be a string, not int"),
    ({"variant": ""}, "variant must have 1 to 100 characters"),
    ({"unit": ""}, "unit must have 1 to 250 characters: length=0"),
    ({"unit": "x" * 251}, "unit must have 1 to 250 characters: length=251"),
    ({"unit": 7}, "unit must be a string, not int"),
    ({"metrics": {"a": "low"}}, "metric 'a' must be a number, not str"),
    ({"metrics": {"a": True}}, "metric 'a' must be a number, not bool"),
    ({"metrics": {"k" * 251: 1}}, "too long"),
    ({"metrics": [1]}, "metrics must be a dict"),
    ({"metrics": {f"m{n}": n for n in range(51)}}, "at most 50 metrics, not 51"),
    ({"covariates": {"a": math.inf}}, "covariate 'a' must be finite"),
    ({"input": [1]}, "input must be a dict, not list"),
    ({"output": "x"}, "output must be a dict, not str"),
    ({"context": {"a": object()}}, "must be JSON: object is not JSON serializable"),
    ({"context": {(1, 2): 3}}, "must be JSON"),
    ({"timestamp": -1}, "timestamp must be 0 to"),
    ({"timestamp": 1.5}, "timestamp must be an integer"),
    ({"timestamp": datetime(2026, 11, 1)}, "must have a time zone"),  # noqa: DTZ001  # the point
    ({"log_id": "log_1"}, "26 characters of a ULID"),
    ({"log_id": new_log_id(5), "timestamp": 6}, "of_id=5 timestamp=6"),
]


@pytest.mark.parametrize("fields, said", REFUSED)
def test_what_cannot_be_logged_is_refused_at_once(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as refused:
        body(**fields)
    assert said in str(refused.value)


def test_what_contains_itself_is_no_json() -> None:
    endless: dict[str, Any] = {}
    endless["self"] = endless
    with pytest.raises(Invalid, match="must be JSON"):
        body(input=endless)


def test_a_log_that_no_request_can_carry_is_refused_at_once() -> None:
    assert body(input={"text": "x" * (MAX_LOG_BYTES - 200)})
    with pytest.raises(TooLarge, match="save what is large as an artifact"):
        body(input={"text": "x" * MAX_LOG_BYTES})


def test_late_metrics_are_numbers_too() -> None:
    assert late_metrics({"user": {"rating": 5}}) == {"user/rating": 5.0}
    with pytest.raises(Invalid):
        late_metrics({"rating": None})


def test_bounds_are_milliseconds_days_or_texts() -> None:
    assert bound("since", None) is None
    assert bound("since", 5) == bound("since", "5") == 5
    assert bound("since", "2026-11-01T00:00Z") == "2026-11-01T00:00Z"
    assert bound("since", date(2026, 11, 1)) == "2026-11-01"
    assert bound("since", datetime(1970, 1, 1, 0, 0, 1, 999_600, tzinfo=UTC)) == 2000
    with pytest.raises(Invalid, match="since must have a time zone"):
        bound("since", datetime(2026, 11, 1))  # noqa: DTZ001  # the point
    with pytest.raises(Invalid):
        bound("since", True)


@given(st.lists(st.integers(1, 700_000), max_size=30), st.integers(0, 1200))
def test_batches_have_at_most_what_a_request_takes_and_all_of_it_in_order(
    sizes: list[int], small: int
) -> None:
    logs = [b'"%s"' % (b"x" * size) for size in sizes] + [b"%d" % n for n in range(small)]
    builder = LogBatchBuilder()
    bodies = [full for log in logs for full in builder.add(log)]
    if builder:
        bodies.append(builder.seal())
    assert not builder
    batches = [json.loads(each)["logs"] for each in bodies]
    assert [log for batch in batches for log in batch] == [json.loads(log) for log in logs]
    assert all(1 <= len(batch) <= MAX_LOGS for batch in batches)
    assert all(len(each) <= 1_500_200 for each in bodies)


def test_an_entrys_error_has_the_class_of_its_code() -> None:
    error = error_in_answer({"code": "unavailable", "message": "later", "details": {"a": 1}})
    assert isinstance(error, Unavailable)
    assert (str(error), error.code, error.details) == ("later", "unavailable", {"a": 1})
    assert isinstance(error_in_answer({"code": "invalid", "message": "bad"}), Invalid)
    assert error_in_answer(None).code == "error"
