"""`trialbook ingest` and `trialbook ingestions`."""

from __future__ import annotations

import gzip
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.client.harness import Bench
from tests.client.ingesting import Dropping, packed, points, written
from tests.client.terminal import Terminal, rows
from trialbook import ingest as ingesting

UNKNOWN = {"type": "params", "run_id": uuid.uuid4().hex, "params": {"a": 1}}


@pytest.fixture
def dropping(bench: Bench) -> Dropping:
    return Dropping(bench)


@pytest.fixture
def terminal(dropping: Dropping) -> Terminal:
    return Terminal(dropping.bench)


@pytest.fixture
def run_id(bench: Bench) -> str:
    return bench.service.run()["run_id"]


def test_a_file_that_is_applied_takes_a_line(
    terminal: Terminal, dropping: Dropping, run_id: str
) -> None:
    written(Path("points.jsonl"), points(run_id))
    assert terminal.ok("ingest", "points.jsonl") == "points.jsonl  applied 3, refused 0\n"
    assert dropping.counts(run_id) == 3


def test_two_files_go_one_after_another(terminal: Terminal, dropping: Dropping) -> None:
    """The second logs to the run that the first starts."""
    run = uuid.uuid4().hex
    experiment = dropping.service.experiment()["id"]
    written(Path("runs.jsonl"), [{"type": "run", "run_id": run, "experiment_id": experiment}])
    Path("points.gz").write_bytes(gzip.compress(packed(points(run))))
    assert terminal.ok("ingest", "runs.jsonl", "points.gz").splitlines() == [
        "runs.jsonl  applied 1, refused 0",
        "points.gz  applied 3, refused 0",
    ]
    assert dropping.counts(run) == 3


def test_refused_lines_are_told_with_their_numbers_and_the_exit_code_is_1(
    terminal: Terminal, run_id: str
) -> None:
    written(Path("good.jsonl"), points(run_id))
    written(Path("bad.jsonl"), [*points(run_id), UNKNOWN, "\x1b[31m"])
    done = terminal.run("ingest", "bad.jsonl", "good.jsonl")
    assert done.exit_code == 1
    head, unknown, broken, good = done.stdout.splitlines()
    assert head == "bad.jsonl  applied 3, refused 2"
    assert unknown.startswith("  line 4: there is no such run")
    assert broken.startswith("  line 5: ")
    assert "\x1b" not in done.stdout
    assert good == "good.jsonl  applied 3, refused 0"
    assert done.stderr == "trialbook: lines refused: 2; files failed: 0\n"


def test_no_more_than_the_first_thousand_are_told(terminal: Terminal) -> None:
    Path("bad.jsonl").write_bytes(b"bad\n" * 1200)
    lines = terminal.run("ingest", "bad.jsonl").stdout.splitlines()
    assert lines[1].startswith("  line 1: ")
    assert lines[1000].startswith("  line 1000: ")
    assert lines[1001:] == ["  and 200 more"]


def test_a_file_that_failed_does_not_stop_the_next(
    terminal: Terminal, dropping: Dropping, run_id: str
) -> None:
    Path("cut.gz").write_bytes(gzip.compress(packed(points(run_id)))[:-8])
    written(Path("good.jsonl"), points(run_id))
    done = terminal.run("ingest", "cut.gz", "good.jsonl")
    assert done.exit_code == 1
    failed, good = done.stdout.splitlines()
    assert failed.startswith("cut.gz  failed: ")
    assert failed.endswith("refused 0")
    assert good == "good.jsonl  applied 3, refused 0"
    assert done.stderr == "trialbook: lines refused: 0; files failed: 1\n"


def test_json_has_the_reports_whole(terminal: Terminal, run_id: str) -> None:
    written(Path("good.jsonl"), points(run_id))
    written(Path("bad.jsonl"), [UNKNOWN])
    Path("cut.gz").write_bytes(gzip.compress(packed(points(run_id)))[:-8])
    done = terminal.run("ingest", "good.jsonl", "bad.jsonl", "cut.gz", "--json")
    assert done.exit_code == 1
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert [(f["file"], f["state"], f["applied"], f["refused"]) for f in found] == [
        ("good.jsonl", "done", 3, 0),
        ("bad.jsonl", "done", 0, 1),
        ("cut.gz", "failed", found[2]["applied"], 0),
    ]
    assert [error["line"] for error in found[1]["errors"]] == [1]
    for each in found:
        name = each.pop("file")
        assert terminal.json("ingestions", "show", each["ingest_id"]) == each
        assert each["key"].endswith(f"{each['ingest_id']}/{name}")


