"""The ids, tags and labels by which artifacts are saved and found, as options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from trialbook.cli.failures import usage
from trialbook.cli.options import Shared, pairs

if TYPE_CHECKING:
    from trialbook.artifacts.protocols import Filters

_PANEL: Final = "Context ids"
# those of trialbook.artifacts, which is imported by the commands that need it: it takes a while
IDS: Final = (
    "run_id",
    "session_id",
    "graph_id",
    "node_id",
    "user_id",
    "org_id",
    "client_id",
    "app_id",
    "experiment_id",
)


@dataclass(frozen=True)
class Chosen:
    """Which artifacts: what the options say."""

    ids: dict[str, str]
    kind: str | None
    tags: list[str]
    labels: dict[str, str]
    pinned: bool | None

    def filters(self) -> Filters:
        """As the index takes them."""
        from trialbook.artifacts.protocols import Filters

        return Filters(self.ids, self.kind, self.tags, self.labels, self.pinned)


def _id(name: str) -> Any:
    flag = "--" + name.replace("_", "-")
    return Annotated[str | None, typer.Option(flag, metavar="ID", rich_help_panel=_PANEL)]


def _given(values: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}


_FILTER_OPTIONS: Final[dict[str, Any]] = {
    "kind": Annotated[str | None, typer.Option("--kind", help="Only of this kind.")],
    "tag": Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="TAG", help="Only with this tag; of several, all of them."),
    ],
    "label": Annotated[
        list[str] | None,
        typer.Option("--label", metavar="K=V", help="Only with this label; may be repeated."),
    ],
    "pinned": Annotated[
        bool | None, typer.Option("--pinned/--unpinned", help="Only those that are, or are not.")
    ],
}


def _chosen(values: dict[str, Any]) -> Chosen:
    given = _given(values)
    return Chosen(
        {name: given[name] for name in IDS if name in given},
        values["kind"],
        values["tag"] or [],
        pairs(values["label"], "--label"),
        values["pinned"],
    )


def _of_a_kind(values: dict[str, Any]) -> Chosen:
    if not values["kind"]:
        raise usage("say of which --kind the best one is wanted")
    return _chosen(values)


_ID_OPTIONS: Final = {name: _id(name) for name in IDS}
_FILTERS: Final = {**_FILTER_OPTIONS, **_ID_OPTIONS}

CHOSEN: Final = Shared("chosen", _FILTERS, _chosen)
CHOSEN_OF_A_KIND: Final = Shared("chosen", _FILTERS, _of_a_kind)
SAVED_IDS: Final = Shared(
    "ids", {name: _id(name) for name in (*IDS, "tool_name", "tool_version")}, _given
)
