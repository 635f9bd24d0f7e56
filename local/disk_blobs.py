"""The Blobs seam on files.

objects/  one file a blob (`blob_files`) at the path of its key (`blob_paths`)
uploads/  multipart uploads under way (`disk_uploads`)
writing/  what is being written; nobody reads it

Every blob is synced and then renamed into place, so a SIGKILL or a power cut at any moment loses
nothing that was answered and shows nothing that is half written. Parts of an upload under way may
be lost by a power cut, which completing it notices.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from chalicelib.core.context import Clock
from chalicelib.core.errors import Invalid, Unavailable
from chalicelib.core.ids import is_hex_id
from chalicelib.storage.blob_checks import (
    CHECKSUM_HEADER,
    check_header,
    check_key,
    check_parts,
    check_range,
    checksum,
)
from chalicelib.storage.blobs import (
    ETAG_VERSION,
    BadPart,
    BlobExists,
    BlobInfo,
    BlobMissing,
    BlobPage,
    Part,
    SignedRequest,
)
from local.blob_files import BlobFile, BlobWriter, Trailer, make_folder, opened, sync_folder
from local.blob_paths import blob_path, blob_paths
from local.blob_urls import UrlSigner
from local.disk_uploads import DiskUploads

MAX_PAGE: Final = 1000
ABANDONED_MS: Final = 7 * 24 * 3600 * 1000
"""A multipart upload can be resumed for this long, as the bucket's lifecycle rule has it on AWS."""


