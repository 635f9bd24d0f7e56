"""Reciprocal rank fusion: one ranking of several, by places alone.

Scores of words and of vectors have no common scale; places do. Cormack, Clarke and Büttcher,
"Reciprocal rank fusion outperforms Condorcet and individual rank learning methods", SIGIR 2009.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

K: Final = 60
"""As in the paper: how much the first places count over those behind them."""
Name = TypeVar("Name", bound=str)


def fused(rankings: Mapping[Name, Sequence[int]]) -> list[tuple[int, float]]:
    """What is in any of the rankings (distinct numbers, best first) with its score, the sum of
    1 / (60 + rank), best first. Of equals the better single place goes first, then the lower
    number."""
    scores: dict[int, float] = {}
    best: dict[int, int] = {}
    for ranking in rankings.values():
        for rank, document in enumerate(ranking, 1):
            scores[document] = scores.get(document, 0.0) + 1 / (K + rank)
            best[document] = min(rank, best.get(document, rank))
    return sorted(scores.items(), key=lambda one: (-one[1], best[one[0]], one[0]))
