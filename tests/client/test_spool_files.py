"""The files of the spool: torn, broken, foreign, full, and byte for byte what is sent."""

from __future__ import annotations

import json
import os
import resource
import signal
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.client.harness import Bench
from tests.client.test_spool import files, logged_offline, only_run
from trialbook import SyncReport
from trialbook.spool import Journal, new_record, spool_folder


def test_a_torn_last_line_was_promised_to_nobody(bench: Bench) -> None:
    logged_offline(bench)
    [kept] = files(bench)
    kept.write_bytes(kept.read_bytes()[:-20])  # of the record that ends the run
    with bench.sync_client() as tb:
        assert tb.sync() == SyncReport(sent=1, batches=1, points=3)
    assert only_run(bench).status == "running"


def test_a_broken_line_is_put_aside(bench: Bench) -> None:
    logged_offline(bench)
    [kept] = files(bench)
    header, create, *rest = kept.read_bytes().splitlines(keepends=True)
    kept.write_bytes(b"".join([header, create, b"\x00 what a bad disk made of it\n", *rest]))
    with bench.sync_client() as tb:
        assert tb.sync().points == 3
    [aside] = files(bench, "rejected")
    assert json.loads(aside.read_text())["reason"] == "unreadable"


@pytest.mark.parametrize("content", [b"", b"{", b"[]\n", b'{"spool": 1}\n'])
def test_a_file_that_is_none_of_ours_is_reported_and_stays(bench: Bench, content: bytes) -> None:
    folder = spool_folder("https://trialbook.test", bench.api().key_id, bench.spool_dir)
    folder.mkdir(parents=True)
    (folder / "strange.jsonl").write_bytes(content)
    with bench.sync_client() as tb:
        report = tb.sync()
    assert (report.left, len(report.problems)) == (1, 1)
    assert (folder / "strange.jsonl").exists()


def test_progress_that_was_half_noted_is_noted_before(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, "https://a.test", "k", "run", "id")
    for number in range(3):
        journal.append(new_record("batch", b'{"n":%d}' % number))
    for _ in range(2):
        first = journal.first()
        assert first is not None
        journal.mark_sent(first)
    journal.abandon()
    marks = journal.path.with_suffix(".sent")
    marks.write_bytes(marks.read_bytes()[:-9])  # the second mark is torn
    opened = Journal.open(journal.path)
    assert opened is not None
    first = opened.first()
    assert first is not None
    assert first.body == b'{"n":1}'
    opened.mark_sent(first)
    assert Journal.open(journal.path) is None  # it is in use
    opened.abandon()
    again = Journal.open(journal.path)
    assert again is not None
    assert again.first() == new_record("batch", b'{"n":2}')._replace(key=_key_of(again))
    assert not again.close()


def _key_of(journal: Journal) -> str:
    first = journal.first()
    assert first is not None
    return first.key


def test_a_record_is_sent_byte_for_byte_as_it_was_kept(bench: Bench) -> None:
    logged_offline(bench)
    [kept] = files(bench)
    before = kept.read_bytes()
    with bench.sync_client() as tb:
        tb.sync()
    [batch] = bench.weather.sent("POST", "/log-batch")
    key = batch.headers["idempotency-key"].encode()
    assert b'{"key":"%s","do":"batch","body":%s}\n' % (key, batch.content) in before


def test_a_disk_that_takes_nothing_more_leaves_what_it_has_whole(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, "https://a.test", "k", "run", "id")
    journal.append(new_record("batch", b"{}"))
    size = journal.path.stat().st_size
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            journal.append(new_record("batch", b'{"x":"%s"}' % (b"x" * 1000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    assert journal.path.stat().st_size == size
    journal.append(new_record("end", b"{}"))
    assert journal.path.read_bytes().count(b"\n") == 3
    journal.abandon()


@pytest.mark.slow
def test_a_child_that_is_forked_while_a_thread_reads_lets_go_at_once(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, "https://a.test", "k", "run", "id")
    journal.append(new_record("batch", b"[" + b"1," * 200_000 + b"1]"))
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            journal.first()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(50):
            child = _forked(journal.abandon)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        over.set()
        reader.join()
        journal.close()


def _forked(do: Callable[[], object]) -> int:
    """The child's pid; it ends with 0, or dies of SIGALRM when it takes longer than 5 seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it may deadlock is the point
        child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(5)
        do()
        os._exit(0)
    return child
