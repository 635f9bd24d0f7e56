"""The words of a surface: what a request is, what an answer is, and how a route is described."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict

from chalicelib.core.context import Context, Role
from chalicelib.wiring import Services

Replay: TypeAlias = Literal["never", "refuse", "remember"]
"""What a route does with an `Idempotency-Key`: ignore it, refuse it, or remember the answer."""
B = TypeVar("B")
Q = TypeVar("Q")


class Body(BaseModel):
    """A request body: unknown fields and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True, frozen=True)


class Params(BaseModel):
    """Query parameters: strings that are read as what the fields say."""

    model_config = ConfigDict(extra="forbid", defer_build=True, frozen=True)


@dataclass(frozen=True, slots=True)
class Request(Generic[B, Q]):
    """A parsed request. `path` holds the decoded path parameters, `headers` lower-case names,
    `prefix` the stage that API Gateway puts before every path ("" without one)."""

    body: B
    query: Q
    path: Mapping[str, str]
    headers: Mapping[str, str]
    context: Context
    raw_body: bytes
    prefix: str


@dataclass(frozen=True, slots=True)
class Answer:
    """`payload` is what orjson encodes; a str is sent as it is, None is an empty body."""

    status: int
    payload: Any = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def ok(payload: Any) -> Answer:
    return Answer(200, payload)


def created(payload: Any) -> Answer:
    return Answer(201, payload)


def no_content() -> Answer:
    return Answer(204)


View: TypeAlias = Callable[[Request[Any, Any], Services], Answer]
Renew: TypeAlias = Callable[[Services, Context, Any], Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route's description. `role` None is public; `answer` is the type of the 2xx body."""

    method: str
    path: str
    role: Role | None
    view: View
    body: Any
    query: Any
    answer: Any
    status: int
    media_type: str
    replay: Replay
    renew: Renew | None
    runs_long: bool
    errors: tuple[int, ...]
