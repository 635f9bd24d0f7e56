"""Search on Amazon S3 Vectors, for more artifacts than fit into a function.

Shapes are those of the service model that botocore brings, limits those of "Limitations and
restrictions" in Amazon's guide. It is tested against a stub that answers by them, and never ran
against the service.

An index per tenant and embedding model. No query can reach another tenant's vectors, whatever its
filter says; a query costs by the vectors in its index; and the guide recommends it for tenants that
are asked about one by one. A bucket has room for 10,000 indexes, an index for 2,000,000,000
vectors. Models do not mix, for each has its own: a search refuses to tell of a part while there is
an index of another model, until `build` has filled the one and removed the other.

Words are searched where the installed botocore can ask for it and the index is made for it. Where
not, a hybrid search looks for the words in what is nearest by meaning, and one by words alone is
refused.

What is found may lack some of the terms (`s3_vectors_shapes`): whoever asks looks at the artifact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.context import Context
from chalicelib.core.errors import Invalid, Unavailable
from chalicelib.core.ids import ArtifactId, TenantId
from chalicelib.core.model.search import Match, Ranked, SearchDocument, SearchMode, SearchQuery
from chalicelib.search import s3_vectors_shapes as shapes
from chalicelib.search.backend import Source
from chalicelib.search.embedded_text import embedded
from chalicelib.search.few_texts import look_through
from chalicelib.search.fusion import fused
from chalicelib.search.s3_vectors_shapes import Hit
from chalicelib.search.words import query_words
from chalicelib.storage.s3_vectors_errors import Exists, Missing, core_error

if TYPE_CHECKING:
    from chalicelib.search.embedding import Embedder

PUT_AT_ONCE: Final = 300
"""A request may have 500 vectors and 20 MiB: so many fit if every character of text is escaped."""
DELETE_AT_ONCE: Final = 500
GET_AT_ONCE: Final = 100
DEPTH: Final = 100
"""How many are looked at where words and meaning are ranked together."""
_NOTHING: Final = 1e-6
"""A cosine up to this is none: distances are computed with 32 bits."""
T = TypeVar("T")


class S3VectorsSearch:
    """Safe to share between threads. `modes` are what this deployment can search by."""

    # boto3 ships no types: what the client answers is typed where it becomes ours.
    def __init__(self, client: Any, bucket: str, embedder: Embedder, source: Source) -> None:
        """`client` is boto3's `s3vectors`, `bucket` the name of a vector bucket."""
        self._source = source
        self._client = client
        self._bucket = bucket
        self._embedder = embedder
        self._asks_by_words = shapes.offers_texts(client)
        self._by_words: dict[TenantId, bool] = {}
        self.modes: frozenset[SearchMode] = frozenset(
            ("lexical", "semantic", "hybrid") if self._asks_by_words else ("semantic", "hybrid")
        )

    def search(self, context: Context, query: SearchQuery) -> list[Match]:
        """A request, or one for each page of what is found; two more the first time. Places in a
        hybrid search are those among what was found, 100 or more. Raises Invalid for a mode that
        this deployment or the tenant's index does not offer."""
        tenant = context.tenant
        by_words = self._opened(tenant)
        if query.mode == "lexical" and not (self._asks_by_words if by_words is None else by_words):
            raise Invalid.field(
                "mode",
                "artifacts cannot be searched by words alone here; search with mode hybrid or"
                " semantic",
            )
        if by_words is None:
            return []
        words = query_words(query.text)
        asked = self._asked(query, words if by_words else ())
        if not asked:
            return []
        depth = max(DEPTH, query.limit) if query.mode == "hybrid" else query.limit
        narrowed = shapes.narrowing(query)
        try:
            hits = list(self._hits(tenant, topK=depth, **asked, **narrowed))
        except Missing as error:
            self._by_words.pop(tenant, None)
            raise Unavailable("the index of the artifacts was replaced; search again") from error
        return _matches(query, words, hits, by_words)

    def forget(self, tenant: TenantId, artifact_ids: Sequence[ArtifactId]) -> None:
        self._delete(tenant, artifact_ids)

    def changed(self, tenant: TenantId, artifact_ids: Sequence[ArtifactId]) -> None:
        """A read of the artifacts and one of their versions per 100, a blob per text that is new,
        and what `apply` asks for."""
        for some in _parts(artifact_ids, GET_AT_ONCE):
            delta = self._source.read(tenant, some, _Held(self, tenant))
            self.apply(tenant, delta.documents, delta.removed)

    def publish(self, tenant: TenantId, deadline_s: float) -> bool:
        """False: what changes is put when it is told."""
        return False

    def apply(
        self,
        tenant: TenantId,
        documents: Sequence[SearchDocument],
        removed: Sequence[ArtifactId] = (),
    ) -> None:
        """Take out what was removed, and put the documents in, each in place of the one before of
        its artifact. Repeatable; what stopped halfway is done by doing it again.

        A document is put when its version is higher than the stored one, which is read first: there
        is no conditional put. Of two that put one artifact at the same moment the older may stay;
        the feed gives the changes of an artifact to one at a time. A request per 500 removed, per
        100 documents, and per 300 of those that are newer. Raises Throttled, Unavailable.
        """
        self._delete(tenant, removed)
        newest = {one.artifact_id: one for one in sorted(documents, key=lambda one: one.version)}
        stored = self.versions(tenant, [*newest])
        self._put(
            tenant,
            [one for one in newest.values() if one.version > stored.get(one.artifact_id, 0)],
        )

    def versions(
        self, tenant: TenantId, artifact_ids: Sequence[ArtifactId]
    ) -> dict[ArtifactId, int]:
        """Of those that are in the tenant's index. A request per 100."""
        found: dict[ArtifactId, int] = {}
        for some in _parts(artifact_ids, GET_AT_ONCE):
            try:
                answer = self._call("get_vectors", tenant, keys=some, returnMetadata=True)
            except Missing:
                return {}
            for vector in answer["vectors"]:
                found[ArtifactId(vector["key"])] = shapes.version_in(vector)
        return found

    def build(self, tenant: TenantId, *, anew: bool = False) -> int:
        """Put in what is not there yet (everything, with `anew`), then remove the tenant's indexes
        of other models; returns how many documents were put. Called again, it goes on where it
        stopped."""
        count = 0
        known = _Held(self, tenant, nothing=anew)
        for delta in self._source.since(tenant, None, known):
            self._delete(tenant, delta.removed)
            self._put(tenant, delta.documents)
            count += len(delta.documents)
        for name in self._index_names(tenant):
            if name != self._index_name(tenant):
                self._send("delete_index", indexName=name)
        return count

    def _opened(self, tenant: TenantId) -> bool | None:
        """Whether the tenant's index can be searched by words; None when there is no index."""
        if tenant in self._by_words:
            return self._by_words[tenant]
        names = self._index_names(tenant)
        if set(names) - {self._index_name(tenant)}:
            raise Unavailable(
                "the artifacts are indexed with another embedding model; build their index anew, or"
                " set the model back"
            )
        if not names:
            return None
        state = shapes.words_state(self._call("get_index", tenant)["index"])
        by_words = self._asks_by_words and state == "ACTIVE"
        if state != "BUILDING":  # else it is looked at again the next time
            self._by_words[tenant] = by_words
        return by_words

    def _asked(self, query: SearchQuery, words: Sequence[str]) -> dict[str, Any]:
        """What a query looks for; nothing when its text says nothing."""
        asked: dict[str, Any] = {}
        if query.mode != "lexical":
            (vector,) = self._embedder.embed([query.text])
            if vector.any():
                asked = {"queryVector": shapes.vector_data(vector), "returnDistance": True}
        if query.mode != "semantic" and words:
            asked |= {"queryTexts": shapes.query_texts(words), "returnScores": True}
        return asked

    def _hits(self, tenant: TenantId, **asked: Any) -> Iterator[Hit]:
        page: dict[str, Any] = {}
        while True:
            answer = self._call("query_vectors", tenant, returnMetadata=True, **asked, **page)
            yield from map(shapes.hit, answer["vectors"])
            if "nextToken" not in answer:
                return
            page = {"nextToken": answer["nextToken"]}

    def _put(self, tenant: TenantId, documents: Sequence[SearchDocument]) -> None:
        for some in _parts(documents, PUT_AT_ONCE):
            made = embedded(self._embedder, some)
            vectors = [shapes.put_vector(*one) for one in zip(some, made, strict=True)]
            try:
                self._call("put_vectors", tenant, vectors=vectors)
            except Missing:
                self._create_index(tenant)
                self._call("put_vectors", tenant, vectors=vectors)

    def _delete(self, tenant: TenantId, artifact_ids: Sequence[ArtifactId]) -> None:
        for some in _parts(artifact_ids, DELETE_AT_ONCE):
            try:
                self._call("delete_vectors", tenant, keys=some)
            except Missing:
                return

    def _create_index(self, tenant: TenantId) -> None:
        """Unless another does at the same time."""
        made_for = shapes.index_settings(self._embedder, with_texts=self._asks_by_words)
        try:
            self._call("create_index", tenant, **made_for)
        except Exists:
            return

    def _index_name(self, tenant: TenantId) -> str:
        return shapes.index_name(tenant, self._embedder)

    def _index_names(self, tenant: TenantId) -> list[str]:
        """Those of the tenant: one, unless the model was changed."""
        answer = self._send("list_indexes", prefix=shapes.index_prefix(tenant))
        return [index["indexName"] for index in answer["indexes"]]

    def _call(self, operation: str, tenant: TenantId, **arguments: Any) -> Any:
        """On the tenant's index."""
        return self._send(operation, indexName=self._index_name(tenant), **arguments)

    def _send(self, operation: str, **arguments: Any) -> Any:
        """Raises Missing, Exists, Throttled, Unavailable."""
        try:
            return getattr(self._client, operation)(vectorBucketName=self._bucket, **arguments)
        except (ClientError, BotoCoreError) as error:
            raise core_error(error) from error


