"""Calls that fail on the way: what is tried again, how often, and that it counts once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.client.harness import URL, Bench, Pauses, Weather
from trialbook import (
    Conflict,
    ConnectionFailed,
    Internal,
    Invalid,
    NotFound,
    Throttled,
    TrialbookError,
    Unauthenticated,
    Unavailable,
)
from trialbook._http import Api
from trialbook.experiments import BASE
from trialbook.runs import AsyncRuns

pytestmark = pytest.mark.anyio


async def test_a_lost_answer_is_not_counted_twice(bench: Bench) -> None:
    run = bench.service.run()
    runs = AsyncRuns(bench.api())
    bench.weather.next += ["lost", "lost"]
    await runs.log_metrics(run["run_id"], {"loss": 0.5})
    found = await runs.get(run["run_id"])
    assert found.metric_summary["loss"].count == 1
    keys = {r.headers["idempotency-key"] for r in bench.weather.sent("POST", "/log-metrics")}
    assert len(keys) == 1


async def test_two_calls_have_two_idempotency_keys(bench: Bench) -> None:
    runs = AsyncRuns(bench.api())
    run = bench.service.run()
    for _ in range(2):
        await runs.log_metrics(run["run_id"], {"loss": 0.5}, timestamp=1)
    keys = {r.headers["idempotency-key"] for r in bench.weather.requests}
    assert len(keys) == 2


@pytest.mark.parametrize(
    "what, kind",
    [
        ("refused", ConnectionFailed),
        ("busy", Unavailable),
        ("slow", Throttled),
        ("broken", Internal),
    ],
)
async def test_what_does_not_pass_is_tried_as_often_as_was_said(
    bench: Bench, what: str, kind: type[TrialbookError]
) -> None:
    bench.weather.next += [what] * 10
    with pytest.raises(kind):
        await bench.api(attempts=4).call("GET", BASE)
    assert len(bench.weather.requests) == 4
    assert len(bench.pauses.seconds) == 3


async def test_pauses_double_with_full_jitter_after_what_the_service_asked_for() -> None:
    pauses = Pauses()
    api = Api(
        URL,
        "tb_k_secret",
        transport=httpx.MockTransport(_retry_after("7")),
        attempts=4,
        sleep=pauses,
        random=lambda: 0.5,
    )
    with pytest.raises(Unavailable):
        await api.call("GET", "/")
    assert pauses.seconds == [7 + 0.125, 7 + 0.25, 7 + 0.5]


@pytest.mark.parametrize("header", ["soon", "Wed, 21 Oct 2026 07:28:00 GMT", "-3", ""])
async def test_a_retry_after_that_is_no_number_is_left_out(header: str) -> None:
    pauses = Pauses()
    transport = httpx.MockTransport(_retry_after(header))
    api = Api(URL, "tb_k_secret", transport=transport, attempts=2, sleep=pauses, random=lambda: 1.0)
    with pytest.raises(Unavailable):
        await api.call("GET", "/")
    assert pauses.seconds == [0.25]


async def test_a_conflict_is_tried_again_only_when_it_says_when(bench: Bench) -> None:
    answers = [
        httpx.Response(409, headers={"retry-after": "1"}, json={"error": {"code": "conflict"}}),
        httpx.Response(409, json={"error": {"code": "conflict", "message": "a name is taken"}}),
    ]
    api = Api(
        URL,
        "tb_k_secret",
        transport=httpx.MockTransport(lambda _: answers.pop(0)),
        sleep=bench.pauses,
    )
    with pytest.raises(Conflict, match="a name is taken"):
        await api.call("POST", "/")
    assert len(bench.pauses.seconds) == 1


async def test_a_refusal_is_not_tried_again_and_names_every_bad_field(bench: Bench) -> None:
    with pytest.raises(Invalid) as caught:
        await bench.api().call("POST", BASE, body={"name": "", "color": 1})
    assert len(bench.weather.requests) == 1
    assert "\n" not in str(caught.value)
    assert {field.partition(":")[0] for field in caught.value.fields} == {"name", "color"}
    assert "name" in str(caught.value)
    assert "color" in str(caught.value)
    assert caught.value.status == 400
    assert caught.value.request_id


async def test_what_is_not_there_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound) as caught:
        await bench.api().call("GET", f"{BASE}/nothing")
    assert caught.value.code == "not_found"


async def test_the_key_is_in_no_error_and_no_repr(bench: Bench) -> None:
    key = "tb_wrongkey0_" + "x" * 40
    api = bench.api(key)
    with pytest.raises(Unauthenticated) as caught:
        await api.call("GET", BASE)
    assert "xxxx" not in f"{caught.value!r}{caught.value}{api!r}{api.__dict__!r}".replace(
        f"'_key': {key!r}", ""
    )
    with pytest.raises(TrialbookError) as refused:
        bench.api("tb_key_with a space" + "x" * 40)
    assert "xxxx" not in str(refused.value)


async def test_the_key_does_not_follow_a_redirect() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(307, headers={"location": "https://elsewhere.test/"})

    api = Api(URL, "tb_k_secret", transport=httpx.MockTransport(answer))
    with pytest.raises(TrialbookError, match=r"elsewhere\.test"):
        await api.call("GET", "/")
    assert asked == ["trialbook.test"]


async def test_presigned_urls_are_asked_without_the_key(bench: Bench) -> None:
    seen: list[httpx.Headers] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200)

    api = Api(URL, "tb_k_secret", bytes_transport=httpx.MockTransport(answer))
    await api.bytes.put("https://bytes.test/x", content=b"x")
    await api.close()
    assert "x-api-key" not in seen[0]
    assert "authorization" not in seen[0]


async def test_an_address_that_is_something_else_is_said_to_be() -> None:
    page = httpx.MockTransport(lambda _: httpx.Response(200, text="<html>"))
    with pytest.raises(TrialbookError, match="is it the address"):
        await Api(URL, "tb_k_secret", transport=page).call("GET", "/")


async def test_an_error_page_of_a_proxy_is_an_error_of_its_status() -> None:
    page = httpx.MockTransport(lambda _: httpx.Response(404, text="<html>"))
    with pytest.raises(NotFound, match="answered 404"):
        await Api(URL, "tb_k_secret", transport=page).call("GET", "/")


async def test_numbers_that_json_lacks_are_sent_by_name() -> None:
    sent: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content, parse_constant=_no_such_word))
        return httpx.Response(204)

    api = Api(URL, "tb_k_secret", transport=httpx.MockTransport(answer))
    inf = float("inf")
    body = {"a": [1.5, float("nan"), (inf, True, None)], "b": {"c": -inf, "d": "NaN"}}
    assert await api.call("PATCH", "/", body=body) is None
    assert sent == [
        {"a": [1.5, "NaN", ["Infinity", True, None]], "b": {"c": "-Infinity", "d": "NaN"}}
    ]


def _retry_after(seconds: str) -> Callable[[httpx.Request], httpx.Response]:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(503, headers={"retry-after": seconds})

    return answer


def _no_such_word(word: str) -> None:
    raise AssertionError(word)


async def test_weather_is_fair_by_default(bench: Bench) -> None:
    assert isinstance(bench.weather, Weather)
    assert (await bench.api().call("GET", "/health"))["status"] == "ok"
