"""Quantiles from counts that merge and subtract: DDSketch.

C. Masson, J. E. Rim, H. K. Lee, "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with
Relative-Error Guarantees", PVLDB 12(12), 2019. A sketch is a dict of counts by bucket, no count 0.
The positive bucket i has the numbers from 1.01^(i - 1/2) to 1.01^(i + 1/2), so that any two numbers
of one bucket are within 1 % of each other. No double is an edge: those are irrational. The code of
a bucket is i + 100,000, its negative for the bucket of the negatives, and 0 for zero, so that codes
order as values do.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import Context, Decimal
from math import copysign, floor, log
from typing import Final

_GAMMA: Final = Decimal("1.01")
_PER_LOG: Final = 1 / log(1.01)
_OFFSET: Final = 100_000
"""More than the largest index of a double: they are -74,816 to 71,333."""
_NEAR: Final = 1e-8
"""Of a bucket's width; logarithms are off by less than 1e-10 of it."""
_DIGITS: Final = Context(prec=40)


def bucket(value: float) -> int:
    """The code of the value's bucket. Cost: 0.3 µs. Raises ValueError for NaN, OverflowError for an
    infinity."""
    if value == 0:
        return 0
    size = abs(value)
    position = log(size) * _PER_LOG + 0.5
    index = floor(position)
    if not _NEAR < position - index < 1 - _NEAR:
        index = _exact_index(size, round(position))
    return index + _OFFSET if value > 0 else -index - _OFFSET


def _exact_index(value: float, above: int) -> int:
    """`above` or one less: on which side of the edge between them the value is."""
    square = _DIGITS.power(Decimal(value), 2)
    return above if square > _DIGITS.power(_GAMMA, 2 * above - 1) else above - 1


def shown(code: int) -> float:
    """A number of the bucket: its middle, rounded to as few significant digits as stay inside.

    Integers to 100 come back as themselves, and so do all numbers of at most two digits. Cost:
    5 µs. Raises ValueError for a code that no double has.
    """
    if code == 0:
        return 0.0
    middle = _DIGITS.power(_GAMMA, abs(code) - _OFFSET)
    for digits in range(17):
        number = min(float(f"{middle:.{digits}e}"), sys.float_info.max)
        if bucket(number) == abs(code):
            return copysign(number, code)
    raise ValueError(f"no number has the bucket code {code}")


def add(counts: dict[int, int], other: Mapping[int, int], times: int = 1) -> None:
    """Add the other's counts; with -1 take them away, which undoes adding them."""
    for code, count in other.items():
        total = counts.get(code, 0) + times * count
        if total:
            counts[code] = total
        else:
            counts.pop(code, None)


def quantile(counts: Mapping[int, int], q: float) -> float | None:
    """A number within 1 % of the q-quantile of the n values; None when there are none.

    It is the paper's lower quantile: the value of rank 1 + ⌊q(n - 1)⌋, without interpolation.
    """
    total = sum(counts.values())
    return value_at_rank(counts, 1 + floor(q * (total - 1))) if total else None


def value_at_rank(counts: Mapping[int, int], rank: int) -> float:
    """A number within 1 % of the rank-th smallest value, counted from 1. Raises ValueError when
    there are fewer values, or the rank is less than 1."""
    left = rank
    for code in sorted(counts) if rank > 0 else ():
        left -= counts[code]
        if left <= 0:
            return shown(code)
    raise ValueError(f"no value has this rank: rank={rank} values={sum(counts.values())}")


def lowest(counts: Mapping[int, int]) -> float | None:
    """A number within 1 % of the smallest value; None when there are none."""
    return shown(min(counts)) if counts else None


def highest(counts: Mapping[int, int]) -> float | None:
    """A number within 1 % of the largest value; None when there are none."""
    return shown(max(counts)) if counts else None
