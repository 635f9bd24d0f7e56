"""What remembers a half-done upload after its process was killed.

<state>/uploads/<key>.jsonl: the upload's id, then a line for each part that arrived. The key is
made of the service, the routes, what is uploaded and where to, so only the same upload finds it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

KEEP_S: Final = 7 * 24 * 3600
"""The service gives an upload up after this long."""


class UploadState:
    """One upload's file. Calls read or append a few bytes and do not wait for the disk."""

    def __init__(self, folder: Path, of: Mapping[str, Any]) -> None:
        """`of` says which upload it is."""
        key = hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()
        self._folder = folder
        self._path = folder / f"{key}.jsonl"

    def load(self) -> tuple[str, dict[int, str]] | None:
        """The upload's id and the etags of the parts that arrived; None when there is none."""
        try:
            lines = self._path.read_text("utf-8").split("\n")
        except FileNotFoundError:
            return None
        found = [line for line in map(_parsed, lines) if line is not None]
        if not found or "part" in found[0]:
            return None
        upload_id = found[0]["upload_id"]
        parts = [line for line in found[1:] if line.get("upload_id") == upload_id]
        return upload_id, {line["part"]: line["etag"] for line in parts if "part" in line}

    def begin(self, upload_id: str) -> None:
        """Forget any earlier one, and those that the service has given up."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._prune()
        self._path.write_text(json.dumps({"upload_id": upload_id}) + "\n", "utf-8")

    def arrived(self, upload_id: str, number: int, etag: str) -> None:
        """The id in each line keeps two processes with the same file apart."""
        line = json.dumps({"upload_id": upload_id, "part": number, "etag": etag})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def forget(self) -> None:
        self._path.unlink(missing_ok=True)

    def _prune(self) -> None:
        oldest = time.time() - KEEP_S
        for path in self._folder.glob("*.jsonl"):
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
            except FileNotFoundError:
                continue  # another process was quicker


def _parsed(line: str) -> dict[str, Any] | None:
    """None for a line that a kill has cut."""
    try:
        found: Any = json.loads(line)
    except ValueError:
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None
