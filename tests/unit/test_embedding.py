"""Texts of like meaning are close to each other, and the file that this rests on is checked."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from chalicelib.search import model_file
from chalicelib.search.embedding import (
    MAX_TOKENS,
    MODEL_PATH,
    UNIT,
    StaticEmbedder,
    static_embedder,
    stored,
)
from chalicelib.search.wordpiece import words
from tests.unit.artifact_texts_given import PARAPHRASES, TEXTS

Damage: TypeAlias = Callable[[bytes], bytes]

WORDS = st.sampled_from(["the", "loss", "of", "trained", "resnet50", "x!?", "über", "漢字"])


def small_model(path: Path) -> Path:
    """Two tokens, two dimensions."""
    scales, rows = np.array([1, 2], np.float32), np.array([[3, 4], [0, 1]], np.int8)
    path.write_bytes(model_file.to_bytes({"model": "small-1"}, ["loss", "curve"], scales, rows))
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return small_model(tmp_path / "small.bin")


def test_a_text_is_the_weighted_sum_of_its_tokens(small: Path) -> None:
    embedder = StaticEmbedder(small)
    assert (embedder.model_id, embedder.dimensions) == ("small-1", 2)
    vectors = embedder.embed(["loss", "curve", "Loss curve", "unknown", ""])
    assert vectors.dtype == np.int8
    assert vectors.tolist() == [[76, 102], [0, 127], [57, 114], [0, 0], [0, 0]]


def test_there_is_a_row_for_each_text_in_its_order() -> None:
    embedder = static_embedder()
    many = [f"{text} {number}" for number in range(3) for text in TEXTS]
    together = embedder.embed(many)
    assert together.shape == (len(many), 256)
    alone = np.concatenate([embedder.embed([text]) for text in many])
    assert np.array_equal(together, alone)
    assert embedder.embed([]).shape == (0, 256)


@given(st.lists(WORDS, min_size=1).map(" ".join))
def test_a_vector_has_the_length_of_all_or_none(text: str) -> None:
    (vector,) = static_embedder().embed([text])
    length = float(np.linalg.norm(vector.astype(np.float64)))
    assert length == 0 or abs(length / UNIT - 1) < 0.01


@given(st.text())
def test_any_text_has_a_vector_and_always_the_same(text: str) -> None:
    assert np.array_equal(static_embedder().embed([text]), static_embedder().embed([text]))


def test_what_says_nothing_is_close_to_nothing() -> None:
    assert not static_embedder().embed(["", " \n", "...", "漢字", "\x00"]).any()


def test_only_the_start_of_a_long_text_is_looked_at() -> None:
    start = "loss " * MAX_TOKENS
    one, other = static_embedder().embed([start, start + "weather in Europe"])
    assert np.array_equal(one, other)


def test_threads_get_what_one_alone_gets() -> None:
    expected = static_embedder().embed(TEXTS)
    embedder = StaticEmbedder(MODEL_PATH)  # each of the threads may be the one that loads it
    start = threading.Barrier(4, timeout=10)
    found: list[NDArray[np.int8]] = []

    def embed() -> None:
        start.wait()
        found.append(embedder.embed(TEXTS))

    threads = [threading.Thread(target=embed) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [np.array_equal(vectors, expected) for vectors in found] == [True] * 4


# -- meaning ---------------------------------------------------------------------------------


def found_first(similarity: NDArray[np.float64]) -> int:
    """How many queries have their text before all others, and no other as close."""
    order = np.argsort(-similarity, axis=1, kind="stable")
    rows = np.arange(len(similarity))
    apart = similarity[rows, order[:, 0]] > similarity[rows, order[:, 1]]
    names = [text.split(":")[0] for text in TEXTS]
    expected = np.array([names.index(name) for name in PARAPHRASES.values()])
    return int((apart & (order[:, 0] == expected)).sum())


def test_a_paraphrase_finds_what_no_word_of_it_does() -> None:
    texts, queries = (
        static_embedder().embed(some).astype(np.float64) for some in (TEXTS, list(PARAPHRASES))
    )
    assert len(PARAPHRASES) == 12
    assert found_first(queries @ texts.T) >= 7

    told = [{word.lower() for word in words(text)} for text in TEXTS]
    shared = [[len({*query.split()} & of) for of in told] for query in PARAPHRASES]
    assert found_first(np.array(shared, np.float64)) <= 1


def test_a_cosine_is_told_within_two_hundredths() -> None:
    random = np.random.default_rng(7)
    exact = random.normal(size=(50, 256)) + random.normal(size=256)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    rounded = stored(exact * 3).astype(np.float64)
    assert np.abs(rounded @ rounded.T / UNIT**2 - exact @ exact.T).max() < 0.02


# -- the file --------------------------------------------------------------------------------


def test_the_model_in_the_package() -> None:
    header = model_file.read_header(MODEL_PATH)
    assert re.fullmatch(r"minilm-l6-v2-static-256-\d+", header["model"])
    assert header["dimensions"] == 256
    assert header["licence"] == "Apache-2.0"
    assert MODEL_PATH.stat().st_size <= 8_300_000
    assert (MODEL_PATH.parent / "MODEL_LICENSE.md").read_text().count("Apache") > 1


def test_what_is_written_is_read(small: Path) -> None:
    model = model_file.read(small)
    assert model.tokens == ["loss", "curve"]
    assert model.scales.tolist() == [1, 2]
    assert model.rows.tolist() == [[3, 4], [0, 1]]
    assert not model.rows.flags.writeable


DAMAGES: list[tuple[Damage, str]] = [
    (lambda _: b"", "does not start as one"),
    (lambda data: b"PK\x03\x04" + data, "does not start as one"),
    (lambda data: data[:-1], "bytes, not"),
    (lambda data: data + b"\x00", "bytes, not"),
    (lambda data: data[:40], "header cannot be read"),
    (lambda data: data.replace(b'"tokens"', b'"takens"'), "header cannot be read"),
    (lambda data: data.replace(b"loss\ncurve", b"loss\ncur\ne"), "3 tokens, not 2"),
]


@pytest.mark.parametrize("damage, told", DAMAGES)
def test_a_file_that_is_no_model_is_told(small: Path, damage: Damage, told: str) -> None:
    small.write_bytes(damage(small.read_bytes()))
    with pytest.raises(ValueError, match=f"small.bin is no static embedding: .*{told}"):
        StaticEmbedder(small).embed(["loss"])


def test_numpy_is_not_imported_before_a_text_is_embedded() -> None:
    program = """
import sys
from chalicelib.search import bedrock_embedding, embedding, model_file, wordpiece
print(embedding.static_embedder().model_id, "numpy" in sys.modules)
embedding.static_embedder().embed(["loss"])
print("numpy" in sys.modules)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=MODEL_PATH.parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == [static_embedder().model_id, "False", "True"]
