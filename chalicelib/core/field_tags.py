"""Fields of runs and experiments that MLflow's clients know as tags.

Such a tag is not kept: who writes it writes the field, and who reads it, or searches by it, reads
the field. A parent is both, for a client may name one that is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NAME: Final = "mlflow.runName"
DESCRIPTION: Final = "mlflow.note.content"
PARENT: Final = "mlflow.parentRunId"
RUN_FIELDS: Final[Mapping[str, str]] = {NAME: "name", DESCRIPTION: "description"}
"""The field of a run that stands behind a tag."""


def of_run(
    tags: Mapping[str, str], name: str, description: str | None, parent: str | None
) -> dict[str, str]:
    """The tags of a run with those that say its fields."""
    shown = {**tags, NAME: name}
    if description is not None:
        shown[DESCRIPTION] = description
    if parent is not None:
        shown.setdefault(PARENT, parent)
    return shown


def split(tags: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What is kept as tags of a run, and the fields that the others say, without empty names."""
    kept: dict[str, str] = {}
    fields: dict[str, str] = {}
    for key, value in tags.items():
        field = RUN_FIELDS.get(key)
        if field is None:
            kept[key] = value
        elif value or field != "name":
            fields[field] = value
    return kept, fields
