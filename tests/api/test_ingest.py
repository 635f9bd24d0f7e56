"""Files of lines: announced, put there by URL, and ingested as their object is told of."""

from __future__ import annotations

import gzip
import json
from typing import Any, Final

import pytest

from chalicelib import wiring
from chalicelib.api.v1 import ingest_lines
from chalicelib.core.errors import Throttled
from chalicelib.domain import arrivals, ingestion
from chalicelib.domain.arrivals import Arrived
from chalicelib.domain.ingestion import Progress
from chalicelib.storage import ingest_keys
from tests.api.answers import Json, found, made, refused
from tests.api.harness import RUNS, Service

INGEST: Final = "/api/v1/ingest"
RUN: Final = "ab" * 16


def packed(lines: list[Json | str]) -> bytes:
    return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines).encode()


def told_of(service: Service, key: str) -> str:
    """The message that tells of an object as it is now."""
    head = service.services.blobs.head(key)
    assert head is not None
    assert head.version is not None
    return arrivals.told(Arrived(key, head.version, head.size_bytes, head.modified_ms))


def handle(service: Service, message: str, tries: int = 1, seconds: float = 600) -> Progress:
    services = service.services
    to = wiring.arrivals(services, ingest_lines.parse)
    deadline_s = services.clock.monotonic_s() + seconds
    return arrivals.handle(to, message, tries, deadline_s=deadline_s)


def dropped(service: Service, name: str, body: bytes) -> str:
    """The key of an object that somebody put into the bucket."""
    key = f"ingest/{service.tenant}/{name}"
    service.services.blobs.put(key, body, mime="application/octet-stream")
    return key


def sent(service: Service, body: bytes, filename: str = "lines.jsonl") -> Json:
    """Announced, put there by the URL, and ingested; what it came to."""
    wanted = {"filename": filename, "size_bytes": len(body)}
    announced = made(service.write.post(INGEST, json=wanted))
    put = service.files.put(announced["url"], headers=announced["headers"], content=body)
    assert put.status_code == 200
    assert handle(service, told_of(service, announced["key"])).is_done
    return found(service.read.get(f"{INGEST}/{announced['ingest_id']}"))


def lines_of(service: Service) -> list[Json | str]:
    return [
        {"type": "run", "run_id": RUN, "experiment_id": service.experiment()["id"], "name": "x"},
        {"type": "params", "run_id": RUN, "params": {"lr": 0.1, "net": "mlp"}},
        *({"type": "metrics", "run_id": RUN, "metrics": {"loss": n}, "step": n} for n in range(5)),
        {"type": "tags", "run_id": RUN, "tags": {"host": "ship"}},
        {"type": "run", "run_id": RUN, "status": "failed"},
    ]


def own(lines: list[Json | str], run_id: str) -> list[Json | str]:
    return [json.loads(json.dumps(one).replace(RUN, run_id)) for one in lines]


def test_a_file_does_what_the_api_would_have_done(service: Service) -> None:
    run_id = service.clock.new_id() if service.engine != "real" else "fa" * 16
    file = sent(service, packed(own(lines_of(service), run_id)))
    assert (file["state"], file["lines"], file["applied"], file["refused"]) == ("done", 9, 9, 0)
    assert file["created_by"] == "ada"
    run = service.get_run(run_id)
    assert run["name"] == "x"
    assert run["status"] == "failed"
    assert run["end_time"] is not None
    assert run["params"] == {"lr": "0.1", "net": "mlp"}
    assert run["tags"] == {"host": "ship"}
    assert run["created_by"] == "ada"
    assert run["metric_summary"]["loss"] | {"timestamp": 0} == {
        "last": 4.0, "step": 4, "timestamp": 0, "min": 0.0, "max": 4.0, "count": 5,
    }  # fmt: skip


def test_gzip_is_told_by_its_bytes(service: Service) -> None:
    line = {"type": "run", "experiment_id": service.experiment()["id"], "name": "packed"}
    body = gzip.compress(packed([line])) + gzip.compress(b"\n" + packed([line]))
    for filename in ("a.jsonl.gz", "a.jsonl"):
        file = sent(service, body, filename)
        assert (file["state"], file["applied"]) == ("done", 2)


