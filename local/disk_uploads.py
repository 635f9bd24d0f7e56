"""Multipart uploads under way, on files.

<id>/upload   what `start` was told; the upload exists exactly as long as this file does
<id>/<number> a part (`blob_files`); sending it again replaces it

An id is time-ordered, so it tells how old an upload is.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chalicelib.core.context import Clock
from chalicelib.core.ids import is_hex_id
from chalicelib.storage.blobs import MIN_PART_BYTES, BadPart, BlobMissing, Part
from local.blob_files import (
    BlobFile,
    BlobWriter,
    Trailer,
    make_folder,
    opened,
    sync_folder,
    write_file,
)


@dataclass(frozen=True, slots=True)
class Upload:
    """What the parts will become."""

    id: str
    key: str
    mime: str
    checksums: bool


class DiskUploads:
    """The uploads in `folder`."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def start(self, key: str, mime: str, *, checksums: bool) -> Upload:
        upload = Upload(self._clock.new_id(), key, mime, checksums)
        folder = self._folder / upload.id
        make_folder(folder)
        described = {"key": key, "mime": mime, "checksums": checksums}
        write_file(folder / "upload", json.dumps(described).encode())
        return upload

    def find(self, key: str, upload_id: str) -> Upload:
        """Raises BlobMissing when there is none of that id for that key."""
        if not is_hex_id(upload_id):
            raise BlobMissing(upload_id)
        try:
            described = json.loads((self._folder / upload_id / "upload").read_bytes())
            upload = Upload(upload_id, **described)
        except (OSError, ValueError, TypeError):
            raise BlobMissing(upload_id) from None
        if upload.key != key:
            raise BlobMissing(upload_id)
        return upload

    def store_part(self, upload: Upload, number: int, writer: BlobWriter) -> str:
        """Keep what was written as a part; its etag. Raises BlobMissing when the upload is gone.

        Parts are not synced: the whole is, once, when they are put together, and a part that a
        power cut took is missed then and sent again.
        """
        trailer = Trailer("", f'"{writer.sha256}"', self._clock.now_ms(), sha256=writer.sha256)
        try:
            writer.publish(self._folder / upload.id / str(number), trailer, is_synced=False)
        except FileNotFoundError:
            raise BlobMissing(upload.id) from None
        return trailer.etag

    def assemble(self, upload: Upload, parts: Sequence[Part], writer: BlobWriter) -> str:
        """Append the parts to `writer`; the whole's etag. Raises BadPart, with nothing kept.

        Cost: every byte is read and written once more, a piece at a time.
        """
        etags = hashlib.sha256()
        for part in parts:
            with opened(self._folder / upload.id / str(part.number)) as blob:
                if blob is None:
                    raise BadPart(f"part {part.number} was never uploaded")
                _check_part(upload, part, blob, is_last=part is parts[-1])
                writer.append(blob)
                etags.update(blob.trailer.etag.encode())
        return f'"{etags.hexdigest()}-{len(parts)}"'

    def remove(self, upload_id: str) -> None:
        """Completed or given up; none such is fine."""
        if not is_hex_id(upload_id):
            return
        folder = self._folder / upload_id
        # First what says that it exists: what a crash leaves behind it is mere rubbish.
        (folder / "upload").unlink(missing_ok=True)
        if folder.exists():
            sync_folder(folder)
            shutil.rmtree(folder, ignore_errors=True)

    def ids(self) -> Iterator[str]:
        """Of all uploads under way, and of the rubbish of others."""
        return (path.name for path in self._folder.iterdir() if is_hex_id(path.name))


def _check_part(upload: Upload, part: Part, blob: BlobFile, *, is_last: bool) -> None:
    stored = blob.trailer
    if part.etag.strip('"') != stored.etag.strip('"'):
        raise BadPart(f"part {part.number} has another etag")
    if part.sha256 is None and upload.checksums:
        raise BadPart(f"part {part.number} needs its sha256")
    if part.sha256 not in {None, stored.sha256}:
        raise BadPart(f"part {part.number} has another sha256")
    if blob.size_bytes < MIN_PART_BYTES and not is_last:
        raise BadPart(f"part {part.number} is smaller than {MIN_PART_BYTES} bytes")
