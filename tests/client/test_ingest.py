"""Files of lines sent by the client to the real app, and what it makes of what becomes of them."""

from __future__ import annotations

import gzip
import os
import pickle
import uuid
from pathlib import Path

import httpx
import pytest

from chalicelib.api.v1.ingest import NewFile
from chalicelib.domain import ingest_reader
from tests.client.artifact_places import api_over
from tests.client.byte_weather import ByteWeather
from tests.client.harness import AsyncFilesTransport, Bench
from tests.client.ingesting import INGEST, Dropping, packed, points, written
from trialbook import AsyncClient, IngestFailed, IngestReport, Invalid, NotFound
from trialbook import ingest as ingesting
from trialbook.transfer import FileChanged, StoreRefused
from trialbook.transfer.digests import PIECE_BYTES

pytestmark = pytest.mark.anyio


def client(dropping: Dropping) -> AsyncClient:
    return AsyncClient(api=dropping.api, spool_dir=dropping.bench.spool_dir, progress=False)


async def test_a_file_is_sent_and_waited_for_until_it_is_done(bench: Bench, tmp_path: Path) -> None:
    dropping = Dropping(bench, idle=4)
    run_id, experiment_id = uuid.uuid4().hex, bench.service.experiment()["id"]
    run = {"type": "run", "run_id": run_id, "experiment_id": experiment_id}
    file = written(tmp_path / "night.jsonl", [run, *points(run_id)])
    seen: list[IngestReport] = []
    report = await client(dropping).ingest(file, watch=seen.append)
    assert (report.state, report.lines, report.applied, report.refused) == ("done", 4, 4, 0)
    assert (report.errors, report.reason, report.name) == ([], None, "night.jsonl")
    assert report.key.endswith(f"/{report.ingest_id}/night.jsonl")
    assert report.size_bytes == file.stat().st_size
    assert dropping.counts(run_id) == 3
    assert [one.state for one in seen] == ["waiting"] * 4 + ["done"]
    assert seen[-1] == report
    assert len(bench.pauses.seconds) == 4


async def test_the_waits_grow_and_stay_bounded(bench: Bench, tmp_path: Path) -> None:
    """Also those of a file that waits for hours."""
    dropping = Dropping(bench, idle=1100)
    run_id = bench.service.run()["run_id"]
    await client(dropping).ingest(written(tmp_path / "a", points(run_id)))
    pauses = bench.pauses.seconds
    assert len(pauses) == 1100
    assert max(pauses) <= 10.0
    assert max(pauses[:3]) <= 1.0 < max(pauses)


async def test_gzip_is_sent_as_it_is(bench: Bench, tmp_path: Path) -> None:
    dropping = Dropping(bench)
    run_id = bench.service.run()["run_id"]
    for name in ("a.jsonl.gz", "a.jsonl"):
        (tmp_path / name).write_bytes(gzip.compress(packed(points(run_id))))
        assert (await client(dropping).ingest(tmp_path / name)).applied == 3


async def test_refused_lines_are_told_and_raise_nothing(bench: Bench, tmp_path: Path) -> None:
    dropping = Dropping(bench)
    run_id = bench.service.run()["run_id"]
    unknown = {"type": "params", "run_id": uuid.uuid4().hex, "params": {"a": 1}}
    lines = ["{", *points(run_id), unknown]
    report = await client(dropping).ingest(written(tmp_path / "a.jsonl", lines))
    assert (report.state, report.applied, report.refused) == ("done", 3, 2)
    assert [(error.line, type(error.reason)) for error in report.errors] == [(1, str), (5, str)]
    assert "there is no such run" in report.errors[1].reason


