"""Bytes of a tenant, and who needs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from chalicelib.core.model.artifact import FilePlace

OwnerKind: TypeAlias = Literal["file", "artifact", "directory", "entry"]
"""A file of a tree, an indexed artifact, a file of a directory, a value of an experiment."""


@dataclass(frozen=True, slots=True)
class StoredBytes:
    """Where the bytes of a digest are.

    `verified` is False while a multipart upload only claims the digest. `doomed` says that the
    collector may delete the object, and is final: whoever has the bytes brings them under another
    key. An owner who came before reads from it as long as it likes.
    Until `promised_at_ms` plus the grace they stay, also when nobody owns them.
    """

    sha256: str
    size_bytes: int
    blob_key: str
    verified: bool
    promised_at_ms: int
    doomed: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True)
class Owner:
    """Something that needs bytes: `id` is that of the file, the artifact or the entry; a file of a
    tree has its `place`."""

    kind: OwnerKind
    id: str
    place: FilePlace | None = None


@dataclass(frozen=True, slots=True)
class Owned:
    """An owner and the object that it reads the bytes from."""

    owner: Owner
    blob_key: str
