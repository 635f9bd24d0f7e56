"""Shapes of experiment artifacts: what is logged under a name, and what a name reads as."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias, cast
from urllib.parse import quote

import orjson
from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    with_config,
)
from typing_extensions import TypedDict

from chalicelib.api.contract import Body, Request
from chalicelib.api.errors import invalid_of
from chalicelib.api.v1.shapes import NO_CONTROLS, ExactNumber, Sha256, rfc3339
from chalicelib.core.errors import Invalid
from chalicelib.core.model.experiment_artifact import (
    Axis,
    Content,
    JsonContent,
    MediaContent,
    Number,
    Point,
    PointsContent,
    SentKind,
    ShownKind,
    StoredContent,
)
from chalicelib.domain import artifact_values
from chalicelib.domain.experiment_artifact_reads import Described, shown_kind

ARTIFACTS: Final = "/api/v1/experiments/{experiment_id}/artifacts"
ONE_ARTIFACT: Final = ARTIFACTS + "/{artifact_name}"
MAX_NAME: Final = 200
AUTH_HINT: Final = "x-api-key"
LABEL_OF: Final[dict[Axis, Literal["x", "timestamp"]]] = {"number": "x", "time": "timestamp"}


def _no_dots(name: str) -> str:
    if name in {".", ".."}:  # a URL cannot name it
        raise ValueError("cannot be . or ..")
    return name


ArtifactName: TypeAlias = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME, pattern=NO_CONTROLS),
    AfterValidator(_no_dots),
]
_NAME: Final[TypeAdapter[str]] = TypeAdapter(ArtifactName)


# A dict and not a model: a timeseries has a hundred thousand of them.
@with_config(ConfigDict(extra="forbid", strict=True))
class PointIn(TypedDict):
    x: ExactNumber
    y: ExactNumber


class LoggedArtifact(Body):
    """A value of one of seven kinds, logged under a name: `points` of a timeseries, else `value`;
    of an image or a file in its place the `sha256` of bytes that were uploaded before."""

    name: ArtifactName
    kind: SentKind
    sha256: Sha256 | None = None
    points: Annotated[list[PointIn] | None, Field(validate_default=True)] = None
    value: Annotated[Any, Field(validate_default=True)] = None

    @field_validator("sha256")
    @classmethod
    def _of_bytes(cls, sha256: str | None, info: ValidationInfo) -> str | None:
        if sha256 is not None and info.data.get("kind") not in {None, *artifact_values.BYTES_KINDS}:
            raise ValueError("only an image or a file has one")
        return sha256

    @field_validator("points")
    @classmethod
    def _of_a_timeseries(
        cls, points: list[PointIn] | None, info: ValidationInfo
    ) -> list[PointIn] | None:
        kind = info.data.get("kind")
        if kind == "timeseries" and not points:
            raise ValueError("a timeseries has at least one point")
        if kind not in {None, "timeseries"} and points:
            raise ValueError("only a timeseries has points")
        return points

    @field_validator("value")
    @classmethod
    def _fits_its_kind(cls, value: object, info: ValidationInfo) -> object:
        """Leaves what is to be kept in place of the value."""
        kind: SentKind | None = info.data.get("kind")
        if kind is None:
            return None
        if kind == "timeseries":
            if value is not None:
                raise ValueError("a timeseries has points and no value")
            return None
        if kind in artifact_values.BYTES_KINDS:
            if "sha256" in info.data and (info.data["sha256"] is None) == (value is None):
                raise ValueError("an image or a file has either a value or a sha256")
            if value is None:
                return None
        return artifact_values.content_of(kind, value)

    def to_content(self) -> Content:
        """What is to be kept."""
        if self.points:
            return PointsContent([Point(point["x"], point["y"]) for point in self.points])
        if self.sha256 is not None:
            return StoredContent(self.sha256, is_image=self.kind == "image")
        return cast("JsonContent | MediaContent", self.value)


class AxisOut(TypedDict):
    label: Literal["x", "timestamp"]
    type: Axis


class LabelOut(TypedDict):
    label: str


class ArtifactPointOut(TypedDict):
    x: Number
    y: Number


class DescriptorOut(TypedDict):
    name: str
    kind: ShownKind
    value: Any
    mime_type: str | None
    content_url: str | None
    auth_hint: Literal["x-api-key"] | None
    x: AxisOut | None
    y: LabelOut | None
    points: list[ArtifactPointOut] | None
    entries: int
    next_cursor: str | None
    created_at: str
    last_updated: str


class DescriptorsOut(TypedDict):
    artifacts: list[DescriptorOut]
    next_cursor: str | None


def path_artifact_name(request: Request[Any, Any]) -> str:
    """The name in the path. Raises Invalid for what cannot be one."""
    try:
        return _NAME.validate_python(request.path["artifact_name"])
    except ValidationError as error:
        (first, *_) = invalid_of(error).fields
        raise Invalid.field("artifact_name", first.message) from error


def descriptor_out(found: Described, prefix: str) -> dict[str, Any]:
    """A name as the API shows it, without points."""
    series = found.series
    axis = series.axis
    path = ONE_ARTIFACT.replace("{experiment_id}", series.place.experiment_id)
    url = prefix + path.replace("{artifact_name}", quote(series.name, safe="")) + "/content"
    return {
        "name": series.name,
        "kind": shown_kind(series),
        "value": None if found.value is None else orjson.Fragment(found.value),
        "mime_type": series.latest.mime if series.is_media else None,
        "content_url": url if series.is_media else None,
        "auth_hint": AUTH_HINT if series.is_media else None,
        "x": None if axis is None else {"label": LABEL_OF[axis], "type": axis},
        "y": None if axis is None else {"label": series.name},
        "points": None,
        "entries": series.entries,
        "next_cursor": None,
        "created_at": rfc3339(series.created_at_ms),
        "last_updated": rfc3339(series.latest.at_ms),
    }


def points_json(points: list[Point]) -> orjson.Fragment:
    return orjson.Fragment(artifact_values.spelled([{"x": x, "y": y} for x, y in points]))
