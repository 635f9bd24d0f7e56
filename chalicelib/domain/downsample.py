"""Fewer points with the same look: Largest-Triangle-Three-Buckets.

S. Steinarsson, "Downsampling Time Series for Visual Representation", University of Iceland, 2013.
The points between the first and the last are cut into buckets of equal count; from each is kept the
point that spans the largest triangle with the point kept before it and the mean of the next bucket.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

_MULTIPLIABLE: Final = 1e150
"""Sums of values up to here, times a difference of steps, are finite."""


def lttb_indices(steps: Sequence[int], values: Sequence[float], max_points: int) -> list[int]:
    """Ascending positions of at most `max_points` points that look like all of them.

    The first, the last, the least and the greatest finite value are among them (with less than 4
    there is no room for extremes: 3 is first, last and one between, 2 first and last, 1 the last).
    All points when there are no more than that. Steps may repeat or go back; when all are equal,
    the position stands in. NaN and infinities count as level with the value before them, so that a
    stretch of them as long as a bucket leaves one. Cost: about 0.15 µs a point. Raises ValueError
    when `max_points` is less than 1.
    """
    count = len(values)
    if max_points < 1:
        raise ValueError(f"max_points must be at least 1, not {max_points}")
    if count <= max_points:
        return list(range(count))
    if max_points < 3:
        return [0, count - 1][-max_points:]
    # lists are read faster than arrays, which make an object at each look
    steps, values = list(steps), list(values)
    xs = range(count) if all(step == steps[0] for step in steps) else steps
    # the sum is not finite when a value is not, or when the values are huge: both need a look
    finite = values if math.isfinite(sum(values)) else [v for v in values if math.isfinite(v)]
    if not finite:
        return _largest_triangles(xs, [0.0] * count, max_points)
    least, greatest = min(finite), max(finite)
    ys = values if finite is values else _levelled(values, finite[0])
    if max(-least, greatest) > _MULTIPLIABLE:
        ys = [y / _MULTIPLIABLE for y in ys]
    if max_points == 3:
        return _largest_triangles(xs, ys, 3)
    # both extremes may be in one bucket, which has room for one point: they need room of their own
    kept = _largest_triangles(xs, ys, max_points - 2)
    return sorted({*kept, values.index(least), values.index(greatest)})


def band(values: Sequence[float], kept: Sequence[int]) -> tuple[list[float], list[float]]:
    """The lowest and the highest finite value of each stretch: from a kept position, of which there
    is at least one and which ascend, up to before the next; of the last, the value there.

    NaN in both where a stretch has no finite value: the columns stay numbers, and there is nothing
    to draw. What is before the first kept position is in no stretch. Cost: about 0.06 µs a value.
    """
    values = list(values)
    lows: list[float] = []
    highs: list[float] = []
    for start, end in pairwise([*kept, kept[-1] + 1]):
        stretch = values[start:end]
        # the sum is not finite when a value is not, or when the values are huge: both need a look
        if not math.isfinite(sum(stretch)):
            stretch = [value for value in stretch if math.isfinite(value)] or [math.nan]
        lows.append(min(stretch))
        highs.append(max(stretch))
    return lows, highs


def _levelled(values: Sequence[float], first: float) -> list[float]:
    """Values with the last finite one in place of each that is not, and `first` before any."""
    level = first
    result: list[float] = []
    for value in values:
        if math.isfinite(value):
            level = value
        result.append(level)
    return result


def _largest_triangles(xs: Sequence[int], ys: Sequence[float], count: int) -> list[int]:
    """Positions of exactly `count` of more than `count` points, at least 2, by the paper."""
    last = len(ys) - 1
    buckets = count - 2
    if buckets == 0:
        return [0, last]
    # bucket i is bounds[i] to bounds[i + 1]; the last point is the bucket after the last one
    bounds = [1 + (last - 1) * i // buckets for i in range(buckets + 1)] + [last + 1]
    kept = [0]
    for start, end, after in zip(bounds, bounds[1:], bounds[2:], strict=False):
        ax, ay = xs[kept[-1]], ys[kept[-1]]
        dx = ax - sum(xs[end:after]) / (after - end)
        dy = sum(ys[end:after]) / (after - end) - ay
        # twice the area, with its sign: taking the ends of the range spares an abs() a point
        areas = [
            dx * (y - ay) + dy * (x - ax) for x, y in zip(xs[start:end], ys[start:end], strict=True)
        ]
        low, high = min(areas), max(areas)
        kept.append(start + areas.index(high if high >= -low else low))
    kept.append(last)
    return kept
