"""What a list of artifacts is asked for, and how it is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from chalicelib.core.model.artifact import Artifact
from chalicelib.storage.artifacts import ROW_FIELDS, ArtifactRow

NARROWEST_FIRST: Final = (
    "run_id",
    "session_id",
    "node_id",
    "graph_id",
    "client_id",
    "app_id",
    "user_id",
    "experiment_id",
    "org_id",
    "kind",
)
"""Fields by how few artifacts share a value of them, as a rule."""
assert set(NARROWEST_FIRST) == set(ROW_FIELDS)


@dataclass(frozen=True, slots=True)
class ArtifactFilters:
    """All of these must hold. `fields` are ids and kind, and equal; all of `tags` are among the
    artifact's; a label equals as a string, or in its JSON spelling when it is none."""

    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    pinned: bool | None = None

    @property
    def partition(self) -> tuple[str, str] | None:
        """The field and value whose rows to read; None for those of all artifacts."""
        for name in NARROWEST_FIRST:
            if name in self.fields:
                return name, self.fields[name]
        return None

    @property
    def asks_more_than_rows_tell(self) -> bool:
        """Whether artifacts have to be looked at one by one."""
        return bool(self.tags or self.labels or self.pinned is not None)

    @property
    def asks_more_than_the_partition(self) -> bool:
        """Whether some rows of the partition may be left out."""
        return len(self.fields) > 1 or self.asks_more_than_rows_tell

    def keep_row(self, row: ArtifactRow) -> bool:
        """Whether the ids and the kind are those asked for."""
        return all(row.fields.get(name) == value for name, value in self.fields.items())

    def keep(self, artifact: Artifact) -> bool:
        """Whether the rest is, which can change."""
        return (
            (self.pinned is None or artifact.pinned is self.pinned)
            and set(self.tags) <= set(artifact.tags)
            and all(
                name in artifact.labels and label_text(artifact.labels[name]) == value
                for name, value in self.labels.items()
            )
        )


def label_text(value: object) -> str:
    """A label as filters see it: a string as it is, anything else as JSON without spaces."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
