"""Datasets that runs read, and what a run keeps of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from chalicelib.core.ids import ExperimentId

DATASET_CONTEXT: Final = "mlflow.data.context"
"""The tag of a dataset's use that tells what for: training, say."""


class DatasetName(NamedTuple):
    """What tells datasets of an experiment apart."""

    experiment_id: ExperimentId
    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """`source`, `schema` and `profile` are text that only clients read."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetUse:
    """A dataset as an input of a run."""

    name: str
    digest: str
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class RunInputs:
    """What a run read and what it made: ids of models, those it made with the step."""

    datasets: Sequence[DatasetUse] = ()
    models: Sequence[str] = ()
    made: Sequence[tuple[str, int]] = ()


NO_INPUTS: Final = RunInputs()
