"""Embeddings by Amazon Titan Text Embeddings V2 on Bedrock.

Requests and answers have the shapes of Amazon's documentation of the model's parameters.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from chalicelib.core.errors import Throttled, Unavailable
from chalicelib.search.embedding import stored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODEL: Final = "amazon.titan-embed-text-v2:0"
DIMENSIONS: Final = 256
MAX_BYTES: Final = 8192
"""Of a text as UTF-8. The model takes 8,192 tokens and 50,000 characters, and no token is less than
a byte, so that this is never refused."""
AT_ONCE: Final = 4
"""Requests under way: the model takes one text each, and an account so many a minute."""
_THROTTLING: Final = frozenset(
    {"ServiceUnavailableException", "ThrottlingException", "TooManyRequestsException"}
)
_NOT_ALLOWED: Final = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "ResourceNotFoundException",
        "ServiceQuotaExceededException",
        "UnrecognizedClientException",
    }
)


class RefusedText(ValueError):
    """The model can never take it."""


class BedrockEmbedder:
    """Implements `embedding.Embedder`. A request a text, `AT_ONCE` at a time, and none
    for an empty one.

    `client` is boto3's `bedrock-runtime` client, which repeats what failed as it is configured to.
    """

    # boto3 ships no types: what the client answers is typed where it becomes ours.
    def __init__(self, client: Any) -> None:
        self._client = client

    @property
    def model_id(self) -> str:
        return f"{MODEL}/{DIMENSIONS}"

    @property
    def dimensions(self) -> int:
        return DIMENSIONS

    def embed(self, texts: Sequence[str]) -> NDArray[np.int8]:
        import numpy as np

        vectors = np.zeros((len(texts), DIMENSIONS), np.int8)
        cut = [_cut(text) for text in texts]
        asked = [at for at, text in enumerate(cut) if text]
        if asked:
            with ThreadPoolExecutor(AT_ONCE) as threads:
                answers = list(threads.map(self._vector_or_none, [cut[at] for at in asked]))
            vectors[asked] = stored(np.array(answers, np.float32))
        return vectors

    def _vector_or_none(self, text: str) -> list[float]:
        """Zeros for what the model refuses: one text must not keep the others from being found."""
        try:
            return self._vector(text)
        except RefusedText:
            return [0.0] * DIMENSIONS

    def _vector(self, text: str) -> list[float]:
        """Raises RefusedText, Throttled, Unavailable."""
        body = {"inputText": text, "dimensions": DIMENSIONS, "normalize": True}
        try:
            answer: dict[str, Any] = self._client.invoke_model(
                modelId=MODEL,
                contentType="application/json",
                accept="application/json",
                body=json.dumps(body),
            )
            vector: list[float] = json.loads(answer["body"].read())["embedding"]
            is_whole = len(vector) == DIMENSIONS
        except (ClientError, BotoCoreError) as error:
            raise _core_error(error) from error
        except (ValueError, KeyError, TypeError) as error:
            raise _not_a_vector() from error
        if not is_whole:
            raise _not_a_vector()
        return vector


def _cut(text: str) -> str:
    """What the model is asked about; a character that the cut goes through is left out."""
    return text.strip().encode(errors="ignore")[:MAX_BYTES].decode(errors="ignore")


def _not_a_vector() -> Unavailable:
    return Unavailable("the embedding model did not answer with a vector; send it again")


def _code_of(error: ClientError) -> str:
    answer: dict[str, Any] = error.response
    return str(answer.get("Error", {}).get("Code", ""))


def _core_error(error: ClientError | BotoCoreError) -> Exception:
    """The core error, or ValueError for a request that can never succeed."""
    if isinstance(error, ParamValidationError):
        return ValueError("the embedding model refused the shape of the request")
    if not isinstance(error, ClientError):
        return Unavailable("the embedding model did not answer; send it again")
    code = _code_of(error)
    if code in _THROTTLING:
        return Throttled("the embedding model asks to slow down; send it again")
    if code in _NOT_ALLOWED:
        return Unavailable("the embedding model may not be used; check the deployment")
    if code == "ValidationException":
        return RefusedText("the embedding model refused the text")
    return Unavailable("the embedding model did not answer; send it again")
