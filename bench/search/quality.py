"""nDCG@10 of each mode on the committed evaluation set.

Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002, with gains
of 2**grade - 1 as Burges et al. (ICML 2005) have them.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chalicelib.core.ids import ArtifactId, UserId
from chalicelib.core.model.artifact import Artifact
from chalicelib.core.model.search import SearchMode, SearchQuery
from chalicelib.domain.artifact_documents import document_of
from chalicelib.search.embedding import Embedder
from chalicelib.search.index_file import IndexFile

HERE: Final = Path(__file__).parent
MODES: Final[tuple[SearchMode, ...]] = ("lexical", "semantic", "hybrid")
DEPTH: Final = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """A query, and the grades of what is relevant to it, from 1 to 3."""

    query: str
    style: str
    relevant: Mapping[str, int]


def judged() -> list[Judged]:
    """The committed queries."""
    return [Judged(one["query"], one["style"], one["relevant"]) for one in _lines("queries")]


def committed() -> list[dict[str, Any]]:
    """The committed artifacts, as the README tells them."""
    return _lines("artifacts")


def filled(path: Path, embedder: Embedder) -> IndexFile:
    """An index of the committed artifacts."""
    index = IndexFile(path, embedder)
    index.update([document_of(artifact_of(one), one["content"]) for one in committed()], [], None)
    return index


def ndcg(found: Sequence[str], relevant: Mapping[str, int]) -> float:
    """Of the first ten, from 0 to 1; `relevant` is not empty."""
    gains = [2.0 ** relevant.get(one, 0) - 1 for one in found[:DEPTH]]
    ideal = sorted((2.0**grade - 1 for grade in relevant.values()), reverse=True)[:DEPTH]
    return _discounted(gains) / _discounted(ideal)


def recall(found: Sequence[str], exact: Sequence[str]) -> float:
    """How much of the first ten of an exact ranking, which is not empty, is in the first ten found:
    from 0 to 1."""
    wanted = exact[:DEPTH]
    return len({*wanted} & {*found[:DEPTH]}) / len(wanted)


def measured(embedder: Embedder) -> dict[str, dict[str, float]]:
    """Mean nDCG@10 by style of query (and of all), by mode."""
    with tempfile.TemporaryDirectory() as folder:
        index = filled(Path(folder, "index"), embedder)
        scores: dict[str, dict[str, list[float]]] = {}
        for one in judged():
            for mode in MODES:
                query = SearchQuery(one.query, mode, limit=DEPTH)
                score = ndcg([match.artifact_id for match in index.search(query)], one.relevant)
                for style in (one.style, "all"):
                    scores.setdefault(style, {}).setdefault(mode, []).append(score)
        index.close()
    return {
        style: {mode: sum(found) / len(found) for mode, found in by_mode.items()}
        for style, by_mode in scores.items()
    }


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))


def _lines(name: str) -> list[dict[str, Any]]:
    text = (HERE / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def artifact_of(told: Mapping[str, Any]) -> Artifact:
    """One of the committed, in an index."""
    return Artifact(
        artifact_id=ArtifactId(told["id"]),
        kind=told["kind"],
        sha256="0" * 64,
        size_bytes=1,
        blob_key="",
        verified=True,
        created_at_ms=1,
        created_by=UserId("somebody"),
        mime="application/octet-stream",
        name=told["name"],
        tool_name=told["tool_name"],
        description=told["description"] or None,
        tags=tuple(told["tags"]),
        labels=told["labels"],
        metrics=told["metrics"],
    )
