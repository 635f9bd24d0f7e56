"""A BERT encoder's forward pass in numpy, float64, and the file format of its weights."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ids: TypeAlias = NDArray[np.intp]

_TYPES: Final = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}


def read_safetensors(data: bytes) -> dict[str, NDArray[Any]]:
    """The tensors by name: 8 bytes length, a JSON header with type, shape and place of each, and
    their bytes behind it. Raises ValueError for types other than these weights have."""
    (length,) = struct.unpack_from("<Q", data)
    header: dict[str, Any] = json.loads(data[8 : 8 + length])
    tensors: dict[str, NDArray[Any]] = {}
    for name, of in header.items():
        if name == "__metadata__":
            continue
        if of["dtype"] not in _TYPES:
            raise ValueError(f"type of a tensor not known: {name} is {of['dtype']}")
        first, last = of["data_offsets"]
        values = np.frombuffer(data[8 + length + first : 8 + length + last], _TYPES[of["dtype"]])
        tensors[name] = values.reshape(of["shape"])
    return tensors


def erf(x: Floats) -> Floats:
    """Abramowitz and Stegun 7.1.26, within 1.5e-7: a thousandth of what int8 can tell apart."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    series = t * (
        0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
    )
    return np.sign(x) * (1 - series * np.exp(-x * x))


def gelu(x: Floats) -> Floats:
    return x * (0.5 + 0.5 * erf(x / np.sqrt(2)))


@dataclass(frozen=True)
class Encoder:
    """`weights` have the names of `transformers.BertModel`; `heads` and `epsilon` are of its
    configuration."""

    weights: Mapping[str, Floats]
    layers: int
    heads: int
    epsilon: float

    @classmethod
    def of(cls, tensors: Mapping[str, NDArray[Any]], config: Mapping[str, Any]) -> Encoder:
        """Raises ValueError for what this pass does not compute."""
        if config["hidden_act"] != "gelu" or config["position_embedding_type"] != "absolute":
            raise ValueError("another activation or other positions than this pass computes")
        weights = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
        return cls(
            weights,
            int(config["num_hidden_layers"]),
            int(config["num_attention_heads"]),
            float(config["layer_norm_eps"]),
        )

    def mean_vectors(self, ids: Ids) -> Floats:
        """The mean of the last layer over a sequence's tokens; `ids` is (sequences, tokens), all
        of one length."""
        return self._last_layer(ids).mean(axis=1)

    def _last_layer(self, ids: Ids) -> Floats:
        of = self.weights
        x = (
            of["embeddings.word_embeddings.weight"][ids]
            + of["embeddings.position_embeddings.weight"][: ids.shape[1]]
            + of["embeddings.token_type_embeddings.weight"][0]
        )
        x = self._normalized(x, "embeddings.LayerNorm")
        for layer in range(self.layers):
            at = f"encoder.layer.{layer}"
            told = self._linear(self._attention(x, at), f"{at}.attention.output.dense")
            x = self._normalized(x + told, f"{at}.attention.output.LayerNorm")
            inner = gelu(self._linear(x, f"{at}.intermediate.dense"))
            told = self._linear(inner, f"{at}.output.dense")
            x = self._normalized(x + told, f"{at}.output.LayerNorm")
        return x

    def _attention(self, x: Floats, at: str) -> Floats:
        """What each token takes from the others, head by head."""
        sequences, length, width = x.shape

        def heads(name: str) -> Floats:
            of = self._linear(x, f"{at}.attention.self.{name}")
            return of.reshape(sequences, length, self.heads, -1).transpose(0, 2, 1, 3)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(width // self.heads)
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares = scores / scores.sum(axis=-1, keepdims=True)
        return (shares @ value).transpose(0, 2, 1, 3).reshape(sequences, length, width)

    def _linear(self, x: Floats, name: str) -> Floats:
        # one product of two matrices, for that is what BLAS is fast at
        flat = x.reshape(-1, x.shape[-1]) @ self.weights[f"{name}.weight"].T
        return (flat + self.weights[f"{name}.bias"]).reshape(*x.shape[:-1], -1)

    def _normalized(self, x: Floats, name: str) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.epsilon)
        return centred / spread * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]
