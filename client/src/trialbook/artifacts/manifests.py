"""A directory as bytes: its manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from trialbook.artifacts.model import MANIFEST_MIME, ManifestFile, Stored
from trialbook.transfer.failures import UnsafePath
from trialbook.transfer.paths import checked_path

MAX_NAME_BYTES = 200


def manifest_bytes(files: Iterable[ManifestFile]) -> bytes:
    """The one spelling: JSON in the order of the paths, without spaces."""
    ordered = sorted(files, key=lambda one: one.path)
    described = [one.to_dict() for one in ordered]
    return json.dumps(described, ensure_ascii=False, separators=(",", ":")).encode()


def parse_manifest(body: bytes) -> Sequence[ManifestFile]:
    """Inverse of `manifest_bytes`. Raises ValueError."""
    found: list[dict[str, Any]] = json.loads(body)
    return [ManifestFile(one["path"], one["sha256"], one["size_bytes"]) for one in found]


def stored_dir(files: Sequence[ManifestFile]) -> Stored:
    """A directory of these files, of which the store holds the bytes."""
    body = manifest_bytes(files)
    total_bytes = sum(file.size_bytes for file in files)
    return Stored(hashlib.sha256(body).hexdigest(), total_bytes, MANIFEST_MIME, tuple(files))


def safe_name(path: str) -> str:
    """A file name for an artifact's name or path: its last segment, or `content`."""
    name = path.rpartition("/")[2]
    try:
        checked_path(name)
    except UnsafePath:
        return "content"
    return name if len(name.encode()) <= MAX_NAME_BYTES else "content"
