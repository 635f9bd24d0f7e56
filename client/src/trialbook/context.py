"""The ids under which artifacts are saved and found, and the parts that keep them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict, Unpack

from trialbook.artifacts.facade import ArtifactFacade
from trialbook.artifacts.model import CONTEXT_IDS
from trialbook.artifacts.protocols import AsyncArtifactIndex, AsyncArtifactStore

if TYPE_CHECKING:
    from trialbook._http import Api
    from trialbook.transfer.progress import ShowProgress


class ContextIds(TypedDict, total=False):
    """All of them are labels, not authority: any text of 1 to 250 characters."""

    run_id: str | None
    session_id: str | None
    graph_id: str | None
    node_id: str | None
    user_id: str | None
    org_id: str | None
    client_id: str | None
    app_id: str | None
    experiment_id: str | None
    tool_name: str | None
    tool_version: str | None


MAX_ID: Final = 250
_CARRIED: Final = (*CONTEXT_IDS, "tool_name", "tool_version")


@dataclass(frozen=True)
class Context:
    """What `artifacts()` works with. `index` may be None: then only bytes can be loaded."""

    store: AsyncArtifactStore
    index: AsyncArtifactIndex | None = None
    run_id: str | None = None
    session_id: str | None = None
    graph_id: str | None = None
    node_id: str | None = None
    user_id: str | None = None
    org_id: str | None = None
    client_id: str | None = None
    app_id: str | None = None
    experiment_id: str | None = None
    tool_name: str | None = None
    tool_version: str | None = None

    def __post_init__(self) -> None:
        """Raises TypeError, ValueError for an id that no artifact could carry."""
        for name, value in self.ids.items():
            if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance] -- callers may be untyped
                raise TypeError(f"{name} must be a string, not {type(value).__name__}")
            if not 1 <= len(value) <= MAX_ID:
                raise ValueError(f"{name} must have 1 to {MAX_ID} characters: {len(value)}")

    @classmethod
    def of(
        cls,
        api: Api,
        *,
        progress: ShowProgress = None,
        cache: Path | None = None,
        **ids: Unpack[ContextIds],
    ) -> Context:
        """On a server. `progress` False shows no bars; None shows them on a terminal."""
        from trialbook.artifacts.remote import RemoteArtifactIndex, RemoteArtifactStore

        store = RemoteArtifactStore(api, progress=progress, cache=cache)
        return cls(store, RemoteArtifactIndex(api), **ids)

    def scoped(self, **ids: Unpack[ContextIds]) -> Context:
        """The same with these ids in place of its own; None removes one."""
        return replace(self, **ids)

    @property
    def ids(self) -> dict[str, str]:
        """Those that are set."""
        values = {name: getattr(self, name) for name in _CARRIED}
        return {name: value for name, value in values.items() if value is not None}

    def artifacts(self) -> ArtifactFacade:
        return ArtifactFacade(self.store, self.index, self.ids)


def local_context(folder: str | Path, **ids: Unpack[ContextIds]) -> Context:
    """Artifacts on this machine alone, kept below `folder`; it is made when it is first needed."""
    from trialbook.artifacts.local import LocalArtifactIndex, LocalArtifactStore

    return Context(LocalArtifactStore(folder), LocalArtifactIndex(folder), **ids)
