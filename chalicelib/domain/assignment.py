"""Which variant a unit gets: GrowthBook's public hashing, in version 2.

https://docs.growthbook.io/lib/build-your-own. Every GrowthBook SDK that is given
the slug as seed and the same weights puts a unit in the same variant.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, Literal

_FNV_OFFSET: Final = 0x811C9DC5
_FNV_PRIME: Final = 0x01000193


def assign(slug: str, unit: str, weights_percent: Sequence[float]) -> int:
    """The position of the unit's variant, the same one for the same arguments always.

    Weights are percent and add up to 100 ± 0.01; a variant of weight 0 gets nobody. When the weight
    of one of two variants is raised, nobody leaves it. Cost: about 10 µs.
    """
    ranges = bucket_ranges([weight / 100 for weight in weights_percent])
    position = choose(unit_hash(slug, unit), ranges)
    if position >= 0:
        return position
    # rounded weights may end short of 1
    return max(at for at, weight in enumerate(weights_percent) if weight > 0)


def unit_hash(seed: str, value: str, version: Literal[1, 2] = 2) -> float:
    """A number in [0, 1), evenly spread in steps of 0.0001; of version 1, 0.001.

    Raises ValueError for another version.
    """
    if version == 2:
        return _fnv1a32(str(_fnv1a32(seed + value))) % 10_000 / 10_000
    if version == 1:
        return _fnv1a32(value + seed) % 1_000 / 1_000
    raise ValueError(f"unknown version of the hash: {version}")


def bucket_ranges(weights: Sequence[float], coverage: float = 1.0) -> list[tuple[float, float]]:
    """From each variant's start up to, but without, its end.

    Weights are shares of 1; any that add up to less than 0.99 or more than 1.01 count as equal.
    Coverage, cut to 0..1, is how much of its share a variant takes.
    """
    if not 0.99 <= sum(weights) <= 1.01:
        weights = [1 / len(weights)] * len(weights)
    coverage = min(max(coverage, 0.0), 1.0)
    starts = accumulate(weights, initial=0.0)
    return [
        (start, start + coverage * weight) for start, weight in zip(starts, weights, strict=False)
    ]


def choose(n: float, ranges: Sequence[tuple[float, float]]) -> int:
    """The position of the first range that has n; -1 when none does."""
    return next((at for at, (start, end) in enumerate(ranges) if start <= n < end), -1)


def _fnv1a32(text: str) -> int:
    """FNV-1a of 32 bits over UTF-16 code units, as JavaScript's charCodeAt gives them."""
    if text.isascii():
        units: Sequence[int] = text.encode("ascii")
    else:
        encoded = text.encode("utf-16-le", "surrogatepass")
        units = struct.unpack(f"<{len(encoded) // 2}H", encoded)
    state = _FNV_OFFSET
    for unit in units:
        state = (state ^ unit) * _FNV_PRIME & 0xFFFFFFFF
    return state
