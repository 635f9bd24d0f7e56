"""The Blobs seam on S3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from botocore.exceptions import ClientError

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
from chalicelib.storage.s3_errors import BAD_PART, EXISTS, code_of, core_errors

MAX_COPY_BYTES: Final = 5 * 1024**3
"""What one CopyObject takes; larger blobs are copied by parts of this size."""
MAX_PAGE: Final = 1000
PIECE_BYTES: Final = 1024 * 1024


class S3Blobs:
    """Implements `blobs.Blobs` on one bucket.

    `client` is boto3's S3 client (signature version s3v4). Every method is one request unless it
    says otherwise; signing takes none.
    """

    # boto3 ships no types: what the client answers is typed where it becomes ours.
    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    # -- whole blobs ----------------------------------------------------------------------------

    def put(self, key: str, body: bytes, *, mime: str, only_if_absent: bool = False) -> BlobInfo:
        address = self._address(key)
        check_header("mime", mime)
        condition = {"IfNoneMatch": "*"} if only_if_absent else {}
        with core_errors(key):
            try:
                answer = self._client.put_object(
                    **address, Body=body, ContentType=mime, **condition
                )
            except ClientError as error:
                if code_of(error) in EXISTS:
                    raise BlobExists(key) from error
                raise
        # The answer's date is when S3 stored it: it does not tell the time any other way.
        stored_at = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        return BlobInfo(key, len(body), mime, answer["ETag"], _ms(stored_at), _version_of(answer))

    def get(
        self, key: str, start: int = 0, stop: int | None = None, *, version: str | None = None
    ) -> bytes:
        address = self._address(key) | _asked(version)
        check_range(start, stop)
        wanted = f"bytes={start}-{'' if stop is None else stop - 1}"
        is_part = start > 0 or stop is not None
        with core_errors(key):
            try:
                if start == stop:  # no header can ask for no bytes
                    self._client.head_object(**address)
                    return b""
                answer = self._client.get_object(
                    **address, **({"Range": wanted} if is_part else {})
                )
            except ClientError as error:
                if code_of(error) == "InvalidRange":
                    return b""
                if code_of(error) in {"PreconditionFailed", "412"}:
                    raise BlobMissing(key) from error
                raise
            with closing(answer["Body"]) as body:
                return body.read()

    def stream(self, key: str) -> Iterator[bytes]:
        address = self._address(key)
        with core_errors(key):
            answer = self._client.get_object(**address)
            with closing(answer["Body"]) as body:
                yield from body.iter_chunks(PIECE_BYTES)

    def head(self, key: str) -> BlobInfo | None:
        address = self._address(key)
        try:
            with core_errors(key):
                answer = self._client.head_object(**address)
        except BlobMissing:
            return None
        return BlobInfo(
            key,
            answer["ContentLength"],
            answer["ContentType"],
            answer["ETag"],
            _ms(answer["LastModified"]),
            _version_of(answer),
        )

    def copy(self, source: str, target: str) -> BlobInfo:
        """Two requests; past `MAX_COPY_BYTES` three more than there are parts."""
        address = self._address(target)
        found = self.head(source)
        if found is None:
            raise BlobMissing(source)
        origin = {"CopySource": self._address(source), "CopySourceIfMatch": found.etag}
        if found.size_bytes > MAX_COPY_BYTES:
            return self._copy_by_parts(found, target, origin)
        with core_errors(source):
            copied = self._client.copy_object(**address, **origin)["CopyObjectResult"]
        modified_ms = _ms(copied["LastModified"])
        return BlobInfo(target, found.size_bytes, found.mime, copied["ETag"], modified_ms)

    def delete(self, key: str) -> None:
        address = self._address(key)
        with core_errors(key):
            self._client.delete_object(**address)

    def list(self, prefix: str, after: str | None = None, limit: int = MAX_PAGE) -> BlobPage:
        with core_errors(prefix):
            answer = self._client.list_objects_v2(
                Bucket=self._bucket,
                Prefix=prefix,
                MaxKeys=min(limit, MAX_PAGE),
                **({} if after is None else {"StartAfter": after}),
            )
        # A listing does not know media types.
        blobs = [
            BlobInfo(each["Key"], each["Size"], "", each["ETag"], _ms(each["LastModified"]))
            for each in answer.get("Contents", [])
        ]
        return BlobPage(blobs, blobs[-1].key if answer["IsTruncated"] else None)

    # -- signed URLs ----------------------------------------------------------------------------

    def presign_put(
        self, key: str, *, size_bytes: int, sha256: str | None, mime: str, expires_s: int
    ) -> SignedRequest:
        check_header("mime", mime)
        bound: dict[str, object] = {"ContentType": mime, "ContentLength": size_bytes}
        headers = {"content-type": mime}
        if sha256 is not None:
            bound["ChecksumSHA256"] = headers[CHECKSUM_HEADER] = checksum(sha256)
        return SignedRequest(self._sign("put_object", key, expires_s, **bound), headers)

    def presign_get(
        self, key: str, *, mime: str, disposition: str, expires_s: int
    ) -> SignedRequest:
        check_header("mime", mime)
        check_header("disposition", disposition)
        url = self._sign(
            "get_object",
            key,
            expires_s,
            ResponseContentType=mime,
            ResponseContentDisposition=disposition,
        )
        return SignedRequest(url, {})

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
        bound: dict[str, object] = {} if size_bytes is None else {"ContentLength": size_bytes}
        headers: dict[str, str] = {}
        if sha256 is not None:
            bound["ChecksumSHA256"] = headers[CHECKSUM_HEADER] = checksum(sha256)
        url = self._sign(
            "upload_part", key, expires_s, UploadId=upload, PartNumber=part_number, **bound
        )
        return SignedRequest(url, headers)

    def _sign(self, operation: str, key: str, expires_s: int, **parameters: object) -> str:
        bound = {**self._address(key), **parameters}
        with core_errors(key):
            return self._client.generate_presigned_url(operation, Params=bound, ExpiresIn=expires_s)

    # -- multipart uploads ----------------------------------------------------------------------

    def start_multipart(self, key: str, *, mime: str, checksums: bool) -> str:
        address = self._address(key)
        check_header("mime", mime)
        algorithm = {"ChecksumAlgorithm": "SHA256"} if checksums else {}
        with core_errors(key):
            answer = self._client.create_multipart_upload(**address, ContentType=mime, **algorithm)
        return answer["UploadId"]

    def put_part(self, key: str, upload: str, part_number: int, body: bytes) -> Part:
        address = self._address(key)
        with core_errors(key):
            answer = self._client.upload_part(
                **address, UploadId=upload, PartNumber=part_number, Body=body
            )
        return Part(part_number, answer["ETag"])

    def complete_multipart(self, key: str, upload: str, parts: Sequence[Part]) -> BlobInfo:
        """Two requests."""
        check_parts(parts)
        listed = [
            {"PartNumber": part.number, "ETag": part.etag}
            | ({} if part.sha256 is None else {"ChecksumSHA256": checksum(part.sha256)})
            for part in parts
        ]
        return self._complete(key, upload, listed)

    def abort_multipart(self, key: str, upload: str) -> None:
        address = self._address(key)
        with suppress(BlobMissing), core_errors(key):
            self._client.abort_multipart_upload(**address, UploadId=upload)

    def _complete(self, key: str, upload: str, listed: Sequence[dict[str, Any]]) -> BlobInfo:
        address = self._address(key)
        with core_errors(key):
            try:
                self._client.complete_multipart_upload(
                    **address, UploadId=upload, MultipartUpload={"Parts": listed}
                )
            except ClientError as error:
                if code_of(error) in BAD_PART:
                    raise BadPart(code_of(error)) from error
                raise
        # The answer tells neither size nor date.
        info = self.head(key)
        if info is None:
            raise BlobMissing(key)
        return info

    def _copy_by_parts(self, found: BlobInfo, target: str, origin: dict[str, Any]) -> BlobInfo:
        upload = self.start_multipart(target, mime=found.mime, checksums=False)
        address = self._address(target)
        listed: list[dict[str, Any]] = []
        try:
            for start in range(0, found.size_bytes, MAX_COPY_BYTES):
                last = min(start + MAX_COPY_BYTES, found.size_bytes) - 1
                number = len(listed) + 1
                with core_errors(found.key):
                    answer = self._client.upload_part_copy(
                        **address,
                        **origin,
                        UploadId=upload,
                        PartNumber=number,
                        CopySourceRange=f"bytes={start}-{last}",
                    )
                listed.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
            return self._complete(target, upload, listed)
        except BaseException:
            self.abort_multipart(target, upload)
            raise

    def _address(self, key: str) -> dict[str, str]:
        check_key(key)
        return {"Bucket": self._bucket, "Key": key}


def _version_of(answer: dict[str, Any]) -> str:
    """A bucket that keeps but one version under a key tells that by its etag."""
    version: str | None = answer.get("VersionId")
    return ETAG_VERSION + answer["ETag"].strip('"') if version in {None, "null"} else version or ""


def _asked(version: str | None) -> dict[str, str]:
    if version is None:
        return {}
    if version.startswith(ETAG_VERSION):
        return {"IfMatch": f'"{version.removeprefix(ETAG_VERSION)}"'}
    return {"VersionId": version}


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
