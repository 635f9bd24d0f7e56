"""The Blobs seam, metered: requests made, and what S3 bills for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.cost.meter import Meter
from chalicelib.storage.blobs import BlobInfo, BlobPage, Blobs, Part, SignedRequest


class MeteredBlobs:
    """Blobs whose requests are billed to a meter. Signing a URL asks nobody, and so costs nothing;
    deleting and aborting are free requests."""

    def __init__(self, blobs: Blobs, meter: Meter) -> None:
        self._blobs = blobs
        self._meter = meter

    def put(self, key: str, body: bytes, *, mime: str, only_if_absent: bool = False) -> BlobInfo:
        self._meter.add(blobs=1, s3_puts=1, moved_bytes=len(body))
        return self._blobs.put(key, body, mime=mime, only_if_absent=only_if_absent)

    def get(
        self, key: str, start: int = 0, stop: int | None = None, *, version: str | None = None
    ) -> bytes:
        body = self._blobs.get(key, start, stop, version=version)
        self._meter.add(blobs=1, s3_gets=1, moved_bytes=len(body))
        return body

    def stream(self, key: str) -> Iterator[bytes]:
        self._meter.add(blobs=1, s3_gets=1)
        for piece in self._blobs.stream(key):
            self._meter.add(moved_bytes=len(piece))
            yield piece

    def head(self, key: str) -> BlobInfo | None:
        self._meter.add(blobs=1, s3_gets=1)
        return self._blobs.head(key)

    def copy(self, source: str, target: str) -> BlobInfo:
        """Its two requests; of what is copied in parts not more."""
        self._meter.add(blobs=1, s3_gets=1, s3_puts=1)
        return self._blobs.copy(source, target)

    def delete(self, key: str) -> None:
        self._meter.add(blobs=1)
        self._blobs.delete(key)

    def list(self, prefix: str, after: str | None = None, limit: int = 1000) -> BlobPage:
        self._meter.add(blobs=1, s3_puts=1)
        return self._blobs.list(prefix, after, limit)

    def presign_put(
        self, key: str, *, size_bytes: int, sha256: str | None, mime: str, expires_s: int
    ) -> SignedRequest:
        return self._blobs.presign_put(
            key, size_bytes=size_bytes, sha256=sha256, mime=mime, expires_s=expires_s
        )

    def presign_get(
        self, key: str, *, mime: str, disposition: str, expires_s: int
    ) -> SignedRequest:
        return self._blobs.presign_get(key, mime=mime, disposition=disposition, expires_s=expires_s)

    def start_multipart(self, key: str, *, mime: str, checksums: bool) -> str:
        self._meter.add(blobs=1, s3_puts=1)
        return self._blobs.start_multipart(key, mime=mime, checksums=checksums)

    def presign_part(
        self,
        key: str,
        upload: str,
        part_number: int,
        *,
        size_bytes: int | None,
        sha256: str | None,
        expires_s: int,
    ) -> SignedRequest:
        return self._blobs.presign_part(
            key, upload, part_number, size_bytes=size_bytes, sha256=sha256, expires_s=expires_s
        )

    def put_part(self, key: str, upload: str, part_number: int, body: bytes) -> Part:
        self._meter.add(blobs=1, s3_puts=1)
        return self._blobs.put_part(key, upload, part_number, body)

    def complete_multipart(self, key: str, upload: str, parts: Sequence[Part]) -> BlobInfo:
        """Two requests to S3, whose first answer tells neither size nor date."""
        self._meter.add(blobs=1, s3_puts=1, s3_gets=1)
        return self._blobs.complete_multipart(key, upload, parts)

    def abort_multipart(self, key: str, upload: str) -> None:
        self._meter.add(blobs=1)
        self._blobs.abort_multipart(key, upload)