REFUSALS: Final[list[tuple[Any, str]]] = [
    ("no json", "invalid JSON"),
    ("[1]", "should be"),
    ("7", "should be"),
    ("null", "should be"),
    ({}, "unable to extract tag using discriminator 'type'"),
    ({"type": "delete"}, "'delete'"),
    ({"type": "run"}, "there is no such run"),
    ({"type": "run", "experiment_id": "no-such"}, "there is no such experiment"),
    ({"type": "metrics", "run_id": "e" * 32, "metrics": {"a": 1}}, "there is no such run"),
    ({"type": "metrics", "run_id": RUN, "metrics": {"a": "x"}}, "metrics.a"),
    ({"type": "metrics", "run_id": RUN, "metrics": {}}, "at least 1 item"),
    ({"type": "metrics", "metrics": {"a": 1}}, "run_id: field required"),
    ({"type": "params", "run_id": RUN, "params": {"a": "x" * 8001}}, "at most 8000"),
    ({"type": "tags", "run_id": RUN, "tags": {"a": None}}, "valid string"),
    ({"type": "variant_log", "slug": "none", "variantKey": "a"}, "there is no such experiment"),
    ({"type": "artifact", "kind": "x", "sha256": "0" * 64}, "missing"),
    ({"type": "run", "run_id": RUN, "unknown": 1}, "unknown"),
    ({"type": "run", "run_id": RUN, "end_time": "2026-01-01T00:00:00Z"}, "a status that ends"),
]


def test_a_bad_line_is_refused_with_its_number_and_the_rest_goes_on(service: Service) -> None:
    lines: list[Json | str] = [line for line, _ in REFUSALS]
    good = {"type": "run", "experiment_id": service.experiment()["id"], "name": "good"}
    file = sent(service, packed([good, *lines, "", "  ", good]))
    count = len(REFUSALS)
    assert (file["lines"], file["applied"], file["refused"]) == (count + 4, 2, count)
    for number, (error, (line, part)) in enumerate(zip(file["errors"], REFUSALS, strict=True), 2):
        assert error["line"] == number
        assert part in error["reason"], (line, error)


def test_a_run_that_would_end_before_it_starts_is_not_started(service: Service) -> None:
    experiment_id = service.experiment()["id"]
    ended = {"status": "finished", "end_time": "2020-01-01T00:00:00Z"}
    file = sent(service, packed([{"type": "run", "experiment_id": experiment_id, **ended}]))
    assert file["refused"] == 1
    assert "before the run's start" in file["errors"][0]["reason"]
    listed = found(service.read.get(RUNS, params={"experiment_id": experiment_id}))
    assert listed["runs"] == []


def test_broken_utf8_and_overlong_lines_are_refused(service: Service) -> None:
    good = packed([{"type": "run", "experiment_id": service.experiment()["id"]}])
    body = b"\n".join([b'{"type": "\xff"}', b"x" * (5 << 20), good, good[:20] + b"\xc3"])
    file = sent(service, body)
    assert (file["applied"], [error["line"] for error in file["errors"]]) == (1, [1, 2, 4])
    assert "unicode" in file["errors"][0]["reason"]
    assert file["errors"][1]["reason"] == "the line has more than 4194304 bytes"


def test_only_the_first_thousand_refused_lines_are_told(laptop: Service) -> None:
    file = sent(laptop, b"bad\n" * 2500)
    assert (file["lines"], file["refused"]) == (2500, 2500)
    assert [error["line"] for error in file["errors"]] == list(range(1, 1001))


def test_the_report_lies_beside_the_file(service: Service) -> None:
    file = sent(service, b"bad")
    head = service.services.blobs.head(file["key"])
    assert head is not None
    key = ingest_keys.report(file["key"], head.version or "")
    assert key.startswith(f"ingest-reports/{service.tenant}/{file['ingest_id']}/lines.jsonl.")
    report = json.loads(service.services.blobs.get(key))
    assert report["errors"] == file["errors"]
    assert (report["state"], report["refused"]) == ("done", 1)


def test_a_message_that_comes_again_changes_nothing(service: Service) -> None:
    run_id = "ad" * 16
    key = dropped(service, "again.jsonl", packed(own(lines_of(service), run_id)))
    message = told_of(service, key)
    assert handle(service, message).applied == 9
    assert handle(service, message) == Progress(is_done=True)
    assert service.get_run(run_id)["metric_summary"]["loss"]["count"] == 5
    assert service.get_run(run_id)["created_by"] == "ingest"


def test_an_announced_file_put_twice_is_one(service: Service) -> None:
    """As by a client whose first answer got lost, into a bucket that keeps versions."""
    run_id = "ac" * 16
    body = packed(own(lines_of(service), run_id))
    wanted = {"filename": "twice", "size_bytes": len(body)}
    announced = made(service.write.post(INGEST, json=wanted))
    for version in ("first", "second"):
        put = service.files.put(announced["url"], headers=announced["headers"], content=body)
        assert put.status_code == 200
        message = json.loads(told_of(service, announced["key"]))
        message["Records"][0]["s3"]["object"]["versionId"] = version
        assert handle(service, json.dumps(message)).is_done
    assert service.get_run(run_id)["metric_summary"]["loss"]["count"] == 5


