"""A stub of Amazon S3 Vectors, made from what is documented of it.

NOTHING HERE EVER RAN AGAINST THE SERVICE. Requests come from a real client of boto3, whose
`before-send` event the stub answers in place of the network. What it takes and gives is checked
against the service model that the installed botocore brings: names, types, lengths, ranges. Beyond
that it keeps to Amazon's guide to S3 Vectors: "Limitations and restrictions", "Metadata filtering",
"Querying vectors", "Querying with full-text and vector search".

Distances are computed, filters are evaluated, and words are ranked by SQLite's BM25 with Porter's
stems, where the service has an analyzer of its own. Unlike the service, it finds the very nearest.
"""

from __future__ import annotations

import base64
import io
import json
import re
import sqlite3
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from tests.unit.s3_vectors_filters import Refused, constraints, fields_of, passes
from tests.unit.s3_vectors_metadata import check_metadata
from tests.unit.s3_vectors_model import check, s3_vectors_client

MAX_TOP_K = 10_000
PAGE = 100
MAX_CONSTRAINTS = 100
MAX_REQUEST_BYTES = 20 * 1024 * 1024
RRF_K = 60
CREATED = datetime(2026, 11, 1, tzinfo=UTC)
STATUS = {
    "ValidationException": 400,
    "NotFoundException": 404,
    "ConflictException": 409,
    "TooManyRequestsException": 429,
    "ServiceUnavailableException": 503,
}
Body = dict[str, Any]


@dataclass
class Vector:
    numbers: Any
    metadata: Body


@dataclass
class Index:
    settings: Body
    mode: str
    vectors: dict[str, Vector] = field(default_factory=dict[str, Vector])
    text_status: str = "ACTIVE"

    @property
    def unfilterable(self) -> set[str]:
        return set(self.settings.get("metadataConfiguration", {}).get(
            "nonFilterableMetadataKeys", ()))  # fmt: skip

    @property
    def searchable(self) -> set[str]:
        texts = self.settings.get("metadataConfiguration", {}).get("textSearchConfigurations", ())
        return {one["metadataKey"] for one in texts}


