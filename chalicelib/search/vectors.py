"""Vectors of documents in memory, and which of them are nearest to another."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from chalicelib.search.embedding import UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK: Final = 1 << 17
"""Numbers that are multiplied at once: as floats they fit into the cache of a core. With 32 times
as many it takes as long on idle cores, but half as much again of the processor; on busy ones it
took ten times as long."""
_LOADED: Final = 4096
"""Rows that are in memory twice while all are loaded."""
_ROOM: Final = 1024
"""Rows for which there is room, at least, when there has to be more."""


class Vectors:
    """Rows of int8 by the number of their document. Adding takes amortized constant time."""

    def __init__(self, dimensions: int, rows: Iterable[tuple[int, bytes]] = ()) -> None:
        """`rows` are ascending by number. Takes their memory and an eighth more."""
        import numpy as np

        numbers, packed, left = array("q"), bytearray(), iter(rows)
        while some := [*islice(left, _LOADED)]:
            numbers.extend([number for number, _ in some])
            packed += b"".join([vector for _, vector in some])
        self._dimensions = dimensions
        self._count = len(numbers)
        self._removed = 0
        numbers.frombytes(bytes(_ROOM * numbers.itemsize))
        packed += bytes(_ROOM * dimensions)
        self._numbers = np.frombuffer(numbers, dtype=np.int64)
        self._matrix = np.frombuffer(packed, dtype=np.int8).reshape(-1, dimensions)

    def __len__(self) -> int:
        return self._count

    def add(self, number: int, vector: bytes) -> None:
        """`number` is higher than any before."""
        import numpy as np

        if self._count == len(self._numbers):
            room = max(_ROOM, self._count // 8)
            more = np.zeros((room, self._dimensions), np.int8)
            self._numbers = np.concatenate((self._numbers, np.zeros(room, np.int64)))
            self._matrix = np.concatenate((self._matrix, more))
        self._numbers[self._count] = number
        self._matrix[self._count] = np.frombuffer(vector, dtype=np.int8)
        self._count += 1

    def remove(self, number: int) -> None:
        """Its row stays and is near to nothing. Nothing happens to one that is not there."""
        rows = self._rows_of([number])
        self._matrix[rows] = 0
        self._removed += len(rows)

    @property
    def is_wasteful(self) -> bool:
        """Whether most rows are of what was removed: load them anew."""
        return self._removed > _ROOM and 2 * self._removed > self._count

    def nearest(
        self, vector: NDArray[Any], limit: int, among: Collection[int] | None = None
    ) -> list[tuple[int, float]]:
        """Up to `limit` numbers with their cosine, the nearest first; only those `among`, distinct
        ones, when that is given. What has nothing in common (a cosine of zero or less) is left out.
        Of 256 dimensions, 0.06 µs a row."""
        import numpy as np

        query = np.asarray(vector, dtype=np.float32)
        rows = None if among is None else self._rows_of(among)
        matrix = self._matrix[: self._count]
        scores = np.empty(self._count if rows is None else len(rows), dtype=np.float32)
        step = max(1, _BLOCK // self._dimensions)
        for start in range(0, len(scores), step):
            block = slice(start, start + step)
            some = matrix[block] if rows is None else matrix[rows[block]]
            scores[block] = some.astype(np.float32) @ query
        near = np.flatnonzero(scores > 0)
        if len(near) > limit:
            near = near[np.argpartition(-scores[near], limit - 1)[:limit]]
        numbers = self._numbers[near if rows is None else rows[near]]
        order = np.lexsort((numbers, -scores[near]))
        cosines = scores[near] / (float(np.linalg.norm(query)) * UNIT or 1)
        return [(int(numbers[at]), float(cosines[at])) for at in order]

    def _rows_of(self, numbers: Collection[int]) -> NDArray[Any]:
        """Of those that are there."""
        import numpy as np

        there, wanted = self._numbers[: self._count], np.fromiter(numbers, dtype=np.int64)
        rows = np.searchsorted(there, wanted)
        rows, wanted = rows[rows < self._count], wanted[rows < self._count]
        return rows[there[rows] == wanted]
