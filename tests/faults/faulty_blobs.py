"""Blobs whose requests fail, get lost, or end the process, as their faults say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chalicelib.core.errors import Unavailable
from chalicelib.storage.blobs import BlobInfo, BlobPage, Blobs, Part, SignedRequest
from tests.faults.faults import CONTENDED, OF_READS, OF_WRITES, REPEATED, Fates

OF_BLOBS = tuple(fate for fate in OF_WRITES if fate != CONTENDED)
"""Nobody holds a blob."""
OF_STARTS = tuple(fate for fate in OF_BLOBS if fate != REPEATED)


class FaultyBlobs:
    """Everything that the contract of `Blobs` allows to go wrong: besides errors also pages that
    are cut short and streams that break off. Signing a URL asks nobody, so nothing befalls it."""

    def __init__(self, blobs: Blobs, faults: Fates) -> None:
        self._blobs = blobs
        self._faults = faults

    def put(self, key: str, body: bytes, *, mime: str, only_if_absent: bool = False) -> BlobInfo:
        def call() -> BlobInfo:
            return self._blobs.put(key, body, mime=mime, only_if_absent=only_if_absent)

        return self._faults.request("blobs.put", call, OF_BLOBS)

    def get(
        self, key: str, start: int = 0, stop: int | None = None, *, version: str | None = None
    ) -> bytes:
        return self._faults.request(
            "blobs.get", lambda: self._blobs.get(key, start, stop, version=version), OF_READS
        )

    def stream(self, key: str) -> Iterator[bytes]:
        pieces = self._faults.request("blobs.stream", lambda: self._blobs.stream(key), OF_READS)
        for piece in pieces:
            if self._faults.is_broken("blobs.stream"):
                yield piece[: len(piece) // 2]
                raise Unavailable("the store's answer broke off")
            yield piece

    def head(self, key: str) -> BlobInfo | None:
        return self._faults.request("blobs.head", lambda: self._blobs.head(key), OF_READS)

    def copy(self, source: str, target: str) -> BlobInfo:
        return self._faults.request(
            "blobs.copy", lambda: self._blobs.copy(source, target), OF_BLOBS
        )

    def delete(self, key: str) -> None:
        self._faults.request("blobs.delete", lambda: self._blobs.delete(key), OF_BLOBS)

    def list(self, prefix: str, after: str | None = None, limit: int = 1000) -> BlobPage:
        some = self._faults.portion(limit) or limit
        return self._faults.request(
            "blobs.list", lambda: self._blobs.list(prefix, after, some), OF_READS
        )

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
        def call() -> str:
            return self._blobs.start_multipart(key, mime=mime, checksums=checksums)

        return self._faults.request("blobs.start_multipart", call, OF_STARTS)

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
        def call() -> Part:
            return self._blobs.put_part(key, upload, part_number, body)

        return self._faults.request("blobs.put_part", call, OF_BLOBS)

    def complete_multipart(self, key: str, upload: str, parts: Sequence[Part]) -> BlobInfo:
        def call() -> BlobInfo:
            return self._blobs.complete_multipart(key, upload, parts)

        return self._faults.request("blobs.complete_multipart", call, OF_BLOBS)

    def abort_multipart(self, key: str, upload: str) -> None:
        def call() -> None:
            self._blobs.abort_multipart(key, upload)

        self._faults.request("blobs.abort_multipart", call, OF_BLOBS)
