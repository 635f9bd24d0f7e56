"""Metric points packed into one binary chunk: columns per key, byte-shuffled, compressed.

Layout: one format byte, then (zlib level 1 from `COMPRESS_FROM` points on) a directory and the
columns. The directory is a JSON list of `[key, count, min_step, max_step, flags]`; the columns
follow in its order: steps (int64), timestamps (int64, ms), values (IEEE double), little-endian and,
when compressed, byte-shuffled: all first bytes, all second bytes, and so on. Shuffling costs a few
microseconds per thousand points and makes the chunk a third smaller, for high bytes repeat.
"""

from __future__ import annotations

import hashlib
import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from operator import lt
from typing import Any

import orjson

COMPRESS_FROM = 8
FORMAT_RAW = b"\x01"
FORMAT_SHUFFLED = b"\x02"

STRICT = 1
"""Steps rise strictly, so the series holds no equal points."""
FINITE = 2
"""No value is NaN or infinite."""

_WIDTH = 8


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one key, ascending by (step, timestamp), none of them twice.

    Three columns of equal length: steps, timestamps in ms, values.
    """

    key: str
    steps: array[int]
    timestamps: array[int]
    values: array[float]
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
            self.flags,
        )


def series_of(
    key: str, steps: Sequence[int], timestamps: Sequence[int], values: Sequence[float]
) -> Series:
    """Sort the columns by (step, timestamp), equal pairs in their order, and drop equal points."""
    column = array("d", values)
    strict = all(map(lt, steps, steps[1:]))
    if not strict:
        # Compared by their bits, for NaN is not equal to itself and -0.0 is equal to 0.0.
        rows = list(dict.fromkeys(zip(steps, timestamps, _reinterpret(column, "q"), strict=True)))
        rows.sort(key=lambda row: row[:2])
        steps = [row[0] for row in rows]
        timestamps = [row[1] for row in rows]
        column = _reinterpret(array("q", [row[2] for row in rows]), "d")
        strict = all(map(lt, steps, steps[1:]))
    flags = (STRICT if strict else 0) | (FINITE if isfinite(sum(column)) else 0)
    return Series(key, array("q", steps), array("q", timestamps), column, flags)


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
        for column in (one.steps, one.timestamps, one.values):
            raw = _little_endian(column).tobytes()
            if compress:
                parts.extend(raw[byte::_WIDTH] for byte in range(_WIDTH))
            else:
                parts.append(raw)
    payload = b"".join(parts)
    if compress:
        return FORMAT_SHUFFLED + zlib.compress(payload, 1)
    return FORMAT_RAW + payload


def unpack(body: bytes, keys: frozenset[str] | None = None) -> list[Series]:
    """The series in a chunk, only those of `keys` when given."""
    shuffled = body[:1] == FORMAT_SHUFFLED
    payload = zlib.decompress(memoryview(body)[1:]) if shuffled else body[1:]
    size = int.from_bytes(payload[:4], "little")
    directory: list[tuple[str, int, int, int, int]] = orjson.loads(payload[4 : 4 + size])
    offset = 4 + size
    found: list[Series] = []
    for key, count, _, _, flags in directory:
        width = count * _WIDTH
        if keys is None or key in keys:
            steps: array[int] = array("q")
            timestamps: array[int] = array("q")
            values: array[float] = array("d")
            for number, column in enumerate((steps, timestamps, values)):
                start = offset + number * width
                raw = payload[start : start + width]
                column.frombytes(_unshuffle(raw, count) if shuffled else raw)
            found.append(
                Series(
                    key,
                    _little_endian(steps),
                    _little_endian(timestamps),
                    _little_endian(values),
                    flags,
                )
            )
        offset += 3 * width
    return found


def digest(series: Sequence[Series]) -> str:
    """Names a batch by its content, whatever the order it came in."""
    state = hashlib.blake2b(digest_size=12)
    for one in sorted(series, key=lambda s: s.key):
        state.update(len(one.key.encode()).to_bytes(4, "little") + one.key.encode())
        state.update(len(one.steps).to_bytes(4, "little"))
        for column in (one.steps, one.timestamps, one.values):
            state.update(_little_endian(column).tobytes())
    return state.hexdigest()


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
