"""The file of a static embedding: a header, the tokens, a scale each, and a row of int8 each.

    8 bytes   MAGIC
    4 bytes   length of the header, little-endian
    header    JSON, with spaces to a multiple of 64 bytes: `model`, `dimensions`, `tokens`,
              `vocabulary_bytes`, and what else is worth knowing of it
    tokens    UTF-8, a line each, with line ends to a multiple of 64 bytes
    scales    float32, little-endian
    rows      int8; a row times its scale is the token's weighted vector

Reading takes no numpy; the arrays are views of the mapped file.
"""

from __future__ import annotations

import json
import mmap
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAGIC: Final = b"TBSTATIC"
_LENGTH: Final = struct.Struct("<I")
_BEFORE_HEADER: Final = len(MAGIC) + _LENGTH.size
_ALIGNMENT: Final = 64


@dataclass(frozen=True, slots=True)
class ModelFile:
    """`header` as above; `scales` and `rows` are read-only and stay on disk until touched."""

    header: Mapping[str, Any]
    tokens: Sequence[str]
    scales: NDArray[np.float32]
    rows: NDArray[np.int8]


def to_bytes(
    about: Mapping[str, Any],
    tokens: Sequence[str],
    scales: NDArray[np.float32],
    rows: NDArray[np.int8],
) -> bytes:
    """The file; `about` has at least `model`. The same arguments give the same bytes."""
    vocabulary = "\n".join(tokens).encode()
    vocabulary += b"\n" * (-len(vocabulary) % _ALIGNMENT)
    header: dict[str, Any] = {
        **about,
        "dimensions": rows.shape[1],
        "tokens": len(tokens),
        "vocabulary_bytes": len(vocabulary),
    }
    told = json.dumps(header, sort_keys=True).encode()
    told += b" " * (-(_BEFORE_HEADER + len(told)) % _ALIGNMENT)
    return b"".join(
        (
            MAGIC,
            _LENGTH.pack(len(told)),
            told,
            vocabulary,
            scales.astype("<f4").tobytes(),
            rows.astype("i1").tobytes(),
        )
    )


def read_header(path: Path) -> dict[str, Any]:
    """Raises ValueError when the file is no such model or not as long as its header tells."""
    with path.open("rb") as file:
        start = file.read(_BEFORE_HEADER)
        if len(start) < _BEFORE_HEADER or not start.startswith(MAGIC):
            raise _broken(path, "it does not start as one")
        told = file.read(_LENGTH.unpack_from(start, len(MAGIC))[0])
    try:
        header: dict[str, Any] = json.loads(told)
        tokens, dimensions = int(header["tokens"]), int(header["dimensions"])
        size = _BEFORE_HEADER + len(told) + int(header["vocabulary_bytes"])
    except (ValueError, KeyError, TypeError) as error:
        raise _broken(path, "its header cannot be read") from error
    size += tokens * (4 + dimensions)
    if path.stat().st_size != size:
        raise _broken(path, f"it has {path.stat().st_size} bytes, not {size}")
    return {**header, "header_bytes": len(told)}


def read(path: Path) -> ModelFile:
    """Raises ValueError as `read_header` does. Cost: the tokens; rows are mapped, not read."""
    import numpy as np

    header = read_header(path)
    count, dimensions = int(header["tokens"]), int(header["dimensions"])
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    at_tokens = _BEFORE_HEADER + int(header["header_bytes"])
    at_scales = at_tokens + int(header["vocabulary_bytes"])
    tokens = mapped[at_tokens:at_scales].decode().rstrip("\n").split("\n")
    if len(tokens) != count:
        raise _broken(path, f"it has {len(tokens)} tokens, not {count}")
    scales = np.frombuffer(mapped, "<f4", count, at_scales)
    rows = np.frombuffer(mapped, "i1", count * dimensions, at_scales + 4 * count)
    return ModelFile(header, tokens, scales, rows.reshape(count, dimensions))


def _broken(path: Path, why: str) -> ValueError:
    return ValueError(
        f"{path.name} is no static embedding: {why}; install Trialbook's package anew"
    )
