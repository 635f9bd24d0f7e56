"""Metric points packed into one binary chunk: columns per key, byte-shuffled, compressed.

Layout: one format byte, then (zlib level 1 from `COMPRESS_FROM` points on) a directory and the
columns. The directory is a JSON list of `[key, count, min_step, max_step, flags]`; the columns
follow in its order: steps (int64), timestamps (int64, ms), values (IEEE double) and, of a merged
series, orders of writing (int64), little-endian and, when compressed, byte-shuffled: all first
bytes, all second bytes, and so on. Shuffling costs a few microseconds per thousand points and makes
the chunk a third smaller, for high bytes repeat.
"""

from __future__ import annotations

import hashlib
import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from operator import itemgetter, lt
from typing import Any

import orjson

COMPRESS_FROM = 8
FORMAT_RAW = b"\x01"
FORMAT_SHUFFLED = b"\x02"

STRICT = 1
"""Steps rise strictly, so the series holds no equal points."""
FINITE = 2
"""No value is NaN or infinite."""
MERGED = 4
"""From several writes: the chunk keeps the order of writing of every point."""

_WIDTH = 8


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one key, ascending by (step, timestamp, order of writing), none of them twice.

    Four columns of equal length: steps, timestamps in ms, values, orders. The order of writing
    rises with every write to the run; it is 0 until the points are stored.
    """

    key: str
    steps: array[int]
    timestamps: array[int]
    values: array[float]
    orders: array[int]
    flags: int

    @property
    def strict(self) -> bool:
        return bool(self.flags & STRICT)

    @property
    def finite(self) -> bool:
        return bool(self.flags & FINITE)

    @property
    def min_step(self) -> int:
        return self.steps[0]

    @property
    def max_step(self) -> int:
        return self.steps[-1]

    def slice(self, start: int, stop: int) -> Series:
        """The points at positions `start` to `stop` (exclusive)."""
        if start == 0 and stop >= len(self.steps):
            return self
        return Series(
            self.key,
            self.steps[start:stop],
            self.timestamps[start:stop],
            self.values[start:stop],
            self.orders[start:stop],
            self.flags,
        )


def series_of(
    key: str, steps: Sequence[int], timestamps: Sequence[int], values: Sequence[float]
) -> Series:
    """Points of one write, sorted by (step, timestamp), equal pairs in their order. Of equal points
    the last stays: the later of two writes is the last value of its pair."""
    column = array("d", values)
    strict = all(map(lt, steps, steps[1:]))
    if not strict:
        # Compared by their bits, for NaN is not equal to itself and -0.0 is equal to 0.0.
        words = _reinterpret(column, "q")
        backwards = zip(reversed(steps), reversed(timestamps), reversed(words), strict=True)
        rows = list(dict.fromkeys(backwards))
        rows.reverse()
        rows.sort(key=itemgetter(0, 1))
        steps = [row[0] for row in rows]
        timestamps = [row[1] for row in rows]
        column = _reinterpret(array("q", [row[2] for row in rows]), "d")
    orders = array("q", bytes(_WIDTH * len(steps)))
    flags = STRICT if strict else 0
    return _series(key, array("q", steps), array("q", timestamps), column, orders, flags)


def merged_series(pieces: Sequence[Series]) -> Series:
    """Points of several writes to one metric. Of equal points the first written stays, so that none
    changes its place when it is logged again or when chunks are merged."""
    steps, timestamps, values, orders = _concatenated(pieces)
    # Points of one write may come twice, from a chunk and from the one it was merged into just now;
    # the sort is stable, so each of them keeps the order that both have.
    rows = sorted(
        zip(steps, timestamps, orders, _reinterpret(values, "q"), strict=True),
        key=itemgetter(0, 1, 2),
    )
    first: dict[tuple[int, int, int], int] = {}
    for step, timestamp, order, word in rows:
        first.setdefault((step, timestamp, word), order)
    return _series(
        pieces[0].key,
        array("q", [row[0] for row in first]),
        array("q", [row[1] for row in first]),
        _reinterpret(array("q", [row[2] for row in first]), "d"),
        array("q", first.values()),
        MERGED,
    )


def joined_series(pieces: Sequence[Series]) -> Series:
    """Consecutive pieces of one metric, of which none overlaps the next, as one series."""
    return _series(pieces[0].key, *_concatenated(pieces), MERGED)


def picked(series: Series, positions: Sequence[int]) -> Series:
    """The points at some positions, which ascend."""
    return _series(
        series.key,
        array("q", [series.steps[at] for at in positions]),
        array("q", [series.timestamps[at] for at in positions]),
        array("d", [series.values[at] for at in positions]),
        array("q", [series.orders[at] for at in positions]),
        series.flags & MERGED,
    )


def _series(
    key: str,
    steps: array[int],
    timestamps: array[int],
    values: array[float],
    orders: array[int],
    flags: int,
) -> Series:
    """Columns that are sorted, with the flags that they deserve."""
    if not flags & STRICT and all(map(lt, steps, steps[1:])):
        flags |= STRICT
    if isfinite(sum(values)):
        flags |= FINITE
    return Series(key, steps, timestamps, values, orders, flags)


def _concatenated(
    pieces: Sequence[Series],
) -> tuple[array[int], array[int], array[float], array[int]]:
    steps, timestamps, orders = array("q"), array("q"), array("q")
    values = array("d")
    for piece in pieces:
        steps.extend(piece.steps)
        timestamps.extend(piece.timestamps)
        values.extend(piece.values)
        orders.extend(piece.orders)
    return steps, timestamps, values, orders


def _reinterpret(column: array[Any], typecode: str) -> array[Any]:
    """The same 64-bit words as another type."""
    other: array[Any] = array(typecode)
    other.frombytes(column.tobytes())
    return other


def group(points: Iterable[tuple[str, float, int, int]]) -> list[Series]:
    """One series per key, in order of first appearance, of (key, value, step, timestamp)."""
    columns: dict[str, tuple[list[int], list[int], list[float]]] = {}
    for key, value, step, timestamp in points:
        column = columns.get(key)
        if column is None:
            column = columns[key] = ([], [], [])
        column[0].append(step)
        column[1].append(timestamp)
        column[2].append(value)
    return [series_of(key, *column) for key, column in columns.items()]


def pack(series: Sequence[Series]) -> bytes:
    """Inverse of `unpack`. `series` must not be empty."""
    directory = orjson.dumps(
        [[s.key, len(s.steps), s.min_step, s.max_step, s.flags] for s in series]
    )
    compress = sum(len(s.steps) for s in series) >= COMPRESS_FROM
    parts = [len(directory).to_bytes(4, "little"), directory]
    for one in series:
        for column in _stored_columns(one):
            raw = _little_endian(column).tobytes()
            if compress:
                parts.extend(raw[byte::_WIDTH] for byte in range(_WIDTH))
            else:
                parts.append(raw)
    payload = b"".join(parts)
    if compress:
        return FORMAT_SHUFFLED + zlib.compress(payload, 1)
    return FORMAT_RAW + payload


def unpack(body: bytes, keys: frozenset[str] | None = None, order: int = 0) -> list[Series]:
    """The series in a chunk, only those of `keys` when given. `order` is that of the write which
    made the chunk; a merged series knows its own."""
    shuffled = body[:1] == FORMAT_SHUFFLED
    payload = zlib.decompress(memoryview(body)[1:]) if shuffled else body[1:]
    size = int.from_bytes(payload[:4], "little")
    directory: list[tuple[str, int, int, int, int]] = orjson.loads(payload[4 : 4 + size])
    offset = 4 + size
    found: list[Series] = []
    for key, count, _, _, flags in directory:
        width = count * _WIDTH
        columns: tuple[array[Any], ...] = (array("q"), array("q"), array("d"))
        if flags & MERGED:
            columns += (array("q"),)
        if keys is None or key in keys:
            for number, column in enumerate(columns):
                start = offset + number * width
                raw = payload[start : start + width]
                column.frombytes(_unshuffle(raw, count) if shuffled else raw)
            steps, timestamps, values, *kept = map(_little_endian, columns)
            orders = kept[0] if kept else array("q", [order]) * count
            found.append(Series(key, steps, timestamps, values, orders, flags))
        offset += len(columns) * width
    return found


def digest(series: Sequence[Series]) -> str:
    """Names a chunk by its content, whatever the order its keys came in."""
    state = hashlib.blake2b(digest_size=12)
    for one in sorted(series, key=lambda s: s.key):
        state.update(len(one.key.encode()).to_bytes(4, "little") + one.key.encode())
        state.update(len(one.steps).to_bytes(4, "little"))
        for column in _stored_columns(one):
            state.update(_little_endian(column).tobytes())
    return state.hexdigest()


def _stored_columns(one: Series) -> tuple[array[Any], ...]:
    """The columns that a chunk keeps of the series."""
    columns = (one.steps, one.timestamps, one.values)
    return (*columns, one.orders) if one.flags & MERGED else columns


def _unshuffle(raw: bytes, count: int) -> bytearray:
    whole = bytearray(len(raw))
    for byte in range(_WIDTH):
        whole[byte::_WIDTH] = raw[byte * count : (byte + 1) * count]
    return whole


def _little_endian(column: array[Any]) -> array[Any]:
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column
