"""Shapes of the lines of a file in the drop zone: the bodies that the API takes, each with its type
and with what would be in the path."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from chalicelib.api.contract import Body
from chalicelib.api.errors import invalid_of
from chalicelib.api.v1.artifacts import NewArtifact
from chalicelib.api.v1.run_logs import LogMetrics, LogParams, spelled
from chalicelib.api.v1.runs import Description, ExperimentRef
from chalicelib.api.v1.shapes import HexId, Moment, Name, Slug, Tags, milliseconds_of
from chalicelib.api.v1.variant_shapes import LogBody
from chalicelib.core.ids import RunId
from chalicelib.core.model.artifact import ManifestFile
from chalicelib.core.model.run import RunStatus
from chalicelib.domain.ingest_lines import (
    ArtifactLine,
    BatchLine,
    Operation,
    RunLine,
    VariantLine,
)
from chalicelib.domain.runs import ENDED


class RunIn(Body):
    """Start a run, or change it where it is there."""

    type: Literal["run"]
    run_id: HexId | None = None
    experiment_id: ExperimentRef | None = None
    name: Name | None = None
    description: Description | None = None
    tags: Tags = {}
    parent_run_id: HexId | None = None
    status: RunStatus | None = None
    end_time: Moment | None = None

    @model_validator(mode="after")
    def _end_of_what(self) -> RunIn:
        if self.end_time is not None and self.status not in ENDED:
            raise ValueError("end_time: goes with a status that ends the run")
        return self


class MetricsIn(LogMetrics):
    type: Literal["metrics"]
    run_id: HexId


class ParamsIn(LogParams):
    type: Literal["params"]
    run_id: HexId


class TagsIn(Body):
    type: Literal["tags"]
    run_id: HexId
    tags: Annotated[Tags, Field(min_length=1)]


class VariantLogIn(LogBody):
    type: Literal["variant_log"]
    slug: Slug


class ArtifactIn(NewArtifact):
    type: Literal["artifact"]


LineIn: TypeAlias = Annotated[
    RunIn | MetricsIn | ParamsIn | TagsIn | VariantLogIn | ArtifactIn, Field(discriminator="type")
]
_LINE: Final = TypeAdapter[LineIn](LineIn)


def parse(text: bytes, arrived_ms: int) -> Operation:
    """What a line asks for. Raises Invalid."""
    try:
        line = _LINE.validate_json(text)
    except ValidationError as error:
        raise invalid_of(error) from error
    match line:
        case RunIn():
            return RunLine(
                None if line.run_id is None else RunId(line.run_id),
                line.experiment_id,
                line.name,
                line.description,
                line.tags,
                line.parent_run_id,
                line.status,
                None if line.end_time is None else milliseconds_of(line.end_time),
            )
        case MetricsIn():
            time_ms = arrived_ms if line.timestamp is None else line.timestamp
            points = [
                (key, float(value), line.step, time_ms) for key, value in line.metrics.items()
            ]
            return BatchLine(RunId(line.run_id), points=points)
        case ParamsIn():
            params = {key: spelled(value) for key, value in line.params.items()}
            return BatchLine(RunId(line.run_id), params=params)
        case TagsIn():
            return BatchLine(RunId(line.run_id), tags=line.tags)
        case VariantLogIn():
            return VariantLine(line.slug, line.to_new_log())
        case ArtifactIn():
            files = [
                ManifestFile(one.path, one.sha256, one.size_bytes) for one in line.manifest or ()
            ]
            return ArtifactLine(line.sha256, files, line.to_description())
