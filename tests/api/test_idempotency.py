"""`Idempotency-Key`: a repeated request gives the first answer and writes nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from chalicelib.core.context import Role
from chalicelib.core.errors import Unavailable
from tests.api.answers import Json, bad_fields, found, made, refused
from tests.api.harness import EXPERIMENTS, KEYS, RUNS, Service

DAY_S = 24 * 3600


def key(text: str) -> dict[str, str]:
    return {"Idempotency-Key": text}


def create(service: Service, name: str, text: str = "key") -> httpx.Response:
    return service.write.post(EXPERIMENTS, json={"name": name}, headers=key(text))


def test_the_same_request_gives_the_first_answer_and_writes_nothing(service: Service) -> None:
    first = create(service, "once")
    service.clock.advance(60 * 60)
    found(service.read.get(EXPERIMENTS))
    service.write.get(EXPERIMENTS)
    with service.budget(writes=1, reads=1):  # the claim that fails, and the answer
        again = create(service, "once")
    assert made(again) == made(first)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert found(service.read.get(EXPERIMENTS))["total"] == 1


def test_every_kind_of_writing_post_is_remembered(service: Service) -> None:
    run_id = service.run()["run_id"]
    points = [{"key": "loss", "value": 1.0}]
    requests: list[tuple[str, Json]] = [
        (RUNS, {"experiment_id": service.get_run(run_id)["experiment_id"]}),
        (f"{RUNS}/{run_id}/log-metrics", {"metrics": {"acc": 1}}),
        (f"{RUNS}/{run_id}/log-params", {"params": {"lr": 1}}),
        (f"{RUNS}/{run_id}/log-batch", {"metrics": points}),
        (f"{RUNS}/{run_id}/end", {}),
        (f"{RUNS}/{run_id}/restore", {}),
    ]
    first = [service.write.post(url, json=body, headers=key("k")) for url, body in requests]
    service.clock.advance(3600)
    again = [service.write.post(url, json=body, headers=key("k")) for url, body in requests]
    assert [(a.status_code, a.content) for a in again] == [
        (a.status_code, a.content) for a in first
    ]
    assert all(answer.is_success for answer in first)
    assert service.get_run(run_id)["metric_summary"]["loss"]["count"] == 1
    assert service.get_run(run_id)["metric_summary"]["acc"]["count"] == 1


def test_another_body_conflicts(service: Service) -> None:
    made(create(service, "one"))
    error = refused(create(service, "two"), 409)
    assert "another body" in error["message"]
    assert found(service.read.get(EXPERIMENTS))["total"] == 1


def test_an_answer_is_kept_for_a_day(service: Service) -> None:
    body = {"experiment_id": service.experiment()["id"]}
    first = made(service.write.post(RUNS, json=body, headers=key("k")))
    service.clock.advance(DAY_S - 5)
    assert made(service.write.post(RUNS, json=body, headers=key("k"))) == first
    service.clock.advance(10)
    later = made(service.write.post(RUNS, json=body, headers=key("k")))
    assert later["run_id"] != first["run_id"]


def test_a_key_is_scoped_to_its_user(service: Service) -> None:
    same_user = service.client(service.key(Role.WRITE, "ada"))
    other_user = service.client(service.key(Role.WRITE, "bob"))
    first = made(create(service, "x"))
    again = same_user.post(EXPERIMENTS, json={"name": "x"}, headers=key("key"))
    assert made(again) == first
    refused(other_user.post(EXPERIMENTS, json={"name": "x"}, headers=key("key")), 409)
    theirs = made(service.other.post(EXPERIMENTS, json={"name": "x"}, headers=key("key")))
    assert theirs["id"] != first["id"]


def test_a_key_is_scoped_to_its_path_and_query(service: Service) -> None:
    ids = [service.run()["run_id"] for _ in range(2)]
    body: Json = {"metrics": {"loss": 1}, "timestamp": 1}
    for run_id in ids:
        found(service.write.post(f"{RUNS}/{run_id}/log-metrics", json=body, headers=key("k")))
        assert service.get_run(run_id)["metrics"] == {"loss": 1.0}
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n'
    headers = {"content-type": "multipart/form-data; boundary=b", **key("k")}
    artifacts = [
        found(
            service.write.post(
                f"{RUNS}/{ids[0]}/log-artifact?artifact_path={folder}",
                content=form,
                headers=headers,
            )
        )["artifact"]
        for folder in ("one", "two", "one")
    ]
    assert artifacts == ["one/a", "two/a", "one/a"]


def test_a_request_that_failed_may_be_sent_again(service: Service) -> None:
    body = {"experiment_id": "not-there-yet"}
    refused(service.write.post(RUNS, json=body, headers=key("k")), 404)
    service.experiment(slug="not-there-yet")
    made(service.write.post(RUNS, json=body, headers=key("k")))


def test_a_refused_body_may_be_corrected_under_the_same_key(service: Service) -> None:
    bad_fields(service.write.post(EXPERIMENTS, json={"name": 5}, headers=key("k")))
    made(service.write.post(EXPERIMENTS, json={"name": "5"}, headers=key("k")))


def test_a_second_request_while_the_first_is_in_flight_is_told_to_wait(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    table: Any = service.services.table
    transact = table.transact
    meanwhile: list[httpx.Response] = []
    create(service, "warm", "another")

    def slowly(*arguments: Any) -> None:
        monkeypatch.undo()
        with ThreadPoolExecutor(1) as pool:
            meanwhile.extend(pool.submit(create, service, name).result() for name in ("x", "y"))
        transact(*arguments)

    monkeypatch.setattr(table, "transact", slowly)
    first = made(create(service, "x"))
    in_flight, with_another_body = meanwhile
    refused(in_flight, 409)
    assert in_flight.headers["retry-after"] == "1"
    refused(with_another_body, 409)
    assert "retry-after" not in with_another_body.headers
    assert made(create(service, "x")) == first


def test_what_died_in_flight_may_be_tried_again_after_a_minute(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    table: Any = service.services.table

    def lost(*_: Any, **__: Any) -> None:
        raise Unavailable("the table did not answer; send it again")

    create(service, "warm", "another")
    for operation in ("transact", "add"):  # the work, and ending the attempt
        monkeypatch.setattr(table, operation, lost)
    answer = create(service, "x")
    refused(answer, 503)
    assert answer.headers["retry-after"] == "1"
    monkeypatch.undo()
    refused(create(service, "x"), 409)
    service.clock.advance(61)
    made(create(service, "x"))


def test_a_large_answer_is_kept_in_a_blob(service: Service) -> None:
    body = {"name": "large", "tags": {f"t{number}": "x" * 8000 for number in range(20)}}
    create(service, "warm", "another")
    with service.budget(writes=2, transactions=1, blobs=1):
        first = service.write.post(EXPERIMENTS, json=body, headers=key("k"))
    assert len(first.content) > 64 * 1024
    with service.budget(writes=1, reads=1, blobs=1):
        again = service.write.post(EXPERIMENTS, json=body, headers=key("k"))
    assert made(again) == made(first)


def test_presigned_urls_in_a_remembered_answer_are_made_anew(service: Service) -> None:
    run_id = service.run()["run_id"]
    url = f"{RUNS}/{run_id}/artifacts/uploads"
    sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    body = {"path": "a", "size_bytes": 1, "sha256": sha256}
    first = made(service.write.post(url, json=body, headers=key("k")))
    service.clock.advance(3600)
    again = made(service.write.post(url, json=body, headers=key("k")))
    assert again["upload_id"] == first["upload_id"]
    assert again["expires_at"] > first["expires_at"]
    (part,) = again["parts"]
    answer = service.files.put(part["url"], content=b"x", headers=part["headers"])
    assert answer.status_code == 200
    found(service.write.post(f"{url}/{first['upload_id']}/complete", json={}))
    made(service.write.post(url, json=body, headers=key("k")))


def test_read_only_posts_ignore_it(service: Service) -> None:
    runs = [service.run()["run_id"] for _ in range(3)]
    for some in (runs[:2], runs[1:]):
        answer = service.write.post(f"{RUNS}/compare", json={"run_ids": some}, headers=key("k"))
        assert [run["run_id"] for run in found(answer)["runs"]] == some


def test_keys_refuse_it(service: Service) -> None:
    answer = service.admin.post(KEYS, json={"role": "read"}, headers=key("k"))
    assert bad_fields(answer) == ["Idempotency-Key"]


@pytest.mark.parametrize("text", ["", " ", "x" * 256, "tab\tinside", "\x7f"])
def test_a_malformed_key_is_refused(laptop: Service, text: str) -> None:
    answer = laptop.write.post(EXPERIMENTS, json={"name": "x"}, headers=key(text))
    assert bad_fields(answer) == ["Idempotency-Key"]


@pytest.mark.parametrize("text", ["x", "x" * 255, "a b", "~!#\"'", "{1}"])
def test_any_printable_key_is_taken(laptop: Service, text: str) -> None:
    assert made(create(laptop, "x", text)) == made(create(laptop, "x", text))