async def test_a_file_that_cannot_be_read_on_is_an_error_with_its_report(
    bench: Bench, tmp_path: Path
) -> None:
    dropping = Dropping(bench)
    run_id = bench.service.run()["run_id"]
    whole = gzip.compress(packed(points(run_id, 2000)), mtime=0)
    (tmp_path / "cut.gz").write_bytes(whole[:-200])
    with pytest.raises(
        IngestFailed, match=r"cut\.gz was not read to its end: .*applied="
    ) as failed:
        await client(dropping).ingest(tmp_path / "cut.gz")
    report = failed.value.report
    assert report.state == "failed"
    assert report.reason
    assert report.reason in str(failed.value)
    assert report.applied == dropping.counts(run_id)
    copy = pickle.loads(pickle.dumps(failed.value))
    assert (str(copy), copy.report, copy.code) == (str(failed.value), report, "ingest_failed")
    again = await client(dropping).ingest(tmp_path / "cut.gz", check=False)
    assert (again.state, again.reason) == ("failed", report.reason)


async def test_without_waiting_the_file_is_looked_up_later(bench: Bench, tmp_path: Path) -> None:
    dropping = Dropping(bench, idle=1)
    run_id = bench.service.run()["run_id"]
    trialbook = client(dropping)
    sent = await trialbook.ingest(written(tmp_path / "a.jsonl", points(run_id)), wait=False)
    assert (sent.state, sent.is_over, sent.applied) == ("waiting", False, 0)
    assert (await trialbook.ingestion(sent.ingest_id)).applied == 3
    with pytest.raises(NotFound):
        await trialbook.ingestion("0" * 32)
    with pytest.raises(NotFound):
        await trialbook.ingestion("../keys")


async def test_files_are_listed_newest_first(bench: Bench, tmp_path: Path) -> None:
    dropping = Dropping(bench)
    run_id = bench.service.run()["run_id"]
    trialbook = client(dropping)
    assert await trialbook.ingestions() == []
    for name in ("one", "two", "three"):
        await trialbook.ingest(written(tmp_path / name, points(run_id)))
    listed = await trialbook.ingestions()
    assert [(file.name, file.state, file.applied) for file in listed] == [
        ("three", "done", 3), ("two", "done", 3), ("one", "done", 3),
    ]  # fmt: skip
    assert [file.name for file in await trialbook.ingestions(2)] == ["three", "two"]


async def test_what_the_service_would_not_take_is_told_before_anything_is_sent(
    bench: Bench, tmp_path: Path
) -> None:
    dropping = Dropping(bench)
    trialbook = client(dropping)
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    for name, size, start in (
        ("large", ingesting.MAX_PLAIN_BYTES, b"{"),
        ("large.gz", ingesting.MAX_GZIP_BYTES, b"{"),
        ("packed", ingesting.MAX_GZIP_BYTES, b"\x1f\x8b"),
    ):
        with (tmp_path / name).open("wb") as file:
            file.write(start)
            file.truncate(size)
        assert ingesting.look_at(tmp_path / name).stamp.size_bytes == size
        os.truncate(tmp_path / name, size + 1)
        with pytest.raises(Invalid, match=f"split it.*{size}"):
            await trialbook.ingest(tmp_path / name)
    for name, kind in (
        ("missing", FileNotFoundError),
        (".", IsADirectoryError),
        ("empty", Invalid),
        ("pipe", ValueError),
    ):
        with pytest.raises(kind):
            await trialbook.ingest(tmp_path / name)
    assert bench.weather.requests == []


def test_the_limits_are_those_of_the_service() -> None:
    assert ingesting.MAX_PLAIN_BYTES == ingest_reader.MAX_PLAIN_BYTES
    assert ingesting.MAX_GZIP_BYTES == ingest_reader.MAX_GZIP_BYTES


NAMES = [
    ("Läufe der Nacht 🌙.jsonl", "Läufe der Nacht 🌙.jsonl"),
    ("日本語 & 'x' % + #?.jsonl", "日本語 & 'x' % + #?.jsonl"),
    (".hidden.jsonl", "_hidden.jsonl"),
    ("two\nlines\\.jsonl", "two_lines_.jsonl"),
    ("ä" * 120 + ".jsonl", "ä" * 120 + ".jsonl"),
    (os.fsdecode(b"no text \xff.jsonl"), "no text ?.jsonl"),
]


