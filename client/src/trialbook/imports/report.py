"""What is wanted of an import, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias


@dataclass
class Counts:
    """Of a run, or of all of them. `points` are distinct ones."""

    points: int = 0
    params: int = 0
    tags: int = 0
    files: int = 0
    bytes: int = 0

    def add(self, other: Counts) -> None:
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass
class ImportReport:
    """What became of an import. `failed` has a reason by run."""

    source: str
    dry_run: bool
    experiments: dict[str, str | None] = field(default_factory=dict[str, "str | None"])
    """The id here by name; None for one that a dry run found missing."""
    copied: int = 0
    there_already: int = 0
    failed: dict[str, str] = field(default_factory=dict[str, str])
    counts: Counts = field(default_factory=Counts)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


Watch: TypeAlias = Callable[[ImportReport, str], object]
"""Sees the report each time a run is done, and the experiment's name."""


class Differs(Exception):
    """What was read back is not what was copied."""


@dataclass(frozen=True)
class Wanted:
    """`experiments` are names or ids; all of them when empty."""

    experiments: tuple[str, ...] = ()
    artifacts: bool = True
    dry_run: bool = False
