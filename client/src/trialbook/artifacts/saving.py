"""Storing bytes and indexing them: the two steps of everything that is saved."""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from trialbook.artifacts.model import Artifact, Stored, json_ready
from trialbook.artifacts.protocols import AsyncArtifactIndex
from trialbook.errors import Conflict

MAX_DESCRIPTION: Final = 4000


def draft_of(
    ids: Mapping[str, str],
    kind: str,
    *,
    tags: Sequence[str] | None = None,
    labels: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    suggested_uri: str | None = None,
    name: str | None = None,
    pin: bool = False,
    preview_uri: str | None = None,
    mime: str | None = None,
    description: str | None = None,
) -> Artifact:
    """What is to be indexed, checked before a byte is stored.

    The name is `name`, else the last segment of `suggested_uri`. Raises TypeError, ValueError.
    """
    if not isinstance(kind, str):  # pyright: ignore[reportUnnecessaryIsInstance] -- callers may be untyped
        raise TypeError(f"kind must be a string, not {type(kind).__name__}")
    if not kind:
        raise ValueError("kind is empty; say what the artifact is, as kind='model'")
    draft = Artifact(
        artifact_id="",
        kind=kind,
        name=name or _last_segment(suggested_uri),
        suggested_uri=suggested_uri,
        mime=mime,
        preview_uri=preview_uri,
        tags=checked_tags(tags or ()),
        labels=json_ready(labels or {}),
        metrics=json_ready(metrics or {}),
        pinned=bool(pin),
        description=None if description is None else checked_description(description),
    )
    for field, value in ids.items():
        setattr(draft, field, value)
    return draft


async def record(
    index: AsyncArtifactIndex, draft: Artifact, save: Callable[[], Awaitable[Stored]]
) -> Artifact:
    """Store, then index. Bytes that were collected in between are stored once more."""
    try:
        return await index.record(draft, await save())
    except Conflict as error:
        if not error.details.get("missing"):
            raise
    return await index.record(draft, await save())


def guess_mime(*names: str | None) -> str | None:
    """By the first name whose ending says it."""
    for name in names:
        mime = mimetypes.guess_type(name)[0] if name else None
        if mime is not None:
            return mime
    return None


def checked_tags(tags: Any) -> list[str]:
    """Each once, in order. Raises TypeError unless they are a list (tuple, set) of strings."""
    if not isinstance(tags, list | tuple | set | frozenset):
        raise TypeError(f"tags must be a list of strings, not {type(tags).__name__}")
    found: list[Any] = list(tags)  # pyright: ignore[reportUnknownArgumentType] -- checked here
    for tag in found:
        if not isinstance(tag, str):
            raise TypeError(f"a tag must be a string, not {type(tag).__name__}")
    return list(dict.fromkeys(sorted(found) if isinstance(tags, set | frozenset) else found))


def checked_description(description: Any) -> str | None:
    """The text, and None of an empty one. Raises TypeError, ValueError for one that is too long."""
    if not isinstance(description, str):
        raise TypeError(f"description must be a string, not {type(description).__name__}")
    if len(description) > MAX_DESCRIPTION:
        given = len(description)
        raise ValueError(f"description must have at most {MAX_DESCRIPTION} characters: {given}")
    return description or None


def _last_segment(uri: str | None) -> str | None:
    return uri.rstrip("/").rpartition("/")[2] or None if uri else None