@pytest.mark.parametrize("called, told", NAMES)
async def test_a_file_may_have_any_name(
    bench: Bench, tmp_path: Path, called: str, told: str
) -> None:
    dropping = Dropping(bench)
    run_id = bench.service.run()["run_id"]
    report = await client(dropping).ingest(written(tmp_path / called, points(run_id)))
    assert (report.name, report.applied) == (told, 3)


async def test_a_name_may_be_given_and_its_end_is_kept(bench: Bench, tmp_path: Path) -> None:
    dropping = Dropping(bench)
    run_id = bench.service.run()["run_id"]
    file = written(tmp_path / "a", points(run_id))
    report = await client(dropping).ingest(file, name="x" * 300 + "../b.jsonl")
    assert report.name == "x" * 190 + ".._b.jsonl"
    NewFile(filename=report.name, size_bytes=1)


@pytest.mark.parametrize("befall", ["refused", "busy", "broken"])
async def test_a_put_that_did_not_arrive_is_sent_again_to_the_same_place(
    bench: Bench, tmp_path: Path, befall: str
) -> None:
    dropping = Dropping(bench)
    run_id = bench.service.run()["run_id"]
    dropping.bytes.next.extend([befall] * 3)
    report = await client(dropping).ingest(written(tmp_path / "a.jsonl", points(run_id)))
    assert (report.state, report.applied, dropping.counts(run_id)) == ("done", 3, 3)
    assert len(dropping.bytes.requests) == 4
    assert len({request.url.path for request in dropping.bytes.requests}) == 1
    assert len(set(dropping.announced())) == 1
    assert len(await client(dropping).ingestions()) == 1
    for request in dropping.bytes.requests:
        assert "x-api-key" not in request.headers


async def test_a_put_whose_answer_got_lost_is_not_sent_again_once_it_is_read(
    bench: Bench, tmp_path: Path
) -> None:
    dropping = Dropping(bench)
    run_id = bench.service.run()["run_id"]
    dropping.bytes.next.append("lost")
    report = await client(dropping).ingest(written(tmp_path / "a.jsonl", points(run_id)))
    assert (report.state, dropping.counts(run_id)) == ("done", 3)
    assert len(dropping.bytes.requests) == 1


async def test_what_is_in_the_store_and_not_read_yet_is_put_there_only_if_it_is_absent(
    bench: Bench, tmp_path: Path
) -> None:
    """A store that keeps versions would have the lines twice."""
    dropping = Dropping(bench, idle=1)
    run_id = bench.service.run()["run_id"]

    dropping.bytes.next.append("lost")
    dropping.api = api_over(bench, Conditional(dropping.bytes))
    report = await client(dropping).ingest(written(tmp_path / "a.jsonl", points(run_id)))
    assert (report.state, dropping.counts(run_id)) == ("done", 3)
    assert len(dropping.bytes.requests) == 1


