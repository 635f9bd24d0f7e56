"""Calls of the MLflow surface: what one is, and the table of them.

All calls below one prefix share a route of the gateway, which takes any path: so a call that we do
not offer is answered by us, in MLflow's words, and the table can be as long as MLflow's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict

from chalicelib.core.context import Context, Role
from chalicelib.wiring import Services

B = TypeVar("B", bound="Asked")


class Asked(BaseModel):
    """What a client asks for: unknown fields are ignored, and numbers may come as strings."""

    model_config = ConfigDict(extra="ignore", defer_build=True, frozen=True)


class Nothing(Asked):
    """A call without fields."""


@dataclass(frozen=True, slots=True)
class Call(Generic[B]):
    """A parsed call. `asked` has the fields of the query and of the JSON body; `path` the decoded
    variables of the path; `prefix` the stage that the gateway puts before every path."""

    asked: B
    path: Mapping[str, str]
    headers: Mapping[str, str]
    context: Context
    body: bytes
    prefix: str


View: TypeAlias = Callable[[Call[Any], Services], Any]
"""Answers JSON, or an `Answer` of the handler's contract."""


@dataclass(frozen=True, slots=True)
class Described:
    """A call's description. `path` is below the prefix: `runs/create`, `logged-models/{model_id}`;
    `role` None is public, `raw` leaves the body as it is (an artifact's bytes)."""

    method: str
    path: str
    role: Role | None
    asked: type[Asked]
    view: View
    raw: bool = False


class Calls:
    """The calls of an area; a module has one and decorates its views with it."""

    def __init__(self) -> None:
        self.described: list[Described] = []

    def __call__(
        self,
        method: str,
        path: str,
        *,
        role: Role | None,
        asked: type[Asked] = Nothing,
        raw: bool = False,
    ) -> Callable[[View], View]:
        """Register a view."""

        def register(view: View) -> View:
            self.described.append(Described(method, path, role, asked, view, raw))
            return view

        return register