class DiskBlobs:
    """Implements `chalicelib.storage.blobs.Blobs`; safe for many threads and processes at once."""

    def __init__(self, root: Path, base_url: str, secret: bytes, clock: Clock) -> None:
        """Makes its folders. `base_url` is where `BlobEndpoint` answers, `secret` signs URLs."""
        self.urls = UrlSigner(base_url, secret, clock)
        self.on_created: Callable[[BlobInfo], None] | None = None
        """Told of every blob that came to be, as S3 tells of objects; what it raises reaches who
        stores the blob."""
        self._clock = clock
        self._objects = root / "objects"
        self._writing = root / "writing"
        uploads = root / "uploads"
        for folder in (self._objects, uploads, self._writing):
            make_folder(folder)
        self._uploads = DiskUploads(uploads, clock)

    # -- whole blobs ----------------------------------------------------------------------------

    def put(self, key: str, body: bytes, *, mime: str, only_if_absent: bool = False) -> BlobInfo:
        path = self._path(key)
        check_header("mime", mime)
        if only_if_absent and path.exists():
            raise BlobExists(key)
        with self.writer() as writer:
            writer.write([body])
            return self.store(key, writer, mime, only_if_absent=only_if_absent)

    def get(
        self, key: str, start: int = 0, stop: int | None = None, *, version: str | None = None
    ) -> bytes:
        check_range(start, stop)
        with self.open(key) as blob:
            if version not in {None, _version(blob.trailer)}:
                raise BlobMissing(key)
            return blob.read(start, (blob.size_bytes if stop is None else stop) - start)

    def stream(self, key: str) -> Iterator[bytes]:
        with self.open(key) as blob:
            yield from blob.pieces(0, blob.size_bytes)

    def head(self, key: str) -> BlobInfo | None:
        with opened(self._path(key)) as blob:
            return None if blob is None else _info(key, blob.size_bytes, blob.trailer)

    def copy(self, source: str, target: str) -> BlobInfo:
        path = self._path(target)
        with self.open(source) as blob, self.writer() as writer:
            writer.append(blob)
            trailer = replace(blob.trailer, modified_ms=self._clock.now_ms(), upload=None)
            return self._publish(target, path, writer, trailer)

    def delete(self, key: str) -> None:
        path = self._path(key)
        try:
            path.unlink()
        except FileNotFoundError:
            return
        sync_folder(path.parent)

    def list(self, prefix: str, after: str | None = None, limit: int = MAX_PAGE) -> BlobPage:
        limit = min(limit, MAX_PAGE)
        blobs: list[BlobInfo] = []
        for key, path in blob_paths(self._objects, prefix, after or ""):
            if len(blobs) == limit:
                return BlobPage(blobs, blobs[-1].key)
            with opened(path) as blob:
                if blob is not None:
                    # S3's listing does not know media types.
                    info = _info(key, blob.size_bytes, blob.trailer)
                    blobs.append(BlobInfo(key, info.size_bytes, "", info.etag, info.modified_ms))
        return BlobPage(blobs, None)

    # -- signed URLs ----------------------------------------------------------------------------

    def presign_put(
        self, key: str, *, size_bytes: int, sha256: str | None, mime: str, expires_s: int
    ) -> SignedRequest:
        check_key(key)
        check_header("mime", mime)
        headers = {"content-type": mime}
        bound = {"op": "put", "size": str(size_bytes), "mime": mime}
        if sha256 is not None:
            headers[CHECKSUM_HEADER] = checksum(sha256)
            bound["sha256"] = sha256
        return SignedRequest(self.urls.url(key, expires_s, bound), headers)

    def presign_get(
        self, key: str, *, mime: str, disposition: str, expires_s: int
    ) -> SignedRequest:
        check_key(key)
        check_header("mime", mime)
        check_header("disposition", disposition)
        bound = {"op": "get", "mime": mime, "disposition": disposition}
        return SignedRequest(self.urls.url(key, expires_s, bound), {})

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
        check_key(key)
        bound = {"op": "part", "upload": upload, "part": str(part_number)}
        if size_bytes is not None:
            bound["size"] = str(size_bytes)
        if sha256 is None:
            return SignedRequest(self.urls.url(key, expires_s, bound), {})
        headers = {CHECKSUM_HEADER: checksum(sha256)}
        return SignedRequest(self.urls.url(key, expires_s, bound | {"sha256": sha256}), headers)

    # -- multipart uploads ----------------------------------------------------------------------

    def start_multipart(self, key: str, *, mime: str, checksums: bool) -> str:
        check_key(key)
        check_header("mime", mime)
        return self._uploads.start(key, mime, checksums=checksums).id

    def put_part(self, key: str, upload: str, part_number: int, body: bytes) -> Part:
        with self.writer() as writer:
            writer.write([body])
            etag = self.store_part(key, upload, part_number, writer, is_digest_bound=False)
        return Part(part_number, etag)

    def complete_multipart(self, key: str, upload: str, parts: Sequence[Part]) -> BlobInfo:
        path = self._path(key)
        check_parts(parts)
        try:
            found = self._uploads.find(key, upload)
        except BlobMissing:
            return self._completed(key, upload)
        try:
            with self.writer() as writer:
                etag = self._uploads.assemble(found, parts, writer)
                trailer = Trailer(found.mime, etag, self._clock.now_ms(), upload=upload)
                info = self._publish(key, path, writer, trailer)
        except BadPart:
            # Another call may have completed it meanwhile and removed the parts.
            try:
                return self._completed(key, upload)
            except BlobMissing:
                pass
            raise
        self._uploads.remove(upload)
        return info

    def abort_multipart(self, key: str, upload: str) -> None:
        try:
            self._uploads.find(key, upload)
        except BlobMissing:
            return
        self._uploads.remove(upload)

    def remove_abandoned(self) -> None:
        """Abort uploads older than `ABANDONED_MS`, and remove what killed writers left behind."""
        oldest_ms = self._clock.now_ms() - ABANDONED_MS
        for upload in self._uploads.ids():
            if _made_ms(upload) < oldest_ms:
                self._uploads.remove(upload)
        for path in self._writing.iterdir():
            if is_hex_id(path.name) and _made_ms(path.name) < oldest_ms:
                path.unlink(missing_ok=True)

    # -- for the endpoint -----------------------------------------------------------------------

    @contextmanager
    def writer(self) -> Generator[BlobWriter]:
        """Where a body goes until `store` or `store_part`. Raises Unavailable on a full disk."""
        try:
            with BlobWriter(self._writing / self._clock.new_id()) as writer:
                yield writer
        except OSError as error:
            reason = (error.strerror or "unknown").lower()
            raise Unavailable(f"the disk cannot take the blob: {reason}") from error

    def store(
        self, key: str, writer: BlobWriter, mime: str, *, only_if_absent: bool = False
    ) -> BlobInfo:
        """Make what was written the blob of `key`. Raises BlobExists when `only_if_absent`."""
        digest = writer.sha256
        trailer = Trailer(mime, f'"{digest}"', self._clock.now_ms(), digest)
        return self._publish(key, self._path(key), writer, trailer, only_if_absent=only_if_absent)

    def store_part(
        self, key: str, upload: str, number: int, writer: BlobWriter, *, is_digest_bound: bool
    ) -> str:
        """Make what was written a part; its etag.

        Raises BlobMissing, and Invalid when the upload wants digests and the URL bound none.
        """
        found = self._uploads.find(key, upload)
        if found.checksums and not is_digest_bound:
            raise Invalid("this upload needs the sha256 of each part; sign the URL with it")
        return self._uploads.store_part(found, number, writer)

    @contextmanager
    def open(self, key: str) -> Generator[BlobFile]:
        """Raises BlobMissing."""
        with opened(self._path(key)) as blob:
            if blob is None:
                raise BlobMissing(key)
            yield blob

    def _path(self, key: str) -> Path:
        check_key(key)
        return blob_path(self._objects, key)

    def _publish(
        self,
        key: str,
        path: Path,
        writer: BlobWriter,
        trailer: Trailer,
        *,
        only_if_absent: bool = False,
    ) -> BlobInfo:
        make_folder(path.parent)
        try:
            writer.publish(path, trailer, only_if_absent=only_if_absent)
        except FileExistsError:
            raise BlobExists(key) from None
        info = _info(key, writer.size_bytes, trailer)
        if self.on_created is not None:
            self.on_created(info)
        return info

    def _completed(self, key: str, upload: str) -> BlobInfo:
        """What `upload` became. Raises BlobMissing unless that is still the blob of `key`."""
        with self.open(key) as blob:
            if blob.trailer.upload != upload:
                raise BlobMissing(upload)
            return _info(key, blob.size_bytes, blob.trailer)


def _info(key: str, size_bytes: int, trailer: Trailer) -> BlobInfo:
    version = _version(trailer)
    return BlobInfo(key, size_bytes, trailer.mime, trailer.etag, trailer.modified_ms, version)


def _version(trailer: Trailer) -> str:
    return ETAG_VERSION + trailer.etag.strip('"')


def _made_ms(made_id: str) -> int:
    # the first 48 bits of a UUIDv7
    return int(made_id[:12], 16)
