"""Field types that several routes share, and how times and numbers are spelled."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from math import isfinite, isnan
from typing import Annotated, Any, Final, Literal, TypeAlias

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    GetPydanticSchema,
    Strict,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from chalicelib.api.contract import Request
from chalicelib.core.errors import NotFound
from chalicelib.core.ids import RunId, is_hex_id

MAX_KEY = 250
MAX_TAG_VALUE = 8000
MAX_PARAM_VALUE = 8000
MAX_TAGS = 100
INT64 = 2**63
MAX_TIMESTAMP_MS = 253_402_300_799_999
"""The end of the year 9999, the last that RFC 3339 can spell."""


NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"
"""Names hold no control characters: they cannot be seen, and break listings."""

Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=255, pattern=NO_CONTROLS)]
MetricKey: TypeAlias = Annotated[str, Field(min_length=1, max_length=MAX_KEY, pattern=NO_CONTROLS)]
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
_MIME_TOKEN = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*"
Mime: TypeAlias = Annotated[
    str,
    Field(
        max_length=127,
        pattern=rf"^{_MIME_TOKEN}/{_MIME_TOKEN}(; ?charset=[A-Za-z0-9._-]+)?$",
    ),
]


class _Distinct:
    """A list whose items differ, as its schema says too."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(_distinct, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "uniqueItems": True}


def _distinct(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        raise ValueError("must be distinct")
    return values


DISTINCT: Final = _Distinct()

FiniteNumber: TypeAlias = Annotated[float, Strict(), Field(allow_inf_nan=False)]
NonFinite: TypeAlias = Literal["NaN", "Infinity", "-Infinity"]


def _one_of(message: str, *schemas: CoreSchema) -> GetPydanticSchema:
    """The first of the schemas that fits, with one message when none does."""
    union = core_schema.union_schema(
        list(schemas), mode="left_to_right", custom_error_type="bad_value",
        custom_error_message=message,
    )  # fmt: skip
    return GetPydanticSchema(lambda _source, _handler: union)


def _kept_as_it_is(value: dict[str, Any]) -> dict[str, Any]:
    """JSON numbers have no bounds; what is stored has."""
    try:
        kept = orjson.loads(orjson.dumps(value))
    except orjson.JSONEncodeError:
        kept = None
    if kept != value:
        raise ValueError(
            "numbers must be doubles, or integers of at most 64 bits; nesting at most 250 deep"
        )
    return value


JsonObject: TypeAlias = Annotated[dict[str, Any], AfterValidator(_kept_as_it_is)]
"""An object that comes back as it was sent."""

MetricNumber: TypeAlias = Annotated[
    float | NonFinite,
    _one_of(
        'must be a number, "NaN", "Infinity" or "-Infinity"',
        core_schema.float_schema(strict=True, allow_inf_nan=False),
        core_schema.literal_schema(["NaN", "Infinity", "-Infinity"]),
    ),
]
"""A finite number, or one of the three that JSON cannot spell, as a string: `float` reads both.
NaN and infinities written as bare words are refused."""
_MAX_DOUBLE: Final = (2**53 - 1) << (1024 - 53)
_MAX_INT: Final = 2**63
ExactNumber: TypeAlias = Annotated[
    int | float,
    _one_of(
        "must be a finite number",
        core_schema.int_schema(strict=True, ge=-_MAX_DOUBLE, le=_MAX_DOUBLE),
        core_schema.float_schema(strict=True, allow_inf_nan=False),
    ),
    WithJsonSchema({"type": "number"}),
]
"""A finite number: an int exactly, however large, else a double."""
LogNumber: TypeAlias = Annotated[
    int | float | NonFinite,
    _one_of(
        'must be a number, "NaN", "Infinity" or "-Infinity"',
        core_schema.int_schema(strict=True, ge=-_MAX_INT, lt=_MAX_INT),
        core_schema.float_schema(strict=True, allow_inf_nan=False),
        core_schema.literal_schema(["NaN", "Infinity", "-Infinity"]),
    ),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}),
]
"""A number as it is spelled (an int stays one up to 64 bits), or one of the three strings."""
ParamValue: TypeAlias = Annotated[
    str | bool | int | float,
    _one_of(
        f"must be a string of at most {MAX_PARAM_VALUE} characters, a finite number or a boolean",
        core_schema.str_schema(strict=True, max_length=MAX_PARAM_VALUE),
        core_schema.bool_schema(strict=True),
        core_schema.int_schema(strict=True),
        core_schema.float_schema(strict=True, allow_inf_nan=False),
    ),
]


@lru_cache(4096)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def rfc3339(milliseconds: int) -> str:
    """`2026-01-02T03:04:05.678Z`."""
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


def milliseconds_of(moment: datetime) -> int:
    """Milliseconds since the epoch."""
    return int(moment.timestamp() * 1000 + 0.5)


Moment: TypeAlias = AwareDatetime
"""An RFC 3339 time with its offset, always a string: numbers of seconds are refused."""


def path_run_id(request: Request[Any, Any]) -> RunId:
    """The run id in the path. Raises NotFound for what cannot be one."""
    text = request.path["run_id"]
    if not is_hex_id(text):
        raise NotFound("there is no such run", run_id=text[:100])
    return RunId(text)


def json_number(value: float) -> float | NonFinite:
    """NaN and the infinities as the strings that stand for them."""
    if isfinite(value):
        return value
    return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
