"""Search on S3 Vectors: what is sent, and what its answers and errors become.

What every search does is in tests/contract/test_search_contract.py. The service is a stub.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ConnectTimeoutError, NoCredentialsError

from chalicelib.core.context import Clock, Context, Principal, Role
from chalicelib.core.errors import Invalid, Throttled, Unavailable
from chalicelib.core.ids import ArtifactId, TenantId, UserId
from chalicelib.core.model.search import Match, SearchDocument, SearchMode, SearchQuery
from chalicelib.search import s3_vectors_shapes as shapes
from chalicelib.search.backend import Delta, Versions
from chalicelib.search.s3_vectors import PUT_AT_ONCE, S3VectorsSearch
from chalicelib.search.s3_vectors_shapes import MAX_TERMS, MAX_TEXT_BYTES, index_name
from tests.unit.bag_of_words import BagOfWords
from tests.unit.s3_vectors_metadata import MAX_FILTERABLE_BYTES
from tests.unit.s3_vectors_model import s3_vectors_client
from tests.unit.s3_vectors_stub import S3VectorsStub

BUCKET = "vectors"
ACME = TenantId("acme")


@pytest.fixture
def stub() -> Generator[S3VectorsStub]:
    """What the client that knows searches by words talks to."""
    stub = S3VectorsStub(BUCKET)
    with stub.serving(s3_vectors_client()):
        yield stub


@pytest.fixture
def search(stub: S3VectorsStub) -> S3VectorsSearch:
    return made()


def made(
    embedder: BagOfWords | None = None,
    *,
    knows_words: bool = True,
    source: Everything | None = None,
) -> S3VectorsSearch:
    client = s3_vectors_client(knows_words=knows_words)
    return S3VectorsSearch(client, BUCKET, embedder or BagOfWords(), source or Everything())


def document(
    name: str, about: str = "", content: str = "", *, version: int = 1, terms: tuple[str, ...] = ()
) -> SearchDocument:
    """Its id is its name."""
    return SearchDocument(
        ArtifactId(name), version, 1_790_000_000_123, frozenset(terms), name, about, content
    )


def matches(
    search: S3VectorsSearch, text: str, mode: SearchMode = "hybrid", **more: Any
) -> list[Match]:
    clock = Clock()
    asks = Context(Principal(ACME, UserId("ada"), Role.READ), clock, clock.monotonic_s() + 25)
    return search.search(asks, SearchQuery(text, mode, **more))


def found(
    search: S3VectorsSearch, text: str, mode: SearchMode = "hybrid", **more: Any
) -> list[str]:
    return [match.artifact_id for match in matches(search, text, mode, **more)]


def test_a_vector_is_put_in_the_documented_shape(
    search: S3VectorsSearch, stub: S3VectorsStub
) -> None:
    search.apply(ACME, [document("a", "vision", terms=("kind\0model", "tag\0t"))])
    created, (put,) = stub.asked("CreateIndex"), stub.asked("PutVectors")[1:]
    name = index_name(ACME, BagOfWords())
    assert created == [
        {
            "vectorBucketName": BUCKET,
            "indexName": name,
            "dataType": "float32",
            "dimension": 257,
            "distanceMetric": "cosine",
            "metadataConfiguration": {
                "nonFilterableMetadataKeys": ["text", "version"],
                "textSearchConfigurations": [{"metadataKey": "text", "language": "en"}],
            },
        }
    ]
    assert (put["vectorBucketName"], put["indexName"]) == (BUCKET, name)
    (vector,) = put["vectors"]
    terms = vector["metadata"].pop("terms")
    assert vector["key"] == "a"
    assert vector["metadata"] == {
        "created_ms": 1_790_000_000_123,
        "version": 1,
        "text": "a vision ",
    }
    assert len(terms) == 2
    assert {len(term) for term in terms} == {12}


def test_a_query_is_sent_in_the_documented_shape(
    search: S3VectorsSearch, stub: S3VectorsStub
) -> None:
    search.apply(ACME, [document("a", "vision")])
    matches(search, "the vision", "lexical", limit=7)
    matches(search, "the vision", "semantic", from_ms=5, terms=["kind\0model", "label\0a\0b"])
    matches(search, "the vision", "hybrid", limit=7)
    lexical, semantic, hybrid = stub.asked("QueryVectors")
    vector = semantic.pop("queryVector")
    assert len(vector["float32"]) == 257
    of_index = {"vectorBucketName": BUCKET, "indexName": index_name(ACME, BagOfWords())}
    texts = [{"metadataKey": "text", "text": "vision"}]
    assert lexical == {
        **of_index, "topK": 7, "queryTexts": texts, "returnScores": True, "returnMetadata": True,
    }  # fmt: skip
    conditions = semantic.pop("filter")["$and"]
    assert semantic == {**of_index, "topK": 100, "returnDistance": True, "returnMetadata": True}
    assert conditions[0] == {"created_ms": {"$gte": 5}}
    assert list(conditions[1]["terms"]) == ["$eq"]
    assert conditions[2]["$or"][1] == {"more": {"$eq": True}}  # a label may have been left out
    assert hybrid["queryTexts"] == texts
    assert hybrid["queryVector"] == vector
    assert hybrid["topK"] == 100


def test_tenants_have_indexes_of_their_own_whatever_their_names(
    search: S3VectorsSearch, stub: S3VectorsStub
) -> None:
    names = ["acme", "Acme", "a.c-m_e@x", "x" * 63]
    for name in names:
        search.apply(TenantId(name), [document("a")])
    assert len(stub.indexes) == len(names)
    prefixes = {shapes.index_prefix(TenantId(name)) for name in names}
    assert len(prefixes) == len(names)


def test_large_batches_are_split(search: S3VectorsSearch, stub: S3VectorsStub) -> None:
    """So that the stub takes them: as JSON, nothing grows more than what is here."""
    many = [document(f"v{n}", "vision", "é" * MAX_TEXT_BYTES) for n in range(PUT_AT_ONCE + 1)]
    search.apply(ACME, many)
    assert [len(put["vectors"]) for put in stub.asked("PutVectors")[1:]] == [PUT_AT_ONCE, 1]
    search.apply(ACME, many)
    assert [len(one["keys"]) for one in stub.asked("GetVectors")[1:]] == [100, 100, 100, 1]
    search.forget(ACME, [one.artifact_id for one in many] * 2)
    assert [len(one["keys"]) for one in stub.asked("DeleteVectors")] == [500, 102]
    assert not stub.indexes[index_name(ACME, BagOfWords())].vectors


def test_an_older_document_does_not_take_the_place_of_a_newer(
    search: S3VectorsSearch, stub: S3VectorsStub
) -> None:
    search.apply(ACME, [document("a", "sound", version=3)])
    puts = len(stub.asked("PutVectors"))
    search.apply(ACME, [document("a", "vision", version=2), document("a", "sound", version=3)])
    assert len(stub.asked("PutVectors")) == puts
    search.apply(ACME, [document("a", "taste", version=5), document("a", "smell", version=4)])
    assert found(search, "taste") == ["a"]
    assert search.versions(ACME, [ArtifactId("a"), ArtifactId("b")]) == {"a": 5}


def test_what_is_removed_and_put_at_once_is_there(search: S3VectorsSearch) -> None:
    search.apply(ACME, [document("a", "sound", version=3)])
    search.apply(ACME, [document("a", "vision", version=1)], [ArtifactId("a")])
    assert found(search, "vision") == ["a"]


def test_a_document_that_says_nothing_is_near_to_nothing_and_found_by_its_words(
    stub: S3VectorsStub,
) -> None:
    class SaysNothing(BagOfWords):
        def embed(self, texts: Any) -> Any:
            return (
                np.zeros((len(texts), 256), np.int8) if "mute" in texts[0] else super().embed(texts)
            )

    search = made(SaysNothing())
    search.apply(ACME, [document("mute")])
    search.apply(ACME, [document("vision")])
    assert found(search, "mute vision silent", "lexical") == ["mute", "vision"]
    assert found(search, "vision", "semantic") == ["vision"]
    assert found(search, "vision", "hybrid") == ["vision"]
    assert found(search, "mute", "semantic") == []
    (hit,) = matches(search, "mute", "hybrid")
    assert set(hit.by) == {"lexical"}


def test_an_artifact_with_too_many_terms_keeps_the_first_and_passes_filters_by_the_rest(
    search: S3VectorsSearch, stub: S3VectorsStub
) -> None:
    labels = tuple(f"label\0{n:04}\0{'v' * n}" for n in range(500))
    search.apply(ACME, [
        document("vision many", terms=("kind\0model", "run_id\0r", "tag\0t", "metric\0m", *labels)),
        document("vision few", terms=("kind\0model", "tag\0t", "label\0a\0b")),
    ])  # fmt: skip
    both, many, few = ["vision few", "vision many"], ["vision many"], ["vision few"]
    assert sorted(found(search, "vision", terms=["kind\0model", "tag\0t"])) == both
    assert found(search, "vision", terms=["run_id\0r"]) == many
    assert found(search, "vision", terms=[labels[-1]]) == many  # left out of what is stored
    assert sorted(found(search, "vision", terms=["label\0a\0b"])) == both  # it might have it
    assert found(search, "vision", terms=["kind\0other"]) == []  # kinds are never left out
    assert found(search, "vision", terms=["tag\0t", "kind\0model", "run_id\0other"]) == []
    assert found(search, "vision few", terms=["label\0a\0b"], limit=1) == few
    stored = stub.indexes[index_name(ACME, BagOfWords())].vectors["vision many"].metadata
    assert len(stored["terms"]) == MAX_TERMS
    assert stored["more"] is True


def test_a_filter_by_more_terms_than_a_query_takes_leaves_some_out(search: S3VectorsSearch) -> None:
    tags = tuple(f"tag\0{n:03}" for n in range(100))
    search.apply(ACME, [document("vision a", terms=("kind\0k", *tags)), document("vision b")])
    assert found(search, "vision", terms=[*tags, "kind\0k"], from_ms=1) == ["vision a"]
    assert found(search, "vision", terms=[*tags, "kind\0other"], from_ms=1) == []


def test_metadata_is_never_too_large(search: S3VectorsSearch, stub: S3VectorsStub) -> None:
    """The stub refuses what is."""
    terms = tuple(f"label\0{n}\0{'é' * n}" for n in range(MAX_TERMS + 1))
    search.apply(ACME, [
        document("long", "ü" * 70_000, "語" * 70_000, terms=terms),
        document("half of a character", "\ud800 vision", "x\udc00"),
        document("odd", "sound", '"\0\\' * 70_000),
    ])  # fmt: skip
    assert found(search, "vision", "lexical") == ["half of a character"]
    (put,) = stub.asked("PutVectors")[1:]
    text = put["vectors"][0]["metadata"]["text"]
    assert MAX_TEXT_BYTES - 3 <= len(text.encode()) <= MAX_TEXT_BYTES
    assert MAX_FILTERABLE_BYTES == 2_048


def test_more_than_a_page_is_fetched_page_by_page(
    search: S3VectorsSearch, stub: S3VectorsStub
) -> None:
    search.apply(ACME, [document(f"vision {n}") for n in range(250)])
    for mode in ("lexical", "semantic", "hybrid"):
        assert len(set(found(search, "vision", mode, limit=230))) == 230
    pages = [body.get("nextToken") for body in stub.asked("QueryVectors")]
    assert [page is None for page in pages] == [True, False, False] * 3


def test_an_index_is_looked_at_once(search: S3VectorsSearch, stub: S3VectorsStub) -> None:
    assert found(search, "vision") == []
    search.apply(ACME, [document("vision")])
    assert found(search, "vision") == ["vision"]
    before = len(stub.requests)
    assert found(search, "vision") == ["vision"]
    assert [name for name, _ in stub.requests[before:]] == ["QueryVectors"]


def test_modes_are_told_by_what_the_client_knows() -> None:
    assert made().modes == {"lexical", "semantic", "hybrid"}
    assert made(knows_words=False).modes == {"semantic", "hybrid"}
    assert shapes.offers_texts(s3_vectors_client())
    assert not shapes.offers_texts(s3_vectors_client(knows_words=False))


def test_a_client_that_knows_no_words_refuses_to_search_by_them_alone() -> None:
    stub, search = S3VectorsStub(BUCKET), made(knows_words=False)
    with stub.serving(s3_vectors_client(knows_words=False)):
        with pytest.raises(Invalid, match="mode hybrid or semantic"):
            matches(search, "vision", "lexical")
        search.apply(ACME, [document("a", "vision model"), document("b", "model model")])
        with pytest.raises(Invalid, match="mode hybrid or semantic"):
            matches(search, "vision", "lexical")
        best, other = matches(search, "vision model", "hybrid")
    assert best.artifact_id == "a"
    assert {mode: place.rank for mode, place in best.by.items()} == {"lexical": 1, "semantic": 1}
    assert other.words == ["model"]
    (created,) = stub.asked("CreateIndex")
    assert "textSearchConfigurations" not in created["metadataConfiguration"]


def test_an_index_without_words_is_searched_by_meaning(stub: S3VectorsStub) -> None:
    """It was made when the client knew none; or it is CLASSIC."""
    with stub.serving(s3_vectors_client(knows_words=False)):
        made(knows_words=False).apply(ACME, [document("vision")])
    search = made()
    assert found(search, "vision", "hybrid") == ["vision"]
    with pytest.raises(Invalid, match="mode hybrid or semantic"):
        matches(search, "vision", "lexical")
    stub.indexes.clear()
    search = made()
    search.apply(ACME, [document("vision")])
    stub.indexes[index_name(ACME, BagOfWords())].mode = "CLASSIC"
    assert found(search, "vision", "hybrid") == ["vision"]
    with pytest.raises(Invalid, match="mode hybrid or semantic"):
        matches(search, "vision", "lexical")


def test_words_that_are_being_indexed_are_searched_when_they_are(
    search: S3VectorsSearch, stub: S3VectorsStub
) -> None:
    search.apply(ACME, [document("vision")])
    index = stub.indexes[index_name(ACME, BagOfWords())]
    index.text_status = "BUILDING"
    with pytest.raises(Invalid, match="mode hybrid or semantic"):
        matches(search, "vision", "lexical")
    assert found(search, "vision", "hybrid") == ["vision"]
    index.text_status = "ACTIVE"
    assert found(search, "vision", "lexical") == ["vision"]


class Everything:
    """Implements `backend.Source`; notes what was known."""

    def __init__(self, *documents: SearchDocument) -> None:
        self.documents = documents
        self.known: list[object] = []

    def since(self, tenant: TenantId, mark: str | None, known: Versions) -> Iterator[Delta]:
        assert mark is None
        versions = known.versions([one.artifact_id for one in self.documents])
        self.known.append(versions)
        new = [one for one in self.documents if versions.get(one.artifact_id) != one.version]
        yield Delta(new, [ArtifactId("gone")], "m")

    def read(self, tenant: TenantId, artifact_ids: Sequence[ArtifactId], known: Versions) -> Delta:
        versions = known.versions(artifact_ids)
        asked = [one for one in self.documents if one.artifact_id in artifact_ids]
        new = [one for one in asked if versions.get(one.artifact_id) != one.version]
        gone = {*versions} - {one.artifact_id for one in asked}
        return Delta(new, sorted(gone))

    def changed(self, tenant: TenantId, mark: str | None) -> int:
        return len(self.documents)


def test_what_the_feed_tells_is_read_and_put(stub: S3VectorsStub) -> None:
    search = made(source=Everything(document("vision a"), document("vision b", version=2)))
    search.apply(ACME, [document("gone", "vision"), document("vision b", "old")])
    ids = [ArtifactId(name) for name in ("gone", "vision a", "vision b", "never there")]
    for _ in range(2):
        search.changed(ACME, ids)
        assert sorted(found(search, "vision")) == ["vision a", "vision b"]
    assert search.versions(ACME, ids) == {"vision a": 1, "vision b": 2}
    assert not search.publish(ACME, 0)
    assert search.build(ACME, anew=True) == 2


def test_vectors_of_two_models_never_mix(stub: S3VectorsStub) -> None:
    source = Everything(document("vision", version=2), document("more vision"))
    old, new = made(), made(BagOfWords(model_id="another"), source=source)
    old.apply(ACME, [document("vision"), document("gone", "vision")])
    with pytest.raises(Unavailable, match="another embedding model"):
        matches(new, "vision")
    new.apply(ACME, [document("vision", version=2)])
    with pytest.raises(Unavailable, match="another embedding model"):
        matches(new, "vision")  # it has but a part
    assert len(stub.indexes) == 2
    other = TenantId("other")
    old.apply(other, [document("vision")])
    assert new.build(ACME) == 1
    assert sorted(found(new, "vision")) == ["more vision", "vision"]
    assert set(stub.indexes) == {
        index_name(ACME, BagOfWords(model_id="another")), index_name(other, BagOfWords()),
    }  # fmt: skip


def test_a_build_that_stopped_goes_on(stub: S3VectorsStub) -> None:
    source = Everything(document("vision a"), document("vision b"))
    search = made(source=source)
    search.apply(ACME, [document("gone", "vision"), document("vision a")])
    stub.failures = ["ServiceUnavailableException"]
    with pytest.raises(Throttled):
        search.build(ACME)
    assert search.build(ACME) == 1
    assert source.known == [{"vision a": 1}]
    assert sorted(found(search, "vision")) == ["vision a", "vision b"]


def test_an_index_that_vanishes_is_told_and_looked_for_again(
    search: S3VectorsSearch, stub: S3VectorsStub
) -> None:
    search.apply(ACME, [document("vision")])
    assert found(search, "vision") == ["vision"]
    stub.indexes.clear()
    with pytest.raises(Unavailable, match="replaced"):
        matches(search, "vision")
    assert found(search, "vision") == []


def test_two_that_make_the_index_at_once_both_put(
    search: S3VectorsSearch, stub: S3VectorsStub
) -> None:
    search.apply(ACME, [document("vision a")])
    search._create_index(ACME)  # pyright: ignore[reportPrivateUsage] # the other was first
    search.apply(ACME, [document("vision b")])
    assert len(found(search, "vision")) == 2


def test_without_the_bucket_everything_is_unavailable(stub: S3VectorsStub) -> None:
    search = S3VectorsSearch(s3_vectors_client(), "another", BagOfWords(), Everything())
    with pytest.raises(Unavailable, match="check the deployment"):
        matches(search, "vision")
    with pytest.raises(Unavailable, match="check the deployment"):
        search.apply(ACME, [document("vision")])


@pytest.mark.parametrize(
    "code, expected",
    [
        ("TooManyRequestsException", Throttled),
        ("ServiceUnavailableException", Throttled),
        ("ThrottlingException", Throttled),
        ("AccessDeniedException", Unavailable),
        ("KmsDisabledException", Unavailable),
        ("ServiceQuotaExceededException", Unavailable),
        ("RequestTimeoutException", Unavailable),
        ("InternalServerException", Unavailable),
        ("SomethingNewException", Unavailable),
        ("ValidationException", ValueError),
        ("SerializationException", ValueError),
    ],
)
def test_errors_become_ours_and_tell_nothing_of_the_account(
    search: S3VectorsSearch, stub: S3VectorsStub, code: str, expected: type[Exception]
) -> None:
    search.apply(ACME, [document("vision")])
    for call in (
        lambda: matches(search, "vision"),
        lambda: search.apply(ACME, [document("vision", version=2)]),
        lambda: search.forget(ACME, [ArtifactId("vision")]),
    ):
        stub.failures = [code]
        with pytest.raises(expected) as raised:
            call()
        assert "arn" not in str(raised.value)
    assert found(search, "vision") == ["vision"]


@pytest.mark.parametrize(
    "error", [ConnectTimeoutError(endpoint_url="https://secret"), NoCredentialsError()]
)
def test_no_answer_is_unavailable(search: S3VectorsSearch, error: Exception) -> None:
    def fail(**_: object) -> None:
        raise error

    events = s3_vectors_client().meta.events
    events.register_first("before-send.s3vectors", fail)
    try:
        with pytest.raises(Unavailable) as raised:
            matches(search, "vision")
    finally:
        events.unregister("before-send.s3vectors", fail)
    assert "secret" not in str(raised.value)


def test_requests_tell_no_term_in_the_clear(search: S3VectorsSearch, stub: S3VectorsStub) -> None:
    search.apply(ACME, [document("a", terms=("user_id\0ada-lovelace",))])
    matches(search, "a", terms=["user_id\0ada-lovelace"])
    assert "lovelace" not in json.dumps(stub.requests)
