"""An embedder for tests that anybody can check by hand: texts are near when they share words."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from chalicelib.search.embedding import UNIT
from chalicelib.search.words import query_words


class BagOfWords:
    """A dimension for each word, by its checksum."""

    def __init__(self, dimensions: int = 256, model_id: str = "bag-of-words") -> None:
        self.dimensions = dimensions
        self.model_id = model_id

    def embed(self, texts: Sequence[str]) -> Any:
        vectors = np.zeros((len(texts), self.dimensions))
        for vector, text in zip(vectors, texts, strict=True):
            for word in query_words(text):
                vector[zlib.crc32(word.encode()) % self.dimensions] += 1
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.rint(vectors / np.maximum(1, lengths) * UNIT).astype(np.int8)