def test_a_new_version_of_an_object_is_another_file(service: Service) -> None:
    line = {"type": "run", "experiment_id": service.experiment()["id"], "name": "one"}
    for name in ("one", "two"):
        key = dropped(service, "same.jsonl", packed([line | {"name": name}]))
        handle(service, told_of(service, key))
    files = found(service.read.get(INGEST))["files"]
    assert [file["applied"] for file in files] == [1, 1]
    assert len({file["ingest_id"] for file in files}) == 1


def test_when_time_is_up_the_rest_is_left_for_another_message(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion, "WINDOW_LINES", 2)
    run_id = "ae" * 16
    key = dropped(service, "long.jsonl", packed(own(lines_of(service), run_id)))
    message, deliveries = told_of(service, key), 0
    service.services.arrivals.send(message)
    while messages := service.services.arrivals.receive():
        for one in messages:
            handle(service, one.body, one.tries, seconds=-1)
            service.services.arrivals.delete(one)
            deliveries += 1
            file = found(service.read.get(INGEST))["files"][0]
            assert file["state"] == ("done" if file["lines"] == 9 and deliveries > 5 else "reading")
    assert deliveries == 6
    assert service.get_run(run_id)["metric_summary"]["loss"]["count"] == 5


def undelivered(service: Service) -> list[tuple[str, str | None]]:
    queue = service.services.undelivered
    messages = [one for _ in range(3) for one in queue.receive()]
    for one in messages:
        queue.delete(one)
    return [(one.body, one.reason) for one in messages]


def test_what_cannot_be_read_fails_with_the_reason(service: Service) -> None:
    line = packed([{"type": "run", "experiment_id": service.experiment()["id"]}])
    body = gzip.compress(line + b"\n")
    key = dropped(service, "cut.gz", body[:-9])
    assert handle(service, told_of(service, key)).is_done
    (file,) = found(service.read.get(INGEST))["files"]
    assert file["state"] == "failed"
    assert file["reason"] == "the gzip data ends in the middle; the file was cut"
    assert undelivered(service) == [(told_of(service, key), file["reason"])]


def test_a_failed_file_that_is_given_back_goes_on(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion, "WINDOW_LINES", 4)
    run_id = "af" * 16
    key = dropped(service, "later.jsonl", packed(own(lines_of(service), run_id)))
    message, attempts = told_of(service, key), 0
    get = service.services.blobs.get

    def away(*arguments: Any, **named: Any) -> bytes:
        raise Throttled("the store asks to slow down")

    with monkeypatch.context() as patch:
        patch.setattr(service.services.blobs, "get", away)
        for attempts in range(1, 5):
            with pytest.raises(Throttled):
                handle(service, message, attempts)
        assert handle(service, message, 5).is_done
    assert service.services.blobs.get == get
    (file,) = found(service.read.get(INGEST))["files"]
    assert file["reason"] == "given up after 5 tries: the store asks to slow down"
    ((body, reason),) = undelivered(service)
    assert (body, reason) == (message, file["reason"])
    assert handle(service, body).applied == 9
    assert found(service.read.get(INGEST))["files"][0]["state"] == "done"


@pytest.mark.parametrize(
    "message",
    ["?", "{}", "null", "[]", '{"Records": 1}', '{"Records": [{}]}', '{"Records": [{"s3": 7}]}'],
)
def test_no_notification_is_undelivered_at_once(laptop: Service, message: str) -> None:
    assert handle(laptop, message).is_done
    assert undelivered(laptop) == [(message, "this is no notification of an object")]


def test_what_concerns_nobody_is_left_alone(service: Service) -> None:
    test_event = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"})
    assert handle(service, test_event).is_done
    for key in ("elsewhere/file", f"ingest/{service.tenant}/folder/"):
        assert handle(service, arrivals.told(Arrived(key, "etag-x", 0, 0))).is_done
    assert undelivered(service) == []
    assert found(service.read.get(INGEST))["files"] == []


@pytest.mark.parametrize("key", ["ingest/nobody/a.jsonl", "ingest/a b/a.jsonl", "ingest/a.jsonl"])
def test_a_file_of_no_tenant_is_undelivered(service: Service, key: str) -> None:
    service.services.blobs.put(key, b"{}", mime="text/plain")
    assert handle(service, told_of(service, key)).is_done
    ((_, reason),) = undelivered(service)
    assert reason is not None
    assert "tenant" in reason


def test_a_file_writes_to_its_own_tenant_alone(service: Service) -> None:
    run = service.run()
    theirs = packed([{"type": "tags", "run_id": run["run_id"], "tags": {"a": "b"}}])
    assert service.other.get(INGEST).status_code == 200  # makes a key, and so the tenant
    key = f"ingest/{service.other_tenant}/theirs.jsonl"
    service.services.blobs.put(key, theirs, mime="text/plain")
    handle(service, told_of(service, key))
    (file,) = found(service.other.get(INGEST))["files"]
    seen = found(service.other.get(f"{INGEST}/{file['ingest_id']}"))
    assert seen["errors"] == [
        {"line": 1, "reason": f"tenant access denied (run_id={run['run_id']})"}
    ]
    assert service.get_run(run["run_id"])["tags"] == {}
    assert found(service.read.get(INGEST))["files"] == []
    refused(service.read.get(f"{INGEST}/{file['ingest_id']}"), 404)