class Failed(Exception):
    """What the service answers with in place of a result."""

    def __init__(self, code: str, message: str = "arn:aws:s3vectors:secret") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class S3VectorsStub:
    """One vector bucket. `requests` are those that were sent; `failures` are answered first."""

    def __init__(self, bucket: str, mode: str = "ENHANCED") -> None:
        """`mode` is that of indexes that are made."""
        self._model: Any = s3_vectors_client().meta.service_model
        self._bucket = bucket
        self._mode = mode
        self.indexes: dict[str, Index] = {}
        self.requests: list[tuple[str, Body]] = []
        self.failures: list[str] = []

    @contextmanager
    def serving(self, client: Any) -> Generator[None]:
        """Meanwhile the stub answers what this client asks."""
        client.meta.events.register("before-send.s3vectors", self._answer)
        try:
            yield
        finally:
            client.meta.events.unregister("before-send.s3vectors", self._answer)

    def asked(self, operation: str) -> list[Body]:
        return [body for name, body in self.requests if name == operation]

    def _answer(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        operation = cast("str", request.url).rpartition("/")[2]
        sent = cast("bytes", request.body)
        body: Body = json.loads(sent)
        self.requests.append((operation, body))
        try:
            if self.failures:
                raise Failed(self.failures.pop(0))
            if len(sent) > MAX_REQUEST_BYTES:
                raise Refused("the request is too large")
            shapes = self._model.operation_model(operation)
            check(shapes.input_shape, body, operation)
            answer = self._operations()[operation](body)
            check(shapes.output_shape, answer, f"answer of {operation}")
        except Refused as refused:
            return _error(request, "ValidationException", str(refused))
        except Failed as failed:
            return _error(request, failed.code, failed.message)
        return _response(request, 200, {}, answer)

    def _operations(self) -> dict[str, Callable[[Body], Body]]:
        return {
            "CreateIndex": self._create_index,
            "DeleteIndex": self._delete_index,
            "GetIndex": self._get_index,
            "ListIndexes": self._list_indexes,
            "PutVectors": self._put_vectors,
            "GetVectors": self._get_vectors,
            "DeleteVectors": self._delete_vectors,
            "QueryVectors": self._query_vectors,
        }

    def _create_index(self, body: Body) -> Body:
        self._in_bucket(body)
        name = body["indexName"]
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name):
            raise Refused("invalid index name")
        if name in self.indexes:
            raise Failed("ConflictException")
        index = Index(body, self._mode)
        if index.searchable and self._mode != "ENHANCED":
            raise Refused("full-text search requires an index in ENHANCED mode")
        self.indexes[name] = index
        return {"indexArn": self._arn(name)}

    def _delete_index(self, body: Body) -> Body:
        self._index(body)
        del self.indexes[body["indexName"]]
        return {}

    def _get_index(self, body: Body) -> Body:
        index, name = self._index(body), body["indexName"]
        told = {
            **self._summary(name),
            **{key: index.settings[key] for key in ("dataType", "dimension", "distanceMetric")},
            "indexMode": index.mode,
        }
        if "metadataConfiguration" in index.settings:
            told["metadataConfiguration"] = {**index.settings["metadataConfiguration"]}
            told["metadataConfiguration"]["textSearchConfigurations"] = [
                {"metadataKey": key, "status": index.text_status} for key in index.searchable
            ]
        return {"index": told}

    def _list_indexes(self, body: Body) -> Body:
        self._in_bucket(body)
        names = [name for name in self.indexes if name.startswith(body.get("prefix", ""))]
        return {"indexes": [self._summary(name) for name in sorted(names)]}

    def _put_vectors(self, body: Body) -> Body:
        index = self._index(body)
        keys = [vector["key"] for vector in body["vectors"]]
        if len(set(keys)) < len(keys):
            raise Refused("a key is there twice")
        for vector in body["vectors"]:
            numbers = _numbers(vector["data"], index)
            if not numbers.any():
                raise Refused("cosine takes no vector of zeros")
            check_metadata(vector.get("metadata", {}), index.unfilterable, index.searchable)
        for vector in body["vectors"]:
            metadata = vector.get("metadata", {})
            index.vectors[vector["key"]] = Vector(_numbers(vector["data"], index), metadata)
        return {}

    def _get_vectors(self, body: Body) -> Body:
        index = self._index(body)
        found = [(key, index.vectors[key]) for key in body["keys"] if key in index.vectors]
        return {
            "vectors": [
                {"key": key, **({"metadata": one.metadata} if body.get("returnMetadata") else {})}
                for key, one in found
            ]
        }

    def _delete_vectors(self, body: Body) -> Body:
        index = self._index(body)
        for key in body["keys"]:
            index.vectors.pop(key, None)
        return {}

    def _query_vectors(self, body: Body) -> Body:
        index = self._index(body)
        self._check_query(body, index)
        wanted = body.get("filter")
        among = [
            key
            for key, one in index.vectors.items()
            if wanted is None or passes(wanted, one.metadata)
        ]
        distances = _distances(index, body["queryVector"], among) if "queryVector" in body else None
        texts = body.get("queryTexts", ())
        scores = {one["metadataKey"]: _bm25(index, one, set(among)) for one in texts}
        top_k = body["topK"]
        rankings = [sorted(found, key=lambda key, of=found: -of[key])[:top_k]
                    for found in scores.values()]  # fmt: skip
        if distances is not None:
            rankings.append(sorted(distances, key=lambda key: distances[key])[:top_k])
        fused = _fused(rankings)
        order = sorted(fused, key=lambda key: -fused[key])[:top_k]
        start = int(base64.b64decode(body["nextToken"])) if "nextToken" in body else 0
        answer: Body = {"distanceMetric": "cosine", "vectors": []}
        for key in order[start : start + PAGE]:
            vector: Body = {"key": key}
            if body.get("returnMetadata"):
                vector["metadata"] = index.vectors[key].metadata
            if body.get("returnDistance") and distances is not None and not texts:
                vector["distance"] = distances[key]
            if body.get("returnScores") and texts:
                vector["scores"] = _told_scores(key, scores, distances, fused[key])
            answer["vectors"].append(vector)
        if start + PAGE < len(order):
            answer["nextToken"] = base64.b64encode(str(start + PAGE).encode()).decode()
        return answer

    @staticmethod
    def _check_query(body: Body, index: Index) -> None:
        texts = body.get("queryTexts", ())
        if "queryVector" not in body and not texts:
            raise Refused("neither queryVector nor queryTexts")
        if body["topK"] > MAX_TOP_K:
            raise Refused("topK is too high")
        if "filter" in body:
            passes(body["filter"], {})  # refuses what is no filter
            if fields_of(body["filter"]) & index.unfilterable:
                raise Refused("the filter names a key that is not filterable")
            if index.mode == "ENHANCED" and constraints(body["filter"]) > MAX_CONSTRAINTS:
                raise Refused("too many constraints in the filter")
        if texts and (index.mode != "ENHANCED" or index.text_status != "ACTIVE"):
            raise Refused("the index cannot be searched by words")
        keys = [one["metadataKey"] for one in texts]
        if len(set(keys)) < len(keys) or set(keys) - index.searchable:
            raise Refused("a key is there twice, or is not searchable")

    def _in_bucket(self, body: Body) -> None:
        if body.get("vectorBucketName") != self._bucket:
            raise Failed("NotFoundException")

    def _index(self, body: Body) -> Index:
        self._in_bucket(body)
        if body.get("indexName") not in self.indexes:
            raise Failed("NotFoundException")
        return self.indexes[body["indexName"]]

    def _arn(self, name: str) -> str:
        return f"arn:aws:s3vectors:us-east-1:123456789012:bucket/{self._bucket}/index/{name}"

    def _summary(self, name: str) -> Body:
        return {
            "vectorBucketName": self._bucket,
            "indexName": name,
            "indexArn": self._arn(name),
            "creationTime": CREATED,
        }


