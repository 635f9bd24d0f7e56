"""What a search finds: artifacts, and why they were found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trialbook.artifacts.model import Artifact


@dataclass(frozen=True, slots=True)
class Ranked:
    """The place in one ranking, from 1, and the score there; higher is better."""

    rank: int
    score: float

    def to_dict(self) -> dict[str, Any]:
        return {"rank": self.rank, "score": self.score}


@dataclass(frozen=True, slots=True)
class Why:
    """Of a text: the `words` of the query that were found, and the places by BM25 (`lexical`) and
    by the cosine (`semantic`), None where it has none. Of a metric: its name and `value`."""

    words: tuple[str, ...] = ()
    lexical: Ranked | None = None
    semantic: Ranked | None = None
    metric: str | None = None
    value: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """What there is of it, as the service spells it."""
        found: dict[str, Any] = {}
        if self.metric is not None:
            found |= {"metric": self.metric, "value": self.value}
        places = {"lexical": self.lexical, "semantic": self.semantic}
        ranked = {mode: place.to_dict() for mode, place in places.items() if place is not None}
        if self.words or ranked:
            found |= {"words": list(self.words)} | ranked
        return found

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Why:
        """Of what the service gives; what is unknown is ignored, for a newer one has more."""
        return cls(
            words=tuple(found.get("words", ())),
            lexical=_ranked(found.get("lexical")),
            semantic=_ranked(found.get("semantic")),
            metric=found.get("metric"),
            value=found.get("value"),
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """`score` is what the hits are ordered by, higher being better: BM25 (lexical), the cosine
    (semantic), the reciprocal rank fusion of both (hybrid). Of a search by metric it is the
    metric's value, and None when the newest come first."""

    artifact: Artifact
    score: float | None = None
    why: Why = field(default_factory=Why)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        artifact, why = self.artifact.to_dict(), self.why.to_dict()
        return {"artifact": artifact, "score": self.score, "why": why}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Hit:
        """Of what `to_dict` or the service gives."""
        artifact, why = Artifact.from_dict(found["artifact"]), Why.from_dict(found["why"])
        return cls(artifact, found["score"], why)


def _ranked(found: Mapping[str, Any] | None) -> Ranked | None:
    return None if found is None else Ranked(found["rank"], found["score"])