class Conditional(httpx.AsyncBaseTransport):
    """As S3 does: an object that is there is not put again when that was asked for."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self._there: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("if-none-match") == "*" and request.url.path in self._there:
            return httpx.Response(412, text="PreconditionFailed")
        self._there.add(request.url.path)
        return await self._inner.handle_async_request(request)


async def test_an_expired_url_is_signed_anew(bench: Bench, tmp_path: Path) -> None:
    dropping = Dropping(bench)
    run_id = bench.service.run()["run_id"]

    def dawdle(request: httpx.Request) -> None:
        if len(dropping.bytes.requests) == 1:
            bench.service.clock.advance(16 * 60)

    dropping.bytes.before = dawdle
    report = await client(dropping).ingest(written(tmp_path / "a.jsonl", points(run_id)))
    assert (report.state, dropping.counts(run_id)) == ("done", 3)
    first, second = dropping.bytes.requests
    assert first.url.path == second.url.path
    assert first.url != second.url
    assert len(dropping.announced()) == 2
    assert len(set(dropping.announced())) == 1
    assert bench.pauses.seconds == []


async def test_a_store_that_refuses_for_good_is_given_up(bench: Bench, tmp_path: Path) -> None:
    dropping = Dropping(bench)
    file = written(tmp_path / "a.jsonl", ["{}"])
    for status, puts in ((403, 8), (412, 1), (413, 1)):
        answer = httpx.Response(status, text="no")
        inner = AsyncFilesTransport(bench.service.files)
        weather = ByteWeather(inner, lambda _, answer=answer: answer)
        api = api_over(bench, weather)
        trialbook = AsyncClient(api=api, spool_dir=bench.spool_dir, progress=False)
        with pytest.raises(StoreRefused):
            await trialbook.ingest(file)
        assert weather.count("PUT") == puts
    assert dropping.worker.handled == []


async def test_the_same_key_sends_a_file_once(bench: Bench, tmp_path: Path) -> None:
    dropping = Dropping(bench)
    run_id = bench.service.run()["run_id"]
    file = written(tmp_path / "a.jsonl", points(run_id))
    found = [await client(dropping).ingest(file, idempotency_key="night-7") for _ in range(2)]
    assert found[0] == found[1]
    assert len(dropping.bytes.requests) == 1
    other = await client(dropping).ingest(file)
    assert other.ingest_id != found[0].ingest_id
    assert dropping.counts(run_id) == 6


@pytest.mark.parametrize("change", ["other bytes", "shorter", "longer", "gone"])
async def test_a_file_that_changes_while_it_is_sent_is_not_stored(
    bench: Bench, tmp_path: Path, change: str
) -> None:
    dropping = Dropping(bench)
    path = written(tmp_path / "a.jsonl", points(bench.service.run()["run_id"]))
    body = path.read_bytes()

    def write(request: httpx.Request) -> None:
        if change == "gone":
            path.unlink()
        else:
            bodies = {"other bytes": body[::-1], "shorter": body[1:], "longer": body + b"\n"}
            path.write_bytes(bodies[change])

    bench.weather.before = write  # the announcement
    with pytest.raises((FileChanged, FileNotFoundError)):
        await client(dropping).ingest(path, wait=False)
    assert dropping.bytes.requests == []


async def test_a_large_file_passes_in_pieces(bench: Bench, tmp_path: Path) -> None:
    dropping = Dropping(bench)
    size = 40 * 1024 * 1024 + 1
    with (tmp_path / "large").open("wb") as file:
        file.truncate(size)
    pieces: list[int] = []
    told: list[int] = []

    class Store(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            assert request.headers["content-length"] == str(size)
            assert "transfer-encoding" not in request.headers
            assert isinstance(request.stream, httpx.AsyncByteStream)
            async for piece in request.stream:
                pieces.append(len(piece))
                if len(pieces) == 10:
                    raise httpx.ReadError("connection reset", request=request)
            return httpx.Response(200)

    class Told:
        def begin(self, total_bytes: int, label: str) -> None:
            assert (total_bytes, label) == (size, "large")

        def advance(self, n: int) -> None:
            told.append(n)

        def end(self) -> None:
            told.append(0)

    api = api_over(bench, Store())
    trialbook = AsyncClient(api=api, spool_dir=bench.spool_dir, progress=Told())
    report = await trialbook.ingest(tmp_path / "large", wait=False)
    assert report.state == "waiting"
    assert max(pieces) <= PIECE_BYTES
    assert sum(pieces[10:]) == size
    assert min(told) < 0
    assert (sum(told), told[-1]) == (size, 0)
    assert dropping.worker.handled == []


def test_the_synchronous_client_does_the_same(bench: Bench, tmp_path: Path) -> None:
    Dropping(bench, idle=1)
    run_id = bench.service.run()["run_id"]
    seen: list[IngestReport] = []
    with bench.sync_client(progress=False) as trialbook:
        file = written(tmp_path / "a.jsonl", [*points(run_id), "bad"])
        report = trialbook.ingest(str(file), watch=seen.append)
        assert (report.state, report.applied, [e.line for e in report.errors]) == ("done", 3, [4])
        assert [one.state for one in seen] == ["waiting", "done"]
        assert trialbook.ingestion(report.ingest_id) == report
        assert [one.ingest_id for one in trialbook.ingestions(limit=1)] == [report.ingest_id]
    assert INGEST in {request.url.path for request in bench.weather.requests}
