"""Vectors of documents in memory, and which of them are nearest to another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from chalicelib.search.embedding import UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK: Final = 16_384
"""Rows that are multiplied at once: their floats stay in the cache of a processor."""


class Vectors:
    """Rows of int8 by the number of their document. Adding takes amortized constant time."""

    def __init__(self, dimensions: int, rows: Iterable[tuple[int, bytes]] = ()) -> None:
        """`rows` are ascending by number."""
        import numpy as np

        self._dimensions = dimensions
        numbers: list[int] = []
        packed: list[bytes] = []
        for number, vector in rows:
            numbers.append(number)
            packed.append(vector)
        self._numbers = np.array(numbers, dtype=np.int64)
        self._matrix = np.frombuffer(b"".join(packed), dtype=np.int8).reshape(-1, dimensions)
        self._count = len(numbers)

    def __len__(self) -> int:
        return self._count

    def add(self, number: int, vector: bytes) -> None:
        """`number` is higher than any before."""
        import numpy as np

        if self._count == len(self._numbers):
            room = max(256, 2 * self._count)
            numbers = np.zeros(room, dtype=np.int64)
            matrix = np.zeros((room, self._dimensions), dtype=np.int8)
            numbers[: self._count] = self._numbers[: self._count]
            matrix[: self._count] = self._matrix[: self._count]
            self._numbers, self._matrix = numbers, matrix
        self._numbers[self._count] = number
        self._matrix[self._count] = np.frombuffer(vector, dtype=np.int8)
        self._count += 1

    def remove(self, number: int) -> None:
        """Its row stays and is near to nothing. Nothing happens to one that is not there."""
        import numpy as np

        at = int(np.searchsorted(self._numbers[: self._count], number))
        if at < self._count and self._numbers[at] == number:
            if not self._matrix.flags.writeable:
                self._matrix = self._matrix.copy()
            self._matrix[at] = 0

    def nearest(
        self, vector: NDArray[Any], limit: int, among: Iterable[int] | None = None
    ) -> list[tuple[int, float]]:
        """Up to `limit` numbers with their cosine, the nearest first; only those `among` when that
        is given. What has nothing in common (a cosine of zero or less) is left out."""
        import numpy as np

        query = np.asarray(vector, dtype=np.float32)
        matrix, numbers = self._matrix[: self._count], self._numbers[: self._count]
        if among is not None:
            wanted = np.fromiter(among, dtype=np.int64)
            kept = np.flatnonzero(np.isin(numbers, wanted, assume_unique=True))
            matrix, numbers = matrix[kept], numbers[kept]
        scores = np.empty(len(numbers), dtype=np.float32)
        for start in range(0, len(numbers), _BLOCK):
            block = slice(start, start + _BLOCK)
            scores[block] = matrix[block].astype(np.float32) @ query
        length = float(np.linalg.norm(query)) * UNIT
        near = np.flatnonzero(scores > 0)
        if len(near) > limit:
            near = near[np.argpartition(-scores[near], limit - 1)[:limit]]
        order = near[np.lexsort((numbers[near], -scores[near]))]
        return [(int(numbers[at]), float(scores[at]) / length) for at in order]