def test_files_are_listed_newest_first_in_pages(service: Service) -> None:
    wanted = [
        made(service.write.post(INGEST, json={"filename": f"{n}", "size_bytes": 1}))["ingest_id"]
        for n in range(5)
    ]
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = found(service.read.get(INGEST, params=query))
        seen += [file["ingest_id"] for file in page["files"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == wanted[::-1]
    assert {file["state"] for file in page["files"]} == {"waiting"}


def test_announcing_again_by_the_same_key_signs_the_same_place(service: Service) -> None:
    headers = {"idempotency-key": "once"}
    wanted = {"filename": "a.jsonl", "size_bytes": 3}
    first, second = (
        made(service.write.post(INGEST, json=wanted, headers=headers)) for _ in range(2)
    )
    assert first["key"] == second["key"]
    put = service.files.put(second["url"], headers=second["headers"], content=b"abc")
    assert put.status_code == 200
    assert len(found(service.read.get(INGEST))["files"]) == 1


@pytest.mark.parametrize(
    "body, part",
    [
        ({"filename": "a"}, "size_bytes"),
        ({"filename": "", "size_bytes": 1}, "filename"),
        ({"filename": "a/b", "size_bytes": 1}, "filename"),
        ({"filename": "..", "size_bytes": 1}, "filename"),
        ({"filename": "a\n", "size_bytes": 1}, "filename"),
        ({"filename": "x" * 201, "size_bytes": 1}, "filename"),
        ({"filename": "a", "size_bytes": 0}, "size_bytes"),
        ({"filename": "a", "size_bytes": 5 * 1024**3 + 1}, "size_bytes"),
        ({"filename": "a.GZ", "size_bytes": 256 * 1024**2 + 1}, "a gzip file has at most"),
    ],
)
def test_what_cannot_be_announced(laptop: Service, body: Json, part: str) -> None:
    assert part in refused(laptop.write.post(INGEST, json=body), 400)["message"]


def test_a_reader_announces_nothing(laptop: Service) -> None:
    refused(laptop.read.post(INGEST, json={"filename": "a", "size_bytes": 1}), 403)
    refused(laptop.read.get(f"{INGEST}/nothing"), 404)
    refused(laptop.read.get(f"{INGEST}/{'0' * 32}"), 404)


def test_logs_and_artifacts_of_a_file(service: Service) -> None:
    variants = [{"key": "a", "weight": 50}, {"key": "b", "weight": 50}]
    slug = service.experiment("in a file", variants=variants, status="active")["slug"]
    run = service.run()
    form = {"file": ("m.bin", b"weights of a model")}
    saved = found(service.write.post(f"{RUNS}/{run['run_id']}/log-artifact", files=form))
    lines: list[Json | str] = [
        {"type": "variant_log", "slug": slug, "variantKey": "a", "unitId": f"u{n}",
         "metrics": {"clicks": n}}
        for n in range(130)
    ]  # fmt: skip
    lines.append({"type": "variant_log", "slug": slug, "variantKey": "c"})
    lines.append({"type": "artifact", "kind": "model", "sha256": saved["sha256"],
                  "run_id": run["run_id"], "tags": ["good"]})  # fmt: skip
    file = sent(service, packed(lines))
    assert (file["applied"], file["refused"]) == (131, 1)
    assert "it has a, b" in file["errors"][0]["reason"]
    service.pull()
    results = found(service.read.get(f"/experiment/{slug}/results"))
    assert results["exposures"]["a"] == {"units": 130, "logs": 130}
    hits = found(service.read.post("/api/v1/artifacts/search", json={"tags": ["good"]}))["hits"]
    assert [hit["artifact"]["run_id"] for hit in hits] == [run["run_id"]]


def test_a_parent_in_the_same_file_is_started_first(service: Service) -> None:
    experiment_id = service.experiment()["id"]
    runs = [f"{n:032x}" for n in range(7000, 7003)]
    lines: list[Json | str] = [
        {"type": "run", "run_id": runs[0], "experiment_id": experiment_id},
        {
            "type": "run",
            "run_id": runs[1],
            "experiment_id": experiment_id,
            "parent_run_id": runs[0],
        },
        {
            "type": "run",
            "run_id": runs[2],
            "experiment_id": experiment_id,
            "parent_run_id": runs[1],
        },
    ]
    assert sent(service, packed(lines))["applied"] == 3
    assert service.get_run(runs[2])["parent_run_id"] == runs[1]
