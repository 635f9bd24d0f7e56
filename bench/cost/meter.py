"""What was asked of the stores and of the functions, added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spent:
    """What something cost. `calls` are API requests, `events` functions started without one;
    `direct` are requests of a client to S3 by presigned URL, which are billed to the bucket. Whole
    numbers but for read units and shares."""

    calls: float = 0
    events: float = 0
    reads: float = 0
    queries: float = 0
    writes: float = 0
    transactions: float = 0
    blobs: float = 0
    direct: float = 0
    read_units: float = 0
    write_units: float = 0
    s3_puts: float = 0
    s3_gets: float = 0
    moved_bytes: float = 0
    """Through the functions: items, blobs, bodies and answers."""

    @property
    def requests(self) -> float:
        """Storage requests that the functions made."""
        return self.reads + self.queries + self.writes + self.transactions + self.blobs

    def share(self, of: int) -> Spent:
        """What one of so many cost."""
        if of == 1:
            return self
        return Spent(*(round(getattr(self, name) / of, 6) for name in FIELDS))


FIELDS: Final = tuple(field.name for field in fields(Spent))


class Meter:
    """Adds up. Not safe in threads."""

    def __init__(self) -> None:
        self._totals: Counter[str] = Counter()

    def add(self, **amounts: float) -> None:
        """Amounts by the names of `Spent`."""
        self._totals.update(amounts)

    def measure(self, work: Callable[[], T]) -> tuple[T, Spent]:
        """What the work returned, and what was spent on it."""
        before = self._totals.copy()
        result = work()
        spent = {name: self._totals[name] - before[name] for name in FIELDS}
        return result, Spent(**spent)
