"""Texts to vectors whose dot product tells how close their meanings are.

numpy is imported where it is used: only a search by meaning pays for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from chalicelib.search import model_file
from chalicelib.search.wordpiece import WordPiece

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNIT: Final = 127
"""Length of a stored vector: the cosine of two is their dot product / UNIT**2, within 0.02."""
MODEL_PATH: Final = Path(__file__).parent / "minilm-static-256.bin"
MAX_TOKENS: Final = 512
"""Of a text; what comes after is not looked at."""
_TEXTS_AT_ONCE: Final = 32
"""Bounds the memory to 16 MB however many texts there are."""


class Embedder(Protocol):
    """Safe to share between threads.

    Vectors of different models say nothing of each other: `model_id` is stored with each vector,
    and only equal ones are compared.
    """

    @property
    def model_id(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.int8]:
        """One row a text, in their order: a vector of length `UNIT`, rounded. All zeros, close to
        nothing, for a text that says nothing. Raises Throttled, Unavailable."""
        ...


class _Loaded(NamedTuple):
    word_piece: WordPiece
    scales: NDArray[np.float32]
    rows: NDArray[np.int8]


class StaticEmbedder:
    """Implements Embedder by adding up the vectors of a text's tokens; there is no network.

    `path` is a file of `model_file`, read when first needed: 8 ms besides numpy's import, which
    takes 70. A text of 20 tokens takes 40 µs, or 20 among many. Raises ValueError when the file is
    not one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def model_id(self) -> str:
        return str(self._header["model"])

    @property
    def dimensions(self) -> int:
        return int(self._header["dimensions"])

    def embed(self, texts: Sequence[str]) -> NDArray[np.int8]:
        import numpy as np

        vectors = np.zeros((len(texts), self.dimensions), np.int8)
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            some = texts[start : start + _TEXTS_AT_ONCE]
            ids = [self._loaded.word_piece.ids(text, MAX_TOKENS) for text in some]
            with_tokens = [start + at for at, found in enumerate(ids) if found]
            if with_tokens:
                vectors[with_tokens] = stored(self._sums([found for found in ids if found]))
        return vectors

    def _sums(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Of the weighted vectors of each sequence, which has at least one id."""
        import numpy as np

        model = self._loaded
        flat = np.array([one for some in ids for one in some])
        starts = [0, *accumulate(map(len, ids))][:-1]
        return np.add.reduceat(model.rows[flat] * model.scales[flat, None], starts)

    # Two threads may both load: they come to the same, and one of the two is kept.
    @cached_property
    def _header(self) -> dict[str, Any]:
        return model_file.read_header(self._path)

    @cached_property
    def _loaded(self) -> _Loaded:
        model = model_file.read(self._path)
        vocabulary = {token: at for at, token in enumerate(model.tokens)}
        return _Loaded(WordPiece(vocabulary), model.scales, model.rows)


@cache
def static_embedder() -> StaticEmbedder:
    """Trialbook's own, one a process."""
    return StaticEmbedder(MODEL_PATH)


def stored(vectors: NDArray[np.floating[Any]]) -> NDArray[np.int8]:
    """Rows of any length as vectors of length `UNIT`; one of zeros stays so."""
    import numpy as np

    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    unit = vectors / np.where(lengths > 0, lengths, 1)
    return np.rint(unit * UNIT).astype(np.int8)