def test_without_waiting_the_id_is_printed(
    terminal: Terminal, dropping: Dropping, run_id: str
) -> None:
    dropping.worker.idle = 1
    written(Path("points.jsonl"), points(run_id))
    done = terminal.run("ingest", "points.jsonl", "--no-wait")
    assert done.exit_code == 0
    name, state, ingest_id = done.stdout.split()
    assert (name, state) == ("points.jsonl", "waiting")
    assert "trialbook ingestions list" in done.stderr
    shown = dict(rows(terminal.ok("ingestions", "show", ingest_id)))
    assert (shown["state"], shown["applied"], shown["file"]) == ("done", "3", "points.jsonl")


def test_stdin_is_a_file_too(terminal: Terminal, dropping: Dropping, run_id: str) -> None:
    body = packed(points(run_id))
    assert terminal.ok("ingest", "-", answers=body) == "-  applied 3, refused 0\n"
    assert terminal.ok("ingest", "-", answers=gzip.compress(body)) == "-  applied 3, refused 0\n"
    assert dropping.counts(run_id) == 6
    listed = terminal.json("ingestions", "list")
    assert {each["key"].rpartition("/")[2] for each in listed} == {"stdin.jsonl"}
    assert terminal.fails(1, "ingest", "-", answers=b"") == "the file is empty: stdin.jsonl"


def test_a_file_may_have_any_name(terminal: Terminal, run_id: str) -> None:
    names = ["Läufe 🌙.jsonl", "日本語 [x].jsonl", "-tabs\there.jsonl"]
    for name in names:
        written(Path(name), points(run_id))
    printed = terminal.ok("ingest", "--", *names)
    assert printed.splitlines() == [
        "Läufe 🌙.jsonl  applied 3, refused 0",
        "日本語 [x].jsonl  applied 3, refused 0",
        "-tabs here.jsonl  applied 3, refused 0",
    ]


REFUSED = [
    (2, "missing.jsonl", "there is no such file: missing.jsonl"),
    (2, "- -", "twice"),
    (2, "", "missing argument"),
    (1, "folder", "directory"),
    (1, "empty.jsonl", "the file is empty: empty.jsonl"),
    (1, "large.gz", "a gzip file of lines is too large; split it: large.gz"),
]


@pytest.mark.parametrize("code, words, said", REFUSED)
def test_a_wrong_file_is_told_before_any_is_sent(
    terminal: Terminal, dropping: Dropping, run_id: str, code: int, words: str, said: str
) -> None:
    Path("folder").mkdir()
    Path("empty.jsonl").touch()
    with Path("large.gz").open("wb") as file:
        file.truncate(ingesting.MAX_GZIP_BYTES + 1)
    good = [str(written(Path("good.jsonl"), points(run_id)))] if words else []
    assert said in terminal.fails(code, "ingest", *good, *words.split()).lower()
    assert dropping.announced() == []


def test_a_service_that_goes_away_between_files_is_told_with_what_is_done(
    terminal: Terminal, dropping: Dropping, run_id: str
) -> None:
    for name in ("one", "two"):
        written(Path(name), points(run_id))
    worker = dropping.worker

    def leave(request: Any) -> None:
        worker(request)
        dropping.bench.weather.away = bool(worker.handled) and request.method == "POST"

    dropping.bench.weather.before = leave
    done = terminal.run("ingest", "one", "two", "--json")
    assert done.exit_code == 5
    assert [each["file"] for each in json.loads(done.stdout)] == ["one"]
    assert "1 of 2 files are sent; then two: the service at" in done.stderr


def test_files_are_listed_newest_first(terminal: Terminal, run_id: str) -> None:
    assert rows(terminal.ok("ingestions", "list"))[1:] == []
    for name, lines in (("one", points(run_id)), ("two", [*points(run_id), UNKNOWN])):
        terminal.run("ingest", str(written(Path(name), lines)))
    head, two, one = rows(terminal.ok("ingestions", "list"))
    assert head[:6] == ["ID", "STATE", "FILE", "LINES", "APPLIED", "REFUSED"]
    assert two[1:6] == ["done", "two", "4", "3", "1"]
    assert one[1:6] == ["done", "one", "3", "3", "0"]
    assert [each["refused"] for each in terminal.json("ingestions", "list")] == [1, 0]
    limited = terminal.run("ingestions", "list", "--limit", "1")
    assert len(limited.stdout.splitlines()) == 2
    assert "--limit" in limited.stderr
    shown = rows(terminal.ok("ingestions", "show", two[0]))
    assert ["refused", "1"] in shown
    assert dict(shown)["errors"].startswith("line 4: ")
    assert "no such file" in terminal.fails(3, "ingestions", "show", "0" * 32)
