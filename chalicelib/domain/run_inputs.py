"""What runs read and made: datasets and models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from chalicelib.core.context import Context, retry_races
from chalicelib.core.errors import Invalid
from chalicelib.core.ids import RunId
from chalicelib.core.model.dataset import Dataset, DatasetName, DatasetUse, RunInputs
from chalicelib.core.model.run import Run
from chalicelib.domain.logging import writable
from chalicelib.storage.datasets import DatasetStore
from chalicelib.storage.run_document import RunDocument
from chalicelib.storage.runs import RunStore

MAX_BYTES: Final = 200_000
"""Of the names, digests, tags and ids that a run keeps of all its inputs; they are read with it."""

AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Used:
    """A dataset, and the tags of its use."""

    dataset: Dataset
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


def add(
    runs: RunStore,
    datasets: DatasetStore,
    context: Context,
    run_id: RunId,
    used: Sequence[Used] = (),
    models: Sequence[str] = (),
) -> None:
    """Add inputs to a run; those that it has stay as they are. One read and one write, and before
    it a read and a write a dataset. Raises Conflict when the run is deleted, NotFound, Forbidden,
    Invalid for too many, TooLarge."""
    if used:
        experiment_id = writable(runs.open(context.tenant, run_id)).experiment_id
        distinct = {(one.dataset.name, one.dataset.digest): one for one in reversed(used)}
        for one in distinct.values():
            retry_races(
                context, lambda one=one: datasets.keep(context.tenant, experiment_id, one.dataset)
            )

    def added(old: RunInputs) -> RunInputs:
        uses = {(use.name, use.digest): use for use in old.datasets}
        for one in used:
            name = one.dataset.name, one.dataset.digest
            uses.setdefault(name, DatasetUse(*name, one.tags))
        models_read = tuple(dict.fromkeys([*old.models, *models]))
        return replace(old, datasets=tuple(uses.values()), models=models_read)

    _edit(runs, context, run_id, added)


def add_made(
    runs: RunStore, context: Context, run_id: RunId, models: Sequence[tuple[str, int]]
) -> None:
    """Add models that a run made, each with the step. One read and one write. Raises as `add`."""
    _edit(
        runs,
        context,
        run_id,
        lambda old: replace(old, made=tuple(dict.fromkeys([*old.made, *models]))),
    )


def edit_tag(
    runs: RunStore,
    context: Context,
    run_id: RunId,
    key: str,
    edit: Callable[[str | None], str],
) -> None:
    """Set a tag to what follows from its value, whoever else sets it. One read and one write (more
    of a run that spilled). Raises Conflict when the run is deleted, NotFound, Forbidden."""

    def attempt() -> None:
        document = writable(runs.open(context.tenant, run_id, [key]))
        known = document.tag(key)
        new = edit(known)
        if new != known:
            document.set_tag(key, new)
            runs.save(document)

    retry_races(context, attempt)


def described(
    datasets: DatasetStore, context: Context, runs: Iterable[Run]
) -> Iterator[tuple[Run, Mapping[DatasetName, Dataset]]]:
    """Each run with the datasets that it, and those before it, read. One batch read per 100 runs of
    which one read a dataset that none before did."""
    known: dict[DatasetName, Dataset] = {}
    left = iter(runs)
    while some := list(islice(left, AT_ONCE)):
        names = dict.fromkeys(
            DatasetName(run.experiment_id, use.name, use.digest)
            for run in some
            for use in run.inputs.datasets
        )
        wanted = [name for name in names if name not in known]
        if wanted:
            known |= datasets.get_many(context.tenant, wanted)
        yield from ((run, known) for run in some)


def _edit(
    runs: RunStore, context: Context, run_id: RunId, edit: Callable[[RunInputs], RunInputs]
) -> None:
    def attempt() -> None:
        document: RunDocument = writable(runs.open(context.tenant, run_id))
        old = document.inputs
        new = edit(old)
        if new == old:
            return
        if _size_bytes(new) > MAX_BYTES:
            raise Invalid("a run has no room for so many datasets and models", max_bytes=MAX_BYTES)
        document.set_inputs(new)
        runs.save(document)

    retry_races(context, attempt)


def _size_bytes(inputs: RunInputs) -> int:
    """About what they take of the run's document."""
    texts = [text for use in inputs.datasets for text in (use.name, use.digest, *_flat(use.tags))]
    texts += inputs.models
    texts += [model for model, _ in inputs.made]
    return sum(len(text.encode()) + 10 for text in texts)


def _flat(tags: Mapping[str, str]) -> list[str]:
    return [text for pair in tags.items() for text in pair]
