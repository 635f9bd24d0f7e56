"""What a search of artifacts is asked, what it looks at, and what it finds.

What filters name is told as terms, such as `kind\\0model` or `tag\\0weekly`: one form for whatever
an artifact can be narrowed by, in every store of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from chalicelib.core.ids import ArtifactId

SearchMode: TypeAlias = Literal["lexical", "semantic", "hybrid"]


@dataclass(frozen=True, slots=True)
class SearchDocument:
    """An artifact as it is searched. `texts` are by part: its name, what is told of it, and its
    content, "" where it has none; `version` is the artifact's."""

    artifact_id: ArtifactId
    version: int
    created_at_ms: int
    terms: frozenset[str]
    name: str
    about: str
    content: str = ""


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Documents that have all `terms`, made from `from_ms` on, ranked by `text`."""

    text: str
    mode: SearchMode
    terms: Sequence[str] = ()
    from_ms: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Ranked:
    """Its place in one ranking, from 1, and the score it has there; higher is better."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Match:
    """`score` is that of the mode; `words` are those of the query that the document has."""

    artifact_id: ArtifactId
    score: float
    by: Mapping[SearchMode, Ranked] = field(default_factory=dict["SearchMode", Ranked])
    words: Sequence[str] = ()
