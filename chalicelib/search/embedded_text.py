"""What the vector of a document is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from chalicelib.core.model.search import SearchDocument

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from chalicelib.search.embedding import Embedder

EMBEDDED_TEXT: Final = 8_000
EMBEDDED_CONTENT: Final = 2_000
"""Characters: an average over more says nothing."""
CONTENT_WEIGHT: Final = 0.5
"""Of content beside what is told of an artifact. Written as one text the longer would drown the
other: docs/adr/0017-artifact-search.md."""


def embedded(embedder: Embedder, documents: Sequence[SearchDocument]) -> NDArray[np.int8]:
    """A row a document: of its name and what is told of it, and of the beginning of its content.
    Raises what the embedder raises."""
    import numpy as np

    from chalicelib.search.embedding import stored

    told = embedder.embed([f"{one.name}\n{one.about}"[:EMBEDDED_TEXT] for one in documents])
    with_content = [at for at, one in enumerate(documents) if one.content]
    if not with_content:
        return told
    contents = [documents[at].content[:EMBEDDED_CONTENT] for at in with_content]
    vectors: NDArray[Any] = told.astype(np.float32)
    vectors[with_content] += CONTENT_WEIGHT * embedder.embed(contents).astype(np.float32)
    return stored(vectors)