@dataclass(frozen=True, slots=True)
class _Held:
    """Implements `backend.Versions`."""

    by: S3VectorsSearch
    tenant: TenantId
    nothing: bool = False
    """As if the index were empty."""

    def versions(self, artifact_ids: Sequence[ArtifactId]) -> Mapping[ArtifactId, int]:
        return {} if self.nothing else self.by.versions(self.tenant, artifact_ids)


def _matches(
    query: SearchQuery, words: Sequence[str], hits: Sequence[Hit], by_words: bool
) -> list[Match]:
    """What was found, the best first, with its places among that."""
    looked = look_through([hit.text for hit in hits], words)
    scores: dict[SearchMode, dict[int, float]] = {}
    if query.mode != "semantic":
        told = {at: hit.bm25 for at, hit in enumerate(hits) if hit.bm25 is not None}
        scores["lexical"] = told if by_words else dict(looked.ranking)
    if query.mode != "lexical":
        near = {at: hit.cosine for at, hit in enumerate(hits) if hit.cosine is not None}
        scores["semantic"] = {at: cosine for at, cosine in near.items() if cosine > _NOTHING}
    places: dict[SearchMode, dict[int, Ranked]] = {mode: _ranked(of) for mode, of in scores.items()}
    if query.mode == "hybrid":
        order = fused({mode: [*ranking] for mode, ranking in places.items()})
    else:
        order = [(at, place.score) for at, place in places[query.mode].items()]
    found: list[Match] = []
    for at, score in order[: query.limit]:
        by: dict[SearchMode, Ranked] = {
            mode: ranking[at] for mode, ranking in places.items() if at in ranking
        }
        found.append(Match(hits[at].artifact_id, score, by, looked.words[at]))
    return found


def _ranked(scores: Mapping[int, float]) -> dict[int, Ranked]:
    """The best first; what came first, among equals."""
    order = sorted(scores.items(), key=lambda one: (-one[1], one[0]))
    return {at: Ranked(rank, score) for rank, (at, score) in enumerate(order, 1)}


def _parts(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(things), size):
        yield things[start : start + size]
