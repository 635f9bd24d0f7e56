"""Registered models and their versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NewType, TypeAlias

from chalicelib.core.ids import UserId

RegistryId = NewType("RegistryId", str)
"""Of a registered model: a rename keeps it."""
VersionStage: TypeAlias = Literal["None", "Staging", "Production", "Archived"]


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A name under which versions of a model are kept. Versions count from 1; the number of a
    deleted one is not given again. `aliases` tells the version of each alias."""

    id: RegistryId
    name: str
    created_at_ms: int
    last_updated_ms: int
    created_by: UserId
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    aliases: Mapping[str, int] = field(default_factory=dict[str, int])
    last_version: int = 0
    version: int = 0

    def aliases_of(self, number: int) -> list[str]:
        return [alias for alias, of in self.aliases.items() if of == number]


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """`source` is where whoever registered it says the model is; `location` where that leads to."""

    model: RegistryId
    number: int
    created_at_ms: int
    last_updated_ms: int
    created_by: UserId
    source: str
    location: str
    stage: VersionStage = "None"
    description: str | None = None
    run_id: str | None = None
    run_link: str | None = None
    model_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    version: int = 0
