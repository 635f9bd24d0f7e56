"""Lines of a file, whatever ranges it is read by, from wherever it is taken up again."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.context import Clock
from chalicelib.core.ids import TenantId
from chalicelib.core.model.ingestion import Source
from chalicelib.domain import ingest_reader
from chalicelib.domain.ingest_reader import MIB, Line, Unreadable, lines
from local.disk_blobs import DiskBlobs

KEY: Final = "ingest/acme/file"
LONGEST: Final = 20


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> DiskBlobs:
    folder: Path = tmp_path_factory.mktemp("blobs")
    return DiskBlobs(folder, "", b"a secret", Clock())


def put(blobs: DiskBlobs, body: bytes) -> Source:
    info = blobs.put(KEY, body, mime="application/x-ndjson")
    assert info.version is not None
    return Source(TenantId("acme"), "0" * 32, KEY, info.version, len(body), 0)


@contextmanager
def small() -> Generator[None]:
    """Ranges, pieces and lines of a few bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest_reader, "READ_BYTES", 7)
        patch.setattr(ingest_reader, "_UNPACKED_BYTES", 5)
        patch.setattr(ingest_reader, "MAX_LINE_BYTES", LONGEST)
        yield


def expected(text: bytes) -> list[bytes | None]:
    found = text.split(b"\n")
    if found[-1] == b"":
        found.pop()
    return [line if len(line) <= LONGEST else None for line in found]


TEXTS: Final = st.lists(
    st.binary(max_size=30).filter(lambda b: not b.startswith((b"\x1f\x8b", b"\xef\xbb"))),
    max_size=12,
).map(b"\n".join)


@settings(deadline=None)
@given(text=TEXTS, is_packed=st.booleans(), cut=st.integers(0, 300), taken_up=st.integers(0, 12))
def test_lines_are_what_lies_between_line_feeds(
    blobs: DiskBlobs, text: bytes, is_packed: bool, cut: int, taken_up: int
) -> None:
    """Of a gzip file of several members too, and from every line on."""
    members = gzip.compress(text[:cut]) + gzip.compress(text[cut:]) + b"\0" * (cut % 9)
    source = put(blobs, members if is_packed else text)
    with small():
        found = list(lines(blobs, source))
        assert [line.text for line in found] == expected(text)
        assert [line.number for line in found] == list(range(1, len(found) + 1))
        for line in found[taken_up : taken_up + 1]:
            assert list(lines(blobs, source, line.number, line.stop)) == found[line.number :]


def test_a_byte_order_mark_is_no_part_of_the_first_line(blobs: DiskBlobs) -> None:
    source = put(blobs, b"\xef\xbb\xbf{}\n\xef\xbb\xbf{}")
    assert [line.text for line in lines(blobs, source)] == [b"{}", b"\xef\xbb\xbf{}"]


def read_until(blobs: DiskBlobs, source: Source) -> tuple[list[Line], str]:
    """The lines that can be read, and why it stops."""
    found: list[Line] = []
    with pytest.raises(Unreadable) as caught:
        found.extend(lines(blobs, source))
    return found, str(caught.value)


def test_damaged_gzip_data_says_where(blobs: DiskBlobs) -> None:
    text = b"".join(b"line %d\n" % number for number in range(100_000))
    packed = gzip.compress(text, compresslevel=0)
    cut = put(blobs, packed[: len(packed) // 2])
    with pytest.raises(Unreadable, match="ends in the middle"):
        assert len(list(lines(blobs, cut))) > 10_000
    damaged = put(blobs, packed[:400_000] + b"\xff" * 400_000 + packed[800_000:])
    assert "damaged" in read_until(blobs, damaged)[1]
    followed = put(blobs, gzip.compress(b"{}\n") + b"no gzip")
    assert "damaged behind its first 3" in read_until(blobs, followed)[1]


def test_files_over_the_limits_are_refused_unread(blobs: DiskBlobs) -> None:
    packed = replace(put(blobs, gzip.compress(b"{}")), size_bytes=256 * MIB + 1)
    assert "268435456" in read_until(blobs, packed)[1]
    plain = replace(put(blobs, b"{}"), size_bytes=5 * 1024 * MIB + 1)
    assert "5368709120" in read_until(blobs, plain)[1]


def test_what_was_replaced_is_not_read(blobs: DiskBlobs) -> None:
    source = put(blobs, b"one")
    put(blobs, b"other")
    assert "deleted or replaced" in read_until(blobs, source)[1]


@pytest.mark.slow
@pytest.mark.no_cover
def test_a_gzip_bomb_is_read_in_bounded_memory(blobs: DiskBlobs) -> None:
    """300 MiB of zeros, without one line feed."""
    pack = zlib.compressobj(9, wbits=31)
    zeros = bytes(MIB)
    packed = b"".join([*(pack.compress(zeros) for _ in range(300)), pack.flush()])
    assert len(packed) < MIB
    source = put(blobs, packed)
    tracemalloc.start()
    try:
        (line,) = lines(blobs, source)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (line.text, line.stop) == (None, 300 * MIB)
    assert peak < 16 * MIB


@pytest.mark.slow
def test_a_bomb_ends_where_unpacking_is_too_much(
    blobs: DiskBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_reader, "MAX_PLAIN_BYTES", 3 * MIB)
    found, reason = read_until(blobs, put(blobs, gzip.compress(b"{}\n" * MIB + b"{}\n")))
    assert "unpacks to more than 3145728" in reason
    assert len(found) > MIB // 2


@pytest.mark.no_cover
def test_a_line_of_10_mib_costs_no_memory(blobs: DiskBlobs) -> None:
    source = put(blobs, b"{}\n" + b"x" * (10 * MIB) + b"\n{}\n")
    tracemalloc.start()
    try:
        texts = [line.text for line in lines(blobs, source)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert texts == [b"{}", None, b"{}"]
    assert peak < 24 * MIB
