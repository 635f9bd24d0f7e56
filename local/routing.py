"""Which Chalice route a path belongs to, decided as API Gateway does.

A literal segment beats a variable, a variable beats a greedy `{path+}`. Segments are compared as
they were sent, percent-encoded; a variable takes one non-empty segment; a trailing slash is not
found, but below a greedy one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


class RouteEntry(Protocol):
    """What this module reads of `chalice.app.RouteEntry`."""

    @property
    def view_function(self) -> Callable[..., object]: ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one resource; `method` is what the app is asked (GET for a HEAD)."""

    resource: str
    method: str
    runs_long: bool
    writes: bool


@dataclass(frozen=True, slots=True)
class Resource:
    """A path pattern: its variables from left to right, its endpoints by request method."""

    pattern: str
    variables: tuple[str, ...]
    endpoints: Mapping[str, Endpoint]
    allow: str
    """The `Allow` header: every method that is answered, sorted."""


@dataclass(slots=True)
class _Node:
    literal: dict[str, _Node] = field(default_factory=dict[str, "_Node"])
    variable: _Node | None = None
    variable_name: str = ""
    resource: Resource | None = None
    greedy: Resource | None = None


class Router:
    """Finds the resource of a path: one dictionary lookup without variables, else a walk down its
    segments."""

    def __init__(self, routes: Mapping[str, Mapping[str, RouteEntry]]) -> None:
        """`routes` is `Chalice.routes`. Raises ValueError for what API Gateway would refuse: two
        names for the variable at one place, or `{path+}` anywhere but at the end."""
        self._literal: dict[str, Resource] = {}
        self._root = _Node()
        for pattern, entries in routes.items():
            resource = _resource(pattern, entries)
            if resource.variables:
                self._insert(resource)
            else:
                self._literal[pattern] = resource

    def match(self, path: str) -> tuple[Resource, dict[str, str] | None] | None:
        """The resource of a raw path and the values of its variables, still percent-encoded
        (None when it has none); None when there is no such resource."""
        resource = self._literal.get(path)
        if resource is not None:
            return resource, None
        values: list[str] = []
        resource = _walk(self._root, path.split("/"), 1, values)
        if resource is None:
            return None
        return resource, dict(zip(resource.variables, values, strict=True))

    def _insert(self, resource: Resource) -> None:
        node = self._root
        *parents, last = resource.pattern.split("/")[1:]
        for segment in parents:
            if segment.endswith("+}"):
                raise ValueError(f"only the last segment may be greedy: path={resource.pattern}")
            node = _child(node, segment, resource.pattern)
        if last.endswith("+}"):
            node.greedy = resource
        else:
            _child(node, last, resource.pattern).resource = resource


def _resource(pattern: str, entries: Mapping[str, RouteEntry]) -> Resource:
    endpoints = {
        method: Endpoint(
            pattern,
            method,
            bool(getattr(entry.view_function, "runs_long", False)),
            bool(getattr(entry.view_function, "writes", False)),
        )
        for method, entry in entries.items()
    }
    if "GET" in endpoints:
        endpoints.setdefault("HEAD", endpoints["GET"])
    variables = tuple(
        segment[1:-1].removesuffix("+") for segment in pattern.split("/") if segment[:1] == "{"
    )
    return Resource(pattern, variables, endpoints, ", ".join(sorted({*endpoints, "OPTIONS"})))


def _child(node: _Node, segment: str, pattern: str) -> _Node:
    if segment[:1] != "{":
        return node.literal.setdefault(segment, _Node())
    name = segment[1:-1]
    if node.variable is None:
        node.variable, node.variable_name = _Node(), name
    elif node.variable_name != name:
        raise ValueError(
            f"two names for the variable at one place: {node.variable_name} and {name}, "
            f"path={pattern}"
        )
    return node.variable


def _walk(node: _Node, segments: list[str], at: int, values: list[str]) -> Resource | None:
    if at == len(segments):
        return node.resource
    segment = segments[at]
    child = node.literal.get(segment)
    if child is not None:
        resource = _walk(child, segments, at + 1, values)
        if resource is not None:
            return resource
    if node.variable is not None and segment:
        values.append(segment)
        resource = _walk(node.variable, segments, at + 1, values)
        if resource is not None:
            return resource
        values.pop()
    if node.greedy is not None and segment:
        values.append("/".join(segments[at:]))
        return node.greedy
    return None
