"""What a run's root document keeps of what the run read and made."""

from __future__ import annotations

from typing import Any

from chalicelib.core.model.dataset import NO_INPUTS, DatasetUse, RunInputs


def inputs_of(root: dict[str, Any]) -> RunInputs:
    if "inputs" not in root:
        return NO_INPUTS
    datasets, models, made = root["inputs"]
    uses = tuple(DatasetUse(name, digest, tags) for name, digest, tags in datasets)
    return RunInputs(uses, tuple(models), tuple((model, step) for model, step in made))


def packed(inputs: RunInputs) -> list[Any]:
    """Inverse of `inputs_of`, for the field `inputs` of the root."""
    uses = [[use.name, use.digest, dict(use.tags)] for use in inputs.datasets]
    return [uses, inputs.models, inputs.made]