def _numbers(data: Mapping[str, Any], index: Index) -> Any:
    with np.errstate(over="ignore"):
        numbers = np.array(data["float32"]).astype(np.float32)
    if numbers.shape != (index.settings["dimension"],) or not np.isfinite(numbers).all():
        raise Refused("the vector has another dimension, or numbers that are none")
    return numbers


def _distances(index: Index, query: Body, among: Sequence[str]) -> dict[str, float]:
    numbers = _numbers(query, index)
    if not numbers.any():
        raise Refused("cosine takes no vector of zeros")
    unit = numbers / np.linalg.norm(numbers)
    found: dict[str, float] = {}
    for key in among:
        stored = index.vectors[key].numbers
        found[key] = float(np.float32(1) - np.dot(stored / np.linalg.norm(stored), unit))
    return found


def _bm25(index: Index, query: Body, among: set[str]) -> dict[str, float]:
    """Of those that have any of the words."""
    words = re.findall(r"\w+", query["text"])
    if not words:
        return {}
    keys = [*index.vectors]
    texts = [str(index.vectors[key].metadata.get(query["metadataKey"], "")) for key in keys]
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE VIRTUAL TABLE texts USING fts5(text, tokenize='porter unicode61')")
        database.executemany("INSERT INTO texts(rowid, text) VALUES (?, ?)", enumerate(texts))
        found = database.execute(
            "SELECT rowid, -bm25(texts) FROM texts WHERE texts MATCH ?",
            (" OR ".join(f'"{word}"' for word in words),),
        ).fetchall()
    return {keys[number]: score for number, score in found if keys[number] in among}


def _fused(rankings: Sequence[Sequence[str]]) -> dict[str, float]:
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, key in enumerate(ranking, 1):
            scores[key] = scores.get(key, 0.0) + 1 / (RRF_K + rank)
    return scores


def _told_scores(
    key: str, scores: Mapping[str, Body], distances: Mapping[str, float] | None, fused: float
) -> Body:
    told: Body = {
        "bm25Scores": [
            {"metadataKey": name, "score": of[key]} for name, of in scores.items() if key in of
        ]
    }
    if distances is not None:
        told |= {"fused": fused, "vectorDistance": distances[key]}
    return told


class _Raw(io.BytesIO):
    """What urllib3 gives of a response's body."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


def _response(
    request: AWSPreparedRequest, status: int, headers: Mapping[str, str], body: Body
) -> AWSResponse:
    sent = json.dumps(body, default=lambda moment: moment.timestamp()).encode()
    headers = {"content-type": "application/json", **headers}
    return AWSResponse(cast("str", request.url), status, headers, _Raw(sent))


def _error(request: AWSPreparedRequest, code: str, message: str) -> AWSResponse:
    headers = {"x-amzn-errortype": code}
    return _response(request, STATUS.get(code, 400), headers, {"message": message})
