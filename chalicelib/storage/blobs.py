"""The Blobs seam: named bytes, and URLs that let a client move them without passing through us.

Adapters: `s3_blobs.S3Blobs` (AWS), `local.disk_blobs.DiskBlobs` (laptop). Every adapter passes
`tests/contract/test_blobs_contract.py`. sha256 digests are 64 lower-case hex characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

MAX_SINGLE_PUT_BYTES: Final = 64 * 1024 * 1024
"""From this size on, an upload has several parts."""
MIN_PART_BYTES: Final = 5 * 1024 * 1024
MAX_PARTS: Final = 10_000
MAX_OBJECT_BYTES: Final = 5 * 1024**4
MAX_KEY_BYTES: Final = 1024
MAX_EXPIRES_S: Final = 3600
ETAG_VERSION: Final = "etag-"
"""Before an etag, the version of a blob in a store that keeps but one under a key."""


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """`modified_ms` is milliseconds since the epoch; `etag` is opaque. `version` names these very
    bytes under the key (`get` takes it); None where the store does not say: a list, a copy."""

    key: str
    size_bytes: int
    mime: str
    etag: str
    modified_ms: int
    version: str | None = None


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A URL and the headers that the client must send with it, exactly as given."""

    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """An uploaded part: `number` from 1, `etag` as the PUT answered it."""

    number: int
    etag: str
    sha256: str | None = None


class BlobPage(NamedTuple):
    blobs: list[BlobInfo]
    next: str | None


class BlobExists(Exception):
    """`put(only_if_absent=True)` lost to an earlier writer; the stored bytes are untouched."""


class BlobMissing(Exception):
    """No such blob, or no such multipart upload."""


class BadPart(Exception):
    """`complete_multipart` named a part that was never uploaded, has another etag or digest, is
    too small, or the list is empty or out of order."""


class Blobs(Protocol):
    def put(self, key: str, body: bytes, *, mime: str, only_if_absent: bool = False) -> BlobInfo:
        """Durable when it returns. Raises BlobExists."""
        ...

    def get(
        self, key: str, start: int = 0, stop: int | None = None, *, version: str | None = None
    ) -> bytes:
        """Bytes `start` (inclusive) to `stop` (exclusive), of this version or of what is there now.
        Raises BlobMissing, also when the version is gone."""
        ...

    def stream(self, key: str) -> Iterator[bytes]:
        """The whole blob in pieces of at most 1 MiB. Raises BlobMissing."""
        ...

    def head(self, key: str) -> BlobInfo | None:
        """None when absent."""
        ...

    def copy(self, source: str, target: str) -> BlobInfo:
        """Server-side; raises BlobMissing."""
        ...

    def delete(self, key: str) -> None:
        """Absent is fine."""
        ...

    def list(self, prefix: str, after: str | None = None, limit: int = 1000) -> BlobPage:
        """Ascending by key; `after` is the `next` of the page before."""
        ...

    def presign_put(
        self, key: str, *, size_bytes: int, sha256: str | None, mime: str, expires_s: int
    ) -> SignedRequest:
        """A PUT of exactly these bytes: key, length and media type are bound, and the digest when
        given."""
        ...

    def presign_get(
        self, key: str, *, mime: str, disposition: str, expires_s: int
    ) -> SignedRequest:
        """A GET (ranges allowed) that answers with this Content-Type and Content-Disposition."""
        ...

    def start_multipart(self, key: str, *, mime: str, checksums: bool) -> str:
        """The store's upload id. With `checksums`, every part's digest must be bound when signed
        and named when completed."""
        ...

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
        """A PUT of one part: length and digest are bound when given."""
        ...

    def put_part(self, key: str, upload: str, part_number: int, body: bytes) -> Part:
        """A part that passes through us, of an upload without `checksums`. Sent again it replaces
        the one before. Raises BlobMissing when there is no such upload."""
        ...

    def complete_multipart(self, key: str, upload: str, parts: Sequence[Part]) -> BlobInfo:
        """Parts ascending by number. Raises BadPart, BlobMissing when there is no such upload."""
        ...

    def abort_multipart(self, key: str, upload: str) -> None:
        """Absent is fine."""
        ...
