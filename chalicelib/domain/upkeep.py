"""What is done by the clock: artifacts past their time, what deletions left, bytes nobody needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.core.context import Clock
from chalicelib.core.errors import Contended, TrialbookError
from chalicelib.domain import (
    artifact_directories,
    collection,
    experiment_artifact_removal,
    retention,
    variant_exports,
)
from chalicelib.domain.experiment_artifacts import ExperimentArtifacts
from chalicelib.domain.retention import RetentionStores
from chalicelib.storage.variant_exports import ExportStore


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The stores that are kept in order."""

    retention: RetentionStores
    experiment_artifacts: ExperimentArtifacts
    exports: ExportStore
    clock: Clock


@dataclass(slots=True)
class Tidied:
    """What was done: artifacts removed because their time was over, directories whose files were
    let go, names of experiments whose entries were removed, exports of logs whose day was over,
    objects deleted, and their bytes."""

    expired: int = 0
    directories: int = 0
    names: int = 0
    exports: int = 0
    objects: int = 0
    bytes_freed: int = 0


def tidy(of: Upkeep, *, seconds: float) -> Tidied:
    """Everything, in this many seconds: the first two fifths of them at most are for retention.
    What is not done in the time is done the next time. Raises as `collect` does."""
    done = Tidied()
    start_s = of.clock.monotonic_s()

    def sweep() -> None:
        swept = retention.sweep(of.retention, of.clock, deadline_s=start_s + seconds * 0.4)
        done.expired += sum(one.removed for one in swept)

    _each([sweep, *_collecting(of, done, start_s + seconds * 0.4, start_s + seconds)])
    return done


def collect(of: Upkeep, *, seconds: float) -> Tidied:
    """What is on the queues, and no more: a query each when nothing is due. What fails does not
    keep the rest from its turn; the first error is raised after it."""
    done = Tidied()
    start_s = of.clock.monotonic_s()
    _each(_collecting(of, done, start_s, start_s + seconds))
    return done


def _collecting(
    of: Upkeep, done: Tidied, start_s: float, deadline_s: float
) -> list[Callable[[], None]]:
    """Half of the time at most for what lets go of bytes, the rest for the bytes."""
    clock, left_s = of.clock, deadline_s - start_s

    def release() -> None:
        released = artifact_directories.release_due(
            of.retention.artifacts, clock, deadline_s=start_s + left_s * 0.2
        )
        done.directories += released.released

    def remove() -> None:
        done.names += experiment_artifact_removal.remove_deleted(
            of.experiment_artifacts, clock, deadline_s=start_s + left_s * 0.4
        )

    def forget() -> None:
        done.exports += variant_exports.remove_due(
            of.exports, clock, deadline_s=start_s + left_s * 0.5
        )

    def free() -> None:
        collected = collection.collect(of.retention.artifacts.bytes, clock, deadline_s=deadline_s)
        done.objects += collected.deleted
        done.bytes_freed += collected.bytes_freed

    return [release, remove, forget, free]


def _each(jobs: list[Callable[[], None]]) -> None:
    failed: TrialbookError | Contended | None = None
    for job in jobs:
        try:
            job()
        except (TrialbookError, Contended) as error:
            failed = failed or error
    if failed is not None:
        raise failed
