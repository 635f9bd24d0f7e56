"""The stub of S3 Vectors refuses what the service would, and filters as it does, so far as that is
documented."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.s3_vectors_model import s3_vectors_client
from tests.unit.s3_vectors_stub import S3VectorsStub

INDEX = {"vectorBucketName": "vectors", "indexName": "an-index"}
DATA = {"float32": [1.0, 2.0]}


@pytest.fixture
def client() -> Generator[Any]:
    """It talks to a stub that has an index."""
    client = s3_vectors_client()
    with S3VectorsStub("vectors").serving(client):
        client.create_index(
            **INDEX,
            dataType="float32",
            dimension=2,
            distanceMetric="cosine",
            metadataConfiguration={
                "nonFilterableMetadataKeys": ["text"],
                "textSearchConfigurations": [{"metadataKey": "text"}],
            },
        )
        yield client


@pytest.mark.parametrize(
    "metadata",
    [
        {"f": "x" * 2_036},
        {"f": "é" * 1_018},
        {"terms": ["x" * 12] * 127},
        {"text": "x" * 40_960},
        {f"k{n}": 1 for n in range(51)},
        {"f": []},
        {"f": None},
        {"f": {"nested": 1}},
        {"text": 5},
    ],
)
def test_metadata_that_is_too_large_or_odd_is_refused(
    client: Any, metadata: dict[str, Any]
) -> None:
    vector = {"key": "a", "data": DATA, "metadata": metadata}
    with pytest.raises(ClientError, match="ValidationException"):
        client.put_vectors(**INDEX, vectors=[vector])


@pytest.mark.parametrize(
    "vectors",
    [
        [{"key": "a", "data": {"float32": [0.0, 0.0]}}],
        [{"key": "a", "data": {"float32": [1.0]}}],
        [{"key": "a", "data": {"float32": [1e39, 1.0]}}],
        [{"key": "k" * 1_025, "data": DATA}],
        [{"key": "a", "data": DATA}] * 2,
        [{"key": str(n), "data": DATA} for n in range(501)],
        [{"key": str(n), "data": DATA, "metadata": {"text": "é" * 20_000}} for n in range(200)],
    ],
)
def test_vectors_that_are_odd_or_too_many_are_refused(
    client: Any, vectors: list[dict[str, Any]]
) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        client.put_vectors(**INDEX, vectors=vectors)


@pytest.mark.parametrize(
    "asked",
    [
        {"topK": 10_001},
        {"topK": 1, "queryVector": {"float32": [0.0, 0.0]}},
        {"topK": 1, "queryVector": {"float32": [1.0]}},
        {"topK": 1, "queryTexts": [{"text": "x", "metadataKey": "terms"}]},
        {"topK": 1, "queryTexts": [{"text": "x" * 1_025, "metadataKey": "text"}]},
        {"topK": 1, "queryTexts": [{"text": "x", "metadataKey": "text"}] * 2},
        {"topK": 1, "filter": {"$and": [{"a": 1}] * 101}},
        {"topK": 1, "filter": {"$and": []}},
        {"topK": 1, "filter": {"a": {"$like": "x"}}},
        {"topK": 1, "filter": {"a": {"$gte": "x"}}},
        {"topK": 1, "filter": {"a": {"$in": "x"}}},
        {"topK": 1, "filter": {"text": {"$eq": "x"}}},
    ],
)
def test_odd_queries_are_refused(client: Any, asked: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="ValidationException"):
        client.query_vectors(**INDEX, **{"queryVector": DATA, **asked})


@pytest.mark.parametrize(
    "wanted, passing",
    [
        ({"genre": "drama"}, "ab"),
        ({"genre": {"$eq": "war"}}, "b"),
        ({"genre": {"$in": ["war", "news"]}}, "b"),
        ({"genre": {"$ne": "war"}}, "a"),
        ({"genre": {"$nin": ["war"]}}, "a"),
        ({"genre": {"$exists": False}}, "c"),
        ({"year": {"$gte": 2000, "$lt": 2020}}, "a"),
        ({"$or": [{"year": 2020}, {"seen": True}]}, "bc"),
        ({"$and": [{"genre": "drama"}, {"year": {"$gt": 1999}}]}, "ab"),
        ({"genre": "drama", "year": {"$lte": 2010}}, "a"),
        ({"seen": 1}, ""),
    ],
)
def test_filters_pass_what_the_guide_tells(
    client: Any, wanted: dict[str, Any], passing: str
) -> None:
    metadata = {
        "a": {"genre": "drama", "year": 2010},
        "b": {"genre": ["drama", "war"], "year": 2020},
        "c": {"seen": True},
    }
    vectors = [{"key": key, "data": DATA, "metadata": one} for key, one in metadata.items()]
    client.put_vectors(**INDEX, vectors=vectors)
    answer = client.query_vectors(**INDEX, topK=9, queryVector=DATA, filter=wanted)
    assert "".join(sorted(one["key"] for one in answer["vectors"])) == passing


def test_distances_and_scores_are_told_where_they_are_asked_for(client: Any) -> None:
    client.put_vectors(**INDEX, vectors=[
        {"key": "near", "data": {"float32": [1.0, 0.0]}, "metadata": {"text": "a cat"}},
        {"key": "far", "data": {"float32": [0.0, 3.0]}, "metadata": {"text": "a dog"}},
    ])  # fmt: skip
    query, texts = {"float32": [2.0, 0.0]}, [{"text": "dog cats dog", "metadataKey": "text"}]
    answer = client.query_vectors(**INDEX, topK=9, queryVector=query, returnDistance=True)
    assert answer["vectors"] == [{"key": "near", "distance": 0.0}, {"key": "far", "distance": 1.0}]
    answer = client.query_vectors(
        **INDEX, topK=9, queryVector=query, queryTexts=texts[:1], returnScores=True
    )
    first = answer["vectors"][0]
    assert set(first["scores"]) == {"fused", "bm25Scores", "vectorDistance"}
    assert "distance" not in first
    answer = client.query_vectors(**INDEX, topK=9, queryTexts=texts)
    assert sorted(one["key"] for one in answer["vectors"]) == ["far", "near"]


def test_an_index_that_is_not_enhanced_has_no_words() -> None:
    client = s3_vectors_client()
    with (
        S3VectorsStub("vectors", mode="CLASSIC").serving(client),
        pytest.raises(ClientError, match="ValidationException"),
    ):
        client.create_index(
            **INDEX,
            dataType="float32",
            dimension=2,
            distanceMetric="cosine",
            metadataConfiguration={"textSearchConfigurations": [{"metadataKey": "text"}]},
        )
