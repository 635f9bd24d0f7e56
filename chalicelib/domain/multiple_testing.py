"""p-values of several tests at once, adjusted so that each may be held against alpha itself.

In the order given. A None, where there was no test, stays None and does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Any false rejection at all has probability alpha at most, however the tests depend.

    S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scand. J. Stat. 6, 1979.
    """
    ranked = _ranked(p_values)
    count = len(ranked)
    steps = accumulate((min((count - n) * p, 1.0) for n, (p, _) in enumerate(ranked)), max)
    return _placed(p_values, ranked, list(steps))


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Of the rejections, alpha at most are false in the mean; for tests that are independent or
    depend on each other positively.

    Y. Benjamini, Y. Hochberg, "Controlling the False Discovery Rate", J. R. Stat. Soc. B 57, 1995.
    """
    ranked = _ranked(p_values)
    count = len(ranked)
    falling = [p * count / (n + 1) for n, (p, _) in enumerate(ranked)][::-1]
    return _placed(p_values, ranked, list(accumulate([1.0, *falling], min))[:0:-1])


def _ranked(p_values: Sequence[float | None]) -> list[tuple[float, int]]:
    return sorted((p, at) for at, p in enumerate(p_values) if p is not None)


def _placed(
    p_values: Sequence[float | None], ranked: Sequence[tuple[float, int]], adjusted: Sequence[float]
) -> list[float | None]:
    result: list[float | None] = [None] * len(p_values)
    for (_, at), p in zip(ranked, adjusted, strict=True):
        result[at] = p
    return result
