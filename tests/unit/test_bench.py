"""The benchmark's own parts: what it believes of an answer, and how it reports."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import client_calls, report
from bench.dialect import Point, SeenRun
from bench.dialects import DIALECTS
from bench.load import Load, Plan, WrongAnswer, drive
from bench.measures import Measure, Results, Spread, Target, met, ratio
from bench.raw_client import Address, BrokenAnswer, Response, ResponseParser, build_request
from bench.servers import LAUNCHES, Server
from bench.subject import ANY_NUMBER, QUICK, Subject
from bench.workloads_variants import (
    Assign,
    Experiment,
    LogExecution,
    LogExecutions,
    ReadResults,
)
from tests.api.process import KEY, serving

pytestmark = pytest.mark.slow

HERE = Address("127.0.0.1", 18000)
PLAIN = b'HTTP/1.1 201 Created\r\nContent-Length: 12\r\nETag: "a:b"\r\n\r\n{"id":"abc"}'
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;name=x\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n0\r\nx-sum: 1\r\n\r\n"
)


def feed(parser: ResponseParser, *pieces: bytes) -> list[Response]:
    """What the parser makes of these receives; a receive longer than the buffer is split."""
    responses: list[Response] = []
    for piece in pieces:
        rest = piece
        while rest:
            buffer = parser.buffer()
            count = min(len(buffer), len(rest))
            buffer[:count] = rest[:count]
            rest = rest[count:]
            if (response := parser.received(count)) is not None:
                responses.append(response)
    return responses


@given(st.lists(st.integers(0, len(PLAIN)), max_size=6))
def test_an_answer_of_known_length_is_read_however_it_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(PLAIN)]
    pieces = [PLAIN[a:b] for a, b in itertools.pairwise(edges)]
    (response,) = feed(ResponseParser(), *pieces)
    assert (response.status, bytes(response.body)) == (201, b'{"id":"abc"}')
    assert response.header("etag") == '"a:b"'
    assert response.header("location") is None


@given(st.lists(st.integers(0, len(CHUNKED)), max_size=6))
def test_a_chunked_answer_is_read_however_it_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(CHUNKED)]
    pieces = [CHUNKED[a:b] for a, b in itertools.pairwise(edges)]
    (response,) = feed(ResponseParser(), *pieces)
    assert (response.status, bytes(response.body)) == (200, b"hello 0123456789")


def test_one_connection_brings_one_answer_after_another() -> None:
    parser = ResponseParser()
    empty = b"HTTP/1.1 204 No Content\r\n\r\n"
    early = b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN
    statuses = [response.status for response in feed(parser, CHUNKED, empty, early, PLAIN)]
    assert statuses == [200, 204, 201, 201]


def test_a_body_larger_than_the_buffer_is_whole() -> None:
    body = bytes(range(256)) * 8192
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n"
    plain, in_chunks = feed(ResponseParser(), head + body, chunked % (len(body), body))
    assert plain.body == in_chunks.body == body


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_cannot_be_framed_is_refused(answer: bytes) -> None:
    with pytest.raises(BrokenAnswer):
        feed(ResponseParser(), answer)


def test_a_connection_closed_early_is_no_answer() -> None:
    parser = ResponseParser()
    feed(parser, PLAIN[:-1])
    with pytest.raises(BrokenAnswer, match="closed"):
        parser.received(0)


def test_a_request_carries_its_length() -> None:
    assert (
        build_request("GET", "/a%2Fb", HERE)
        == b"GET /a%2Fb HTTP/1.1\r\nHost: 127.0.0.1:18000\r\n\r\n"
    )
    assert build_request("PUT", "/x", HERE, {"A": "b"}, b"").endswith(
        b"A: b\r\nContent-Length: 0\r\n\r\n"
    )


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_numbers_step_value_and_time_of_a_precomputed_request(name: str) -> None:
    dialect = DIALECTS[name](HERE, Path())
    template = dialect.log_metric("0" * 32, Point("loss", 0.17654321, 7654321, 1767654321000))
    assert template.count(ANY_NUMBER) == 3
    body = template.replace(ANY_NUMBER, b"7000001").partition(b"\r\n\r\n")[2]
    assert len(body) == len(template.partition(b"\r\n\r\n")[2])
    assert b"0.17000001" in body
    json.loads(body)


@pytest.mark.parametrize(
    "body, cursor",
    [
        (b'{"points":[{"step":1}],"total":9,"next_cursor":"a-_.b"}', "a-_.b"),
        (b'{"next_cursor" : "first","points":[]}', "first"),
        (b'{"points":[],"next_cursor":null}', None),
        (b'{"points":[]}', None),
    ],
)
def test_the_cursor_is_found_without_parsing(body: bytes, cursor: str | None) -> None:
    assert DIALECTS["trialbook"](HERE, Path()).read_cursor(body) == cursor


def test_both_protocols_read_the_same_run() -> None:
    run = "0" * 32
    wanted = SeenRun(run, {"loss": 0.5}, {"lr": "0.1"}, {"team": "a"})
    ours = {"run_id": run, "metrics": {"loss": 0.5}, "params": {"lr": "0.1"}, "tags": {"team": "a"}}
    theirs = {
        "info": {"run_id": run},
        "data": {
            "metrics": [{"key": "loss", "value": 0.5, "step": 1}],
            "params": [{"key": "lr", "value": "0.1"}],
            "tags": [{"key": "team", "value": "a"}, {"key": "mlflow.runName", "value": "r"}],
        },
    }
    assert DIALECTS["trialbook"](HERE, Path()).read_run(json.dumps(ours).encode()) == wanted
    body = json.dumps({"run": theirs}).encode()
    assert DIALECTS["mlflow"](HERE, Path()).read_run(body) == wanted


class _Echo(BaseHTTPRequestHandler):
    """Answers the path of the request; 500 under /bad."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.path.encode()
        self.send_response(500 if self.path.startswith("/bad") else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Silent."""


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves in the middle of an answer is what a test does on purpose."""


@pytest.fixture
def echo() -> Iterator[Address]:
    server = _QuietServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Address("127.0.0.1", server.server_address[1])
    server.shutdown()
    thread.join()
    server.server_close()


def _asks(address: Address, paths: list[str], answers: list[bytes]) -> Plan:
    for path in paths:
        response = yield build_request("GET", path, address)
        answers.append(bytes(response.body))


def test_every_plan_runs_to_its_end_on_a_connection_of_its_own(echo: Address) -> None:
    first: list[bytes] = []
    second: list[bytes] = []
    plans = [_asks(echo, ["/1", "/2", "/3"], first), _asks(echo, ["/4"], second)]
    load = drive(echo, plans, 60)
    assert (first, second) == ([b"/1", b"/2", b"/3"], [b"/4"])
    assert len(load.latencies_s) == 4


def test_a_plan_is_told_of_every_answer_although_the_time_is_over(echo: Address) -> None:
    answers: list[bytes] = []
    load = drive(echo, [_asks(echo, ["/1", "/2"], answers)], 0)
    assert answers == [b"/1"]
    assert len(load.latencies_s) == 1


def test_what_runs_in_the_background_is_not_counted(echo: Address) -> None:
    answers: list[bytes] = []
    endless = _asks(echo, ["/again"] * 1_000_000, [])
    load = drive(echo, [_asks(echo, ["/1", "/2"], answers)], 60, background=[endless])
    assert len(load.latencies_s) == len(answers) == 2


def test_an_error_stops_the_load(echo: Address) -> None:
    with pytest.raises(WrongAnswer, match="500"):
        drive(echo, [_asks(echo, ["/1", "/bad", "/2"], [])], 60)


def test_percentiles_are_of_the_nearest_rank() -> None:
    load = Load([n / 1000 for n in range(1, 101)], 2.0, 0.1)
    assert load.rate == 50
    assert [load.percentile_ms(p) for p in (50, 99, 100)] == pytest.approx([50, 99, 100])
    assert Load([0.004], 1.0, 0.1).percentile_ms(99) == pytest.approx(4)


RATE = Measure("get run, 1 client", "rate", "requests/s", "higher", Target({"mlflow": 15}))
START = Measure("start", "spawn to ready", "s", "lower", Target({}, at_most=1))


def results() -> Results:
    collected = Results()
    for value in (3000.0, 1000.0, 2000.0):
        collected.add(RATE, "trialbook", value)
    collected.add(RATE, "mlflow", 100.0)
    collected.add(START, "trialbook", 1.25)
    collected.add(START, "mlflow", 5.0)
    return collected


def test_the_middle_round_counts_and_all_are_kept() -> None:
    (_, rates), _ = results()
    assert rates["trialbook"] == Spread(2000, 1000, 3000, (3000, 1000, 2000))


def test_a_ratio_says_how_many_times_better_we_are() -> None:
    (_, rates), (_, starts) = results()
    assert ratio(RATE, rates, "mlflow") == 20
    assert ratio(START, starts, "mlflow") == 4
    assert ratio(RATE, rates, "fasttrackml") is None
    client = Measure("get run, 1 client", "client CPU", "% of a core", "neither")
    assert ratio(client, rates, "mlflow") is None


def test_targets_are_judged_only_where_both_were_measured() -> None:
    (_, rates), (_, starts) = results()
    assert met(RATE, rates) is True
    assert met(START, starts) is False
    assert met(RATE, {"mlflow": rates["mlflow"]}) is None
    assert report.missed(results()) == ["start: spawn to ready"]


def test_the_table_shows_medians_ratios_and_targets() -> None:
    lines = report.table(results(), ["trialbook", "fasttrackml", "mlflow"]).splitlines()
    assert lines[1] == "get run, 1 client"
    assert lines[2].split() == [
        "rate",
        "2,000",
        "n/a",
        "100",
        "requests/s",
        "20.0",
        "(≥",
        "15)",
        "ok",
    ]
    assert lines[4].endswith("4.00  MISSED")


def test_the_document_keeps_every_round() -> None:
    about = {"date": "2026-01-31", "commit": "abc1234"}
    document = report.document(results(), ["trialbook", "mlflow"], about)
    rate = json.loads(json.dumps(document))["measures"][0]
    assert rate["servers"]["trialbook"]["rounds"] == [3000, 1000, 2000]
    assert rate["times_better_than"] == {"mlflow": 20}
    assert rate["met"] is True
    assert document["commit"] == "abc1234"


def test_the_machine_is_described_but_not_named() -> None:
    assert set(report.machine()) == {"cpu", "cores", "memory_gb", "system", "python"}


@pytest.mark.parametrize(
    "value, shown",
    [(7412.3, "7,412"), (413.2, "413"), (41.27, "41.3"), (0.5391, "0.54"), (0.0412, "0.041")],
)
def test_numbers_have_three_digits_worth_reading(value: float, shown: str) -> None:
    assert report.number(value) == shown


def test_calls_are_timed_in_blocks_until_the_time_is_over() -> None:
    steps: list[int] = []
    assert len(client_calls.timed_blocks(steps.append, 30, 60)) == 3
    assert steps == list(range(30))
    steps.clear()
    assert len(client_calls.timed_blocks(steps.append, 30, 0)) == 1
    assert steps == list(range(10))


@pytest.mark.slow
@pytest.mark.integration
def test_the_client_that_is_timed_logs_and_moves_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIALBOOK_CACHE_DIR", str(tmp_path / "cache"))
    file = tmp_path / "file.bin"
    file.write_bytes(b"bytes")
    with serving(tmp_path) as server:
        with server.client() as client:
            made = client.post("/api/v1/experiments", json={"name": "bench"}).json()
        task = {
            "client": "trialbook",
            "url": server.url,
            "api_key": KEY,
            "experiment": made["id"],
            "folder": str(tmp_path),
        }
        logged = client_calls.main({**task, "calls": 20, "seconds": 60})
        moved = client_calls.main({**task, "file": str(file)})
        with server.client() as client:
            path = f"/api/v1/experiments/runs/{logged['run']}/metrics/metric_3"
            points = client.get(path).json()["points"]
    assert len(logged["blocks_ns"]) == 2
    found = {point["step"]: point["value"] for point in points}
    assert found == {step: client_calls.metrics_of(step)["metric_3"] for step in range(20)}
    assert Path(moved["back"]).read_bytes() == b"bytes"


@pytest.mark.slow
@pytest.mark.integration
def test_work_on_variants_is_checked_against_the_results() -> None:
    sizes = replace(QUICK, seconds=0.05, warm_up_s=0.01, variant_logs=1000)
    server = Server(LAUNCHES["trialbook"])
    server.start()
    try:
        subject = Subject(server, DIALECTS["trialbook"](server.address, server.home))
        for kind in (Assign, LogExecution, LogExecutions, ReadResults):
            workload = kind(sizes)
            workload.prepare(subject)
            groups = {measure.group for measure, _ in workload.measure(subject)}
            assert groups == {f"{workload.label}, 1 client", f"{workload.label}, 8 clients"}
        lost = Experiment(subject)
        lost.logged = -1
        with pytest.raises(WrongAnswer, match="logs in the results"):
            lost.wait_until_added_up()
    finally:
        server.stop()
