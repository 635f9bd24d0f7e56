"""Lines of a file in the store, plain or gzip, read by ranges in bounded memory.

A plain file is taken up again where its last line ended; of a gzip file what comes before is
unpacked once more and left out.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from chalicelib.core.model.ingestion import Source
from chalicelib.domain.ingest_files import MAX_GZIP_BYTES, MAX_PLAIN_BYTES
from chalicelib.storage.blobs import BlobMissing, Blobs

MIB: Final = 1024 * 1024
READ_BYTES: Final = 4 * MIB
MAX_LINE_BYTES: Final = 4 * MIB
"""As long as the body of a request may be."""
_UNPACKED_BYTES: Final = MIB
_GZIP: Final = b"\x1f\x8b"
_MARK: Final = b"\xef\xbb\xbf"
"""Of the order of bytes, as some editors write it before UTF-8."""


class Unreadable(Exception):
    """The file, or the rest of it, cannot be read however often it is tried; the message is for
    whoever put it there."""


@dataclass(frozen=True, slots=True)
class Line:
    """`text` is None where it was too long; `stop` is where the next line starts (bytes)."""

    number: int
    stop: int
    text: bytes | None


def lines(blobs: Blobs, source: Source, after_line: int = 0, offset: int = 0) -> Iterator[Line]:
    """Lines after `after_line`, which ends at `offset`. A blob request for each 4 MiB; memory for
    two of these and a line. Raises Unreadable, in mid-file too."""
    if source.size_bytes == 0:
        return
    head = _get(blobs, source, 0, len(_GZIP))
    if head == _GZIP:
        if source.size_bytes > MAX_GZIP_BYTES:
            raise Unreadable(f"a gzip file has at most {MAX_GZIP_BYTES} bytes; split it")
        pieces = _after(_unpacked(_stored(blobs, source, 0)), offset)
    else:
        if source.size_bytes > MAX_PLAIN_BYTES:
            raise Unreadable(f"a file has at most {MAX_PLAIN_BYTES} bytes; split it")
        pieces = _stored(blobs, source, offset)
    yield from _split(pieces, after_line, offset)


def _get(blobs: Blobs, source: Source, start: int, stop: int) -> bytes:
    try:
        return blobs.get(source.object_key, start, stop, version=source.version)
    except BlobMissing:
        raise Unreadable("the file was deleted or replaced before it was read") from None


def _stored(blobs: Blobs, source: Source, start: int) -> Iterator[bytes]:
    for at in range(start, source.size_bytes, READ_BYTES):
        yield _get(blobs, source, at, min(at + READ_BYTES, source.size_bytes))


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Of one gzip member after another, in pieces of at most 1 MiB."""
    member, total, is_begun = _member(), 0, False
    for piece in pieces:
        left, is_full = piece, False
        while left or is_full:
            if not is_begun:
                left = left.lstrip(b"\0")  # what some tools fill the last block with
                if not left:
                    break
            try:
                some = member.decompress(left, _UNPACKED_BYTES)
            except zlib.error:
                raise Unreadable(
                    f"the gzip data is damaged behind its first {total} unpacked bytes"
                ) from None
            total += len(some)
            if total > MAX_PLAIN_BYTES:
                raise Unreadable(f"the file unpacks to more than {MAX_PLAIN_BYTES} bytes; split it")
            if some:
                yield some
            left, is_begun, is_full = member.unconsumed_tail, True, len(some) == _UNPACKED_BYTES
            if member.eof:
                left, member, is_begun, is_full = member.unused_data, _member(), False, False
    if is_begun:
        raise Unreadable("the gzip data ends in the middle; the file was cut")


def _member() -> zlib._Decompress:  # pyright: ignore[reportPrivateUsage] # it has no other name
    return zlib.decompressobj(wbits=31)


def _after(pieces: Iterator[bytes], offset: int) -> Iterator[bytes]:
    for piece in pieces:
        if offset >= len(piece):
            offset -= len(piece)
        else:
            yield piece[offset:]
            offset = 0


def _split(pieces: Iterator[bytes], number: int, offset: int) -> Iterator[Line]:
    begun: list[bytes] = []
    """What is there of a line that goes on in the next piece; nothing of one that is too long."""
    length = 0
    for piece in pieces:
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            length += end - start
            offset += length + 1
            number += 1
            begun.append(piece[start:end])
            yield Line(number, offset, _text(begun, length, number))
            begun, length, start = [], 0, end + 1
        length += len(piece) - start
        if length <= MAX_LINE_BYTES:
            begun.append(piece[start:])
        else:
            begun = []
    if length:
        yield Line(number + 1, offset + length, _text(begun, length, number + 1))


def _text(pieces: list[bytes], length: int, number: int) -> bytes | None:
    if length > MAX_LINE_BYTES:
        return None
    text = b"".join(pieces)
    return text.removeprefix(_MARK) if number == 1 else text
