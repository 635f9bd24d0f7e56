"""Field types that several routes share, and how times and numbers are spelled."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isfinite
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, Strict
from pydantic.json_schema import WithJsonSchema

from chalicelib.api.endpoint import Request
from chalicelib.core.errors import NotFound
from chalicelib.core.ids import RunId, is_hex_id

MAX_KEY = 250
MAX_TAG_VALUE = 8000
MAX_PARAM_VALUE = 8000
MAX_TAGS = 100
INT64 = 2**63
MAX_TIMESTAMP_MS = 253_402_300_799_999
"""The end of the year 9999, the last that RFC 3339 can spell."""


def _clean(text: str) -> str:
    """No control characters in a name: they cannot be seen, and break listings."""
    if any(character < " " or character == "\x7f" for character in text):
        raise ValueError("must not contain control characters")
    return text


def _encodable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("must not contain lone surrogates") from error
    return text


Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_clean)]
MetricKey: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=MAX_KEY), AfterValidator(_clean)
]
ParamKey: TypeAlias = MetricKey
TagKey: TypeAlias = MetricKey
TagValue: TypeAlias = Annotated[str, Field(max_length=MAX_TAG_VALUE)]
ParamText: TypeAlias = Annotated[str, Field(max_length=MAX_PARAM_VALUE)]
Tags: TypeAlias = Annotated[dict[TagKey, TagValue], Field(max_length=MAX_TAGS)]
TagChanges: TypeAlias = Annotated[dict[TagKey, TagValue | None], Field(max_length=MAX_TAGS)]
Step: TypeAlias = Annotated[int, Field(ge=-INT64, lt=INT64)]
TimestampMs: TypeAlias = Annotated[int, Field(ge=0, le=MAX_TIMESTAMP_MS)]
HexId: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Sha256: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Slug: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Mime: TypeAlias = Annotated[
    str, Field(max_length=127, pattern=r"^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*(; ?charset=[A-Za-z0-9._-]+)?$")
]  # fmt: skip

FiniteNumber: TypeAlias = Annotated[float, Strict(), Field(allow_inf_nan=False)]
NonFinite: TypeAlias = Literal["NaN", "Infinity", "-Infinity"]


def _float_of(value: Any) -> Any:
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value




MetricNumber: TypeAlias = Annotated[
    float,
    Strict(),
    BeforeValidator(_float_of),
    WithJsonSchema(
        {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}
    ),
]
"""A finite number, or one of the three that JSON cannot spell, as a string. NaN and infinities
written as bare words are refused by the JSON parser before."""


def rfc3339(milliseconds: int) -> str:
    """`2026-01-02T03:04:05.678Z`."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def milliseconds_of(moment: datetime) -> int:
    """Milliseconds since the epoch."""
    return int(moment.timestamp() * 1000 + 0.5)


Moment: TypeAlias = Annotated[AwareDatetime, Strict(False)]
"""An RFC 3339 time with its offset."""


def path_run_id(request: Request[Any, Any]) -> RunId:
    """The run id in the path. Raises NotFound for what cannot be one."""
    text = request.path["run_id"]
    if not is_hex_id(text):
        raise NotFound("there is no such run", run_id=text[:100])
    return RunId(text)


def json_number(value: float) -> float | str:
    """NaN and the infinities as the strings that stand for them."""
    if isfinite(value):
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
