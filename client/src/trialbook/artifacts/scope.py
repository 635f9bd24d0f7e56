"""From a level ("run", "session", …) to the ids that an artifact must carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, cast, get_args

from trialbook.artifacts.model import CONTEXT_IDS, MetricMode, SearchMode

ScopeLevel: TypeAlias = Literal["scope", "session", "run", "user", "org"]

_NARROWING: Final = ("graph_id", "node_id")
_ID_OF_LEVEL: Final = {
    "run": "run_id",
    "session": "session_id",
    "user": "user_id",
    "org": "org_id",
}


def level_ids(ids: Mapping[str, str], level: ScopeLevel | None) -> dict[str, str]:
    """The ids that a level filters by, out of those that the context has.

    `scope` is all of them but graph and node, which the switches `include_graph` and
    `include_node` add. Raises ValueError for an id that the level needs and the context lacks.
    """
    if level is None:
        return {}
    if level == "scope":
        return {name: ids[name] for name in CONTEXT_IDS if name in ids and name not in _NARROWING}
    name = _ID_OF_LEVEL.get(level)
    if name is None:
        levels = ", ".join(get_args(ScopeLevel))
        raise ValueError(f"no such level: {level!r}; one of {levels}, or None")
    return {name: _needed(ids, name, f"level={level!r}")}


def narrowed(
    ids: Mapping[str, str], *, graph: bool, node: bool, lenient: bool = False
) -> dict[str, str]:
    """Graph and node ids to add; a node is one of its graph, so it adds the graph's too.

    `lenient` leaves out what the context lacks; else that is a ValueError.
    """
    found: dict[str, str] = {}
    if graph or node:
        if "graph_id" in ids:
            found["graph_id"] = ids["graph_id"]
        elif graph and not lenient:
            _needed(ids, "graph_id", "include_graph=True")
    if node:
        if "node_id" in ids:
            found["node_id"] = ids["node_id"]
        elif not lenient:
            _needed(ids, "node_id", "include_node=True")
    return found


def checked_metric_mode(mode: str) -> MetricMode:
    """Raises ValueError unless it is max or min."""
    if mode not in {"max", "min"}:
        raise ValueError(f"metric_mode must be 'max' or 'min', not {mode!r}")
    return cast("MetricMode", mode)


def checked_search_mode(mode: str) -> None:
    """Raises ValueError unless it is a SearchMode."""
    modes = get_args(SearchMode)
    if mode not in modes:
        raise ValueError(f"no such mode of a search: {mode!r}; one of {', '.join(modes)}")


def checked_limit(limit: int | None) -> int | None:
    """Raises ValueError for a negative one."""
    if limit is not None and limit < 0:
        raise ValueError(f"limit cannot be negative: {limit}")
    return limit


def _needed(ids: Mapping[str, str], name: str, wanted_by: str) -> str:
    if name not in ids:
        raise ValueError(f"{wanted_by} needs the context's {name}; give it to context(…)")
    return ids[name]
