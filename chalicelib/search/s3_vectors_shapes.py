"""What is sent to S3 Vectors and what comes back.

What an artifact can be narrowed by goes into one list of short hashes, each of whose members `$eq`
is true for. Filterable metadata may have 2 KB: of an artifact with more terms than fit, those are
left out that can be many (labels first, then metrics, then tags), and it is marked, so that filters
by such let it pass. A filter may have 100 constraints, and leaves out what is more.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from chalicelib.core.ids import ArtifactId, TenantId
from chalicelib.core.model.search import SearchDocument, SearchQuery
from chalicelib.search.words import indexed_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from chalicelib.search.embedding import Embedder

FORMAT: Final = 1
MAX_TERMS: Final = 120
"""Of a vector. A hash of 12 characters counts as 16 bytes at most, what else can be filtered as 51:
below 2,048."""
MAX_CONDITIONS: Final = 49
"""Of a filter: each is two constraints at most."""
MAX_TEXT_BYTES: Final = 16 * 1024
"""That are searched for words. Metadata may have 40 KB, but it comes back with what is found."""
MAX_QUERY_CHARACTERS: Final = 1_024
TEXT: Final = "text"
_CREATED, _MORE, _TERMS, _VERSION = "created_ms", "more", "terms", "version"
_MANY: Final = ("tag", "metric", "label")
_KEPT: Final = 1
"""Tags are: with the eleven terms that are no more than one each, their hundred fit."""
"""What an artifact can have any number of, the first to be kept first."""
_CONTROLS: Final = re.compile(r"[\0-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Hit:
    """`cosine` and `bm25` are None where the answer does not tell: it was not found by that."""

    artifact_id: ArtifactId
    text: str
    cosine: float | None
    bm25: float | None


def offers_texts(client: Any) -> bool:
    """Whether the installed botocore can make indexes of words and ask for them."""
    model = client.meta.service_model
    query = model.operation_model("QueryVectors").input_shape.members
    index = model.operation_model("CreateIndex").input_shape.members["metadataConfiguration"]
    return "queryTexts" in query and "textSearchConfigurations" in index.members


def index_prefix(tenant: TenantId) -> str:
    """What the names of the tenant's indexes begin with, and no other's: a tenant's name may be as
    long as that of an index, and has characters that those may not have."""
    return f"{hashlib.blake2b(tenant.encode(), digest_size=16).hexdigest()}-"


def index_name(tenant: TenantId, embedder: Embedder) -> str:
    """Of the tenant's index of this model, in this format."""
    model = f"{FORMAT} {embedder.dimensions} {embedder.model_id}"
    return index_prefix(tenant) + hashlib.blake2b(model.encode(), digest_size=8).hexdigest()


def index_settings(embedder: Embedder, *, with_texts: bool) -> dict[str, Any]:
    """How an index is made. It has a dimension more than the model (`vector_data`)."""
    metadata: dict[str, Any] = {"nonFilterableMetadataKeys": [TEXT, _VERSION]}
    if with_texts:
        metadata["textSearchConfigurations"] = [{"metadataKey": TEXT, "language": "en"}]
    return {
        "dataType": "float32",
        "dimension": embedder.dimensions + 1,
        "distanceMetric": "cosine",
        "metadataConfiguration": metadata,
    }


def words_state(index: Mapping[str, Any]) -> str | None:
    """ACTIVE when the index can be searched by words, BUILDING when it will be, None if never."""
    if index.get("indexMode") == "CLASSIC":
        return None
    texts = index.get("metadataConfiguration", {}).get("textSearchConfigurations", ())
    states = {one["metadataKey"]: one.get("status", "ACTIVE") for one in texts}
    return states.get(TEXT)


def vector_data(vector: NDArray[np.int8]) -> dict[str, Any]:
    """The vector and a zero; where it is all zeros, which the service refuses, a one: then nothing
    is near to it. Its length says nothing to a cosine."""
    numbers = [float(number) for number in vector.tolist()]
    return {"float32": [*numbers, 0.0 if any(numbers) else 1.0]}


def put_vector(document: SearchDocument, vector: NDArray[np.int8]) -> dict[str, Any]:
    terms = sorted(document.terms, key=_importance)
    metadata: dict[str, Any] = {
        _CREATED: document.created_at_ms,
        _VERSION: document.version,
        TEXT: _text(document),
    }
    if terms:
        metadata[_TERMS] = [_hashed(term) for term in terms[:MAX_TERMS]]
    if len(terms) > MAX_TERMS:
        metadata[_MORE] = True
    return {"key": document.artifact_id, "data": vector_data(vector), "metadata": metadata}


def version_in(vector: Mapping[str, Any]) -> int:
    return int(vector["metadata"][_VERSION])


def narrowing(query: SearchQuery) -> dict[str, Any]:
    """The argument that narrows a query; none when nothing does."""
    conditions: list[dict[str, Any]] = []
    if query.from_ms:
        conditions.append({_CREATED: {"$gte": query.from_ms}})
    for term in sorted(query.terms, key=_importance):
        has_it = {_TERMS: {"$eq": _hashed(term)}}
        may_lack_it = {"$or": [has_it, {_MORE: {"$eq": True}}]}
        conditions.append(may_lack_it if _importance(term)[0] > _KEPT else has_it)
    return {"filter": {"$and": conditions[:MAX_CONDITIONS]}} if conditions else {}


def query_texts(words: Sequence[str]) -> list[dict[str, str]]:
    return [{"metadataKey": TEXT, "text": " ".join(words)[:MAX_QUERY_CHARACTERS]}]


def hit(vector: Mapping[str, Any]) -> Hit:
    """One of what a query found."""
    scores = vector.get("scores", {})
    distance = scores.get("vectorDistance", vector.get("distance"))
    bm25 = [float(one["score"]) for one in scores.get("bm25Scores", ())]
    return Hit(
        ArtifactId(vector["key"]),
        vector["metadata"][TEXT],
        None if distance is None else 1 - distance,
        sum(bm25) if bm25 else None,
    )


def _text(document: SearchDocument) -> str:
    """Without halves of characters, which the service does not take, and without what grows when it
    is escaped."""
    parts = (document.name, document.about, document.content)
    text = _CONTROLS.sub(" ", "\n".join(map(indexed_text, parts))).encode(errors="ignore")
    return text[:MAX_TEXT_BYTES].decode(errors="ignore")


def _importance(term: str) -> tuple[int, str]:
    """By which terms are sorted, those first that are always kept (0)."""
    kind = term.partition("\0")[0]
    return _MANY.index(kind) + 1 if kind in _MANY else 0, term


def _hashed(term: str) -> str:
    return b64encode(
        hashlib.blake2b(term.encode(errors="replace"), digest_size=9).digest()
    ).decode()
