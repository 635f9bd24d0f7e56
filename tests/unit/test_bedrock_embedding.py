"""Embeddings by Bedrock: what is asked, and what its answers and errors become.

The client is boto3's own; in place of the network a handler of its `before-send` event answers in
the shapes that Amazon documents for Titan Text Embeddings V2 and for InvokeModel's errors.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any, Protocol, cast

import boto3
import numpy as np
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, NoCredentialsError

from chalicelib.core.errors import Throttled, Unavailable
from chalicelib.search.bedrock_embedding import DIMENSIONS, MAX_BYTES, BedrockEmbedder

Answer = Callable[[dict[str, Any]], tuple[int, dict[str, str], bytes]]


class Raw(io.BytesIO):
    """What urllib3 gives of a response's body."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


class Request(Protocol):
    """What botocore is about to send; it has no types of its own."""

    url: str
    headers: Mapping[str, bytes]
    body: bytes


class Titan:
    """Notes what it is sent; answers with a vector that tells the text's length, or as told."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer: Answer = vector_answer

    def __call__(self, request: Request, **_: object) -> AWSResponse:
        self.requests.append(request)
        status, headers, body = self.answer(json.loads(request.body))
        return AWSResponse(request.url, status, headers, Raw(body))

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.body) for request in self.requests]


def one_hot(at: int) -> list[float]:
    return [float(place == at) for place in range(DIMENSIONS)]


def vector_answer(body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    vector = one_hot(len(body["inputText"]))
    told = {
        "embedding": vector,
        "inputTextTokenCount": len(body["inputText"].split()),
        "embeddingsByType": {"float": vector},
    }
    return 200, {"content-type": "application/json"}, json.dumps(told).encode()


def error_answer(code: str, status: int) -> Answer:
    headers = {"content-type": "application/json", "x-amzn-errortype": f"{code}:http://internal/"}
    return lambda _: (status, headers, json.dumps({"message": "arn:aws:secret"}).encode())


@pytest.fixture
def client() -> Generator[Any]:
    make_client = cast("Any", boto3.client)
    client = make_client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


@pytest.fixture
def titan(client: Any) -> Titan:
    titan = Titan()
    client.meta.events.register("before-send.bedrock-runtime.InvokeModel", titan)
    return titan


def test_a_text_is_asked_for_in_the_documented_shape(client: Any, titan: Titan) -> None:
    BedrockEmbedder(client).embed(["loss curve"])
    (request,) = titan.requests
    assert request.url.endswith("/model/amazon.titan-embed-text-v2%3A0/invoke")
    assert request.headers["content-type"] == b"application/json"
    assert titan.bodies == [{"inputText": "loss curve", "dimensions": 256, "normalize": True}]


def test_vectors_come_in_the_order_of_the_texts(client: Any, titan: Titan) -> None:
    vectors = BedrockEmbedder(client).embed(["x" * length for length in range(1, 41)])
    assert vectors.dtype == np.int8
    assert vectors.shape == (40, DIMENSIONS)
    assert np.argmax(vectors, axis=1).tolist() == list(range(1, 41))
    assert np.max(vectors, axis=1).tolist() == [127] * 40


def test_several_texts_are_asked_for_at_once(client: Any, titan: Titan) -> None:
    together = threading.Barrier(4, timeout=10)

    def when_four_are_there(body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        together.wait()
        return vector_answer(body)

    titan.answer = when_four_are_there
    assert BedrockEmbedder(client).embed(["a", "bb", "ccc", "dddd"]).any(axis=1).all()


def test_an_empty_text_costs_no_request_and_is_close_to_nothing(client: Any, titan: Titan) -> None:
    vectors = BedrockEmbedder(client).embed(["", "four", " \n"])
    assert vectors.any(axis=1).tolist() == [False, True, False]
    assert [body["inputText"] for body in titan.bodies] == ["four"]
    assert BedrockEmbedder(client).embed([]).shape == (0, DIMENSIONS)


@pytest.mark.parametrize("character", ["a", "é", "漢", "😀", "\ud800"])
def test_a_long_text_is_cut_where_the_model_surely_takes_it(
    client: Any, titan: Titan, character: str
) -> None:
    titan.answer = lambda _: vector_answer({"inputText": "x"})
    BedrockEmbedder(client).embed(["start" + character * MAX_BYTES])
    (body,) = titan.bodies
    sent = body["inputText"].encode()
    assert len(sent) <= MAX_BYTES
    assert body["inputText"].startswith("start")
    if character != "\ud800":  # half of a surrogate pair is no text, and is left out
        assert len(sent) > MAX_BYTES - 4


def test_an_answer_of_another_length_is_scaled(client: Any, titan: Titan) -> None:
    told = json.dumps({"embedding": [3.0, 4.0] + [0.0] * 254, "inputTextTokenCount": 1})
    titan.answer = lambda _: (200, {}, told.encode())
    assert BedrockEmbedder(client).embed(["x"])[0, :3].tolist() == [76, 102, 0]


@pytest.mark.parametrize(
    "code, status, expected",
    [
        ("ThrottlingException", 429, Throttled),
        ("ServiceUnavailableException", 503, Throttled),
        ("ModelNotReadyException", 429, Unavailable),
        ("ModelTimeoutException", 408, Unavailable),
        ("ModelErrorException", 424, Unavailable),
        ("InternalServerException", 500, Unavailable),
        ("AccessDeniedException", 403, Unavailable),
        ("ResourceNotFoundException", 404, Unavailable),
        ("ServiceQuotaExceededException", 400, Unavailable),
        ("UnrecognizedClientException", 403, Unavailable),
    ],
)
def test_errors_of_bedrock_become_ours_and_tell_nothing_of_the_account(
    client: Any, titan: Titan, code: str, status: int, expected: type[Exception]
) -> None:
    titan.answer = error_answer(code, status)
    with pytest.raises(expected) as raised:
        BedrockEmbedder(client).embed(["x"])
    assert "arn" not in str(raised.value)


def test_a_text_that_is_refused_is_near_to_nothing(client: Any, titan: Titan) -> None:
    titan.answer = error_answer("ValidationException", 400)
    assert not BedrockEmbedder(client).embed(["x", "y"]).any()


@pytest.mark.parametrize(
    "error",
    [
        ConnectTimeoutError(endpoint_url="https://secret.example"),
        NoCredentialsError(),
    ],
)
def test_no_answer_is_unavailable(client: Any, error: Exception) -> None:
    def fail(**_: object) -> None:
        raise error

    client.meta.events.register("before-send.bedrock-runtime.InvokeModel", fail)
    with pytest.raises(Unavailable) as raised:
        BedrockEmbedder(client).embed(["x"])
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"embedding": null}', b'{"embedding": [1.0, 2.0]}']
)
def test_an_answer_without_a_vector_is_unavailable(client: Any, titan: Titan, body: bytes) -> None:
    titan.answer = lambda _: (200, {}, body)
    with pytest.raises(Unavailable, match="did not answer with a vector"):
        BedrockEmbedder(client).embed(["x"])


def test_one_failure_fails_them_all(client: Any, titan: Titan) -> None:
    def third_fails(body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        answer = error_answer("ThrottlingException", 429) if body["inputText"] == "ccc" else None
        return answer(body) if answer else vector_answer(body)

    titan.answer = third_fails
    with pytest.raises(Throttled):
        BedrockEmbedder(client).embed(["a", "bb", "ccc"])
