"""What is lost on the way to ten results: by vectors of int8, and by fusing the first 200 of each.

Beside the built-in index stands the same embedder without any rounding, compared with every
document. There is no other approximation: the index compares a query with every vector it has, and
ranks by words as BM25 is defined.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bench.search.corpus import artifact_id, documents
from bench.search.quality import DEPTH, recall
from chalicelib.core.model.search import SearchDocument, SearchQuery
from chalicelib.search import model_file
from chalicelib.search.embedded_text import CONTENT_WEIGHT, EMBEDDED_CONTENT
from chalicelib.search.embedding import MAX_TOKENS, MODEL_PATH
from chalicelib.search.index_file import IndexFile
from chalicelib.search.wordpiece import WordPiece

WHOLE: Final = 30_000
"""Places of a ranking that is fused whole; one behind them counts for an eighth of what the first
has over the second."""
_BATCH: Final = 1000


def recall_of_vectors(index: IndexFile, count: int, texts: Sequence[str]) -> float:
    """Mean recall@10 of a search by meaning, beside the exact one; the index has the first `count`
    documents."""
    nearest = _nearest(count, texts)
    scores: list[float] = []
    for text, exact in zip(texts, nearest, strict=True):
        found = index.search(SearchQuery(text, "semantic", limit=DEPTH))
        if exact:
            scores.append(recall([match.artifact_id for match in found], exact))
    return sum(scores) / len(scores)


def recall_of_depth(index: IndexFile, texts: Sequence[str]) -> float:
    """Mean recall@10 of a hybrid search, beside one that fuses whole rankings."""
    scores: list[float] = []
    for text in texts:
        exact = index.search(SearchQuery(text, "hybrid", limit=WHOLE))
        found = index.search(SearchQuery(text, "hybrid", limit=DEPTH))
        if exact:
            ids = [[match.artifact_id for match in matches] for matches in (found, exact)]
            scores.append(recall(*ids))
    return sum(scores) / len(scores)


def _nearest(count: int, texts: Sequence[str]) -> list[list[str]]:
    """Artifacts of the ten nearest documents, of each text, by floats."""
    embedder = _Floats()
    queries = _unit(embedder.sums(texts))
    numbers = np.zeros((len(texts), 0), np.int64)
    scores = np.zeros((len(texts), 0), np.float32)
    for first in range(0, count, _BATCH):
        some = [*documents(first, min(_BATCH, count - first))]
        found = queries @ embedder.documents(some).T
        scores = np.concatenate((scores, found), axis=1)
        these = np.broadcast_to(np.arange(first, first + len(some)), found.shape)
        numbers = np.concatenate((numbers, these), axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
        scores = np.take_along_axis(scores, best, 1)
        numbers = np.take_along_axis(numbers, best, 1)
    return [
        [artifact_id(int(number)) for number, score in zip(*row, strict=True) if score > 0]
        for row in zip(numbers, scores, strict=True)
    ]


class _Floats:
    """`StaticEmbedder` and `embedded`, before anything is rounded."""

    def __init__(self) -> None:
        self._model = model_file.read(MODEL_PATH)
        self._word_piece = WordPiece({token: at for at, token in enumerate(self._model.tokens)})

    def sums(self, texts: Sequence[str]) -> NDArray[Any]:
        vectors = np.zeros((len(texts), self._model.rows.shape[1]), np.float32)
        for at, text in enumerate(texts):
            ids = self._word_piece.ids(text, MAX_TOKENS)
            vectors[at] = self._model.scales[ids] @ self._model.rows[ids].astype(np.float32)
        return vectors

    def documents(self, some: Sequence[SearchDocument]) -> NDArray[Any]:
        told = _unit(self.sums([f"{one.name}\n{one.about}" for one in some]))
        contents = _unit(self.sums([one.content[:EMBEDDED_CONTENT] for one in some]))
        return _unit(told + CONTENT_WEIGHT * contents)


def _unit(vectors: NDArray[Any]) -> NDArray[Any]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)
