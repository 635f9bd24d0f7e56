"""Objects of S3 as local files: for whoever installed `trialbook[s3]`."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Any, Protocol, cast

from trialbook.artifacts.manifests import safe_name
from trialbook.artifacts.staging import cache_dir
from trialbook.transfer.paths import Rooted


class S3Client(Protocol):
    """What is used of boto3's client."""

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]: ...  # noqa: N803 -- boto3's names
    def download_file(self, Bucket: str, Key: str, Filename: str) -> None: ...  # noqa: N803 -- boto3's names
    def get_paginator(self, operation: str) -> Any: ...


def s3_client() -> S3Client:
    """With the machine's own credentials. Raises ImportError when boto3 is not installed."""
    try:
        import boto3
    except ImportError:
        raise ImportError("s3:// URIs need boto3: pip install trialbook[s3]") from None
    return cast("S3Client", cast("Any", boto3).client("s3"))


def fetch_object(bucket: str, key: str) -> str:
    """A local copy, made once for each version of the object. It blocks.

    Raises FileNotFoundError, and boto3's errors.
    """
    client = s3_client()
    etag = _etag(client, bucket, key)
    version = hashlib.sha256(f"{bucket}/{key}@{etag}".encode()).hexdigest()
    place = cache_dir() / "s3" / version / safe_name(key)
    if not place.exists():
        _download(client, bucket, key, place)
    return str(place.absolute())


def fetch_folder(bucket: str, prefix: str) -> str:
    """Local copies of all objects below `prefix/`, those that are unchanged left alone. It blocks.

    Raises FileNotFoundError when there are none, and UnsafePath for a key that is no path.
    """
    client = s3_client()
    below = prefix.rstrip("/") + "/"
    folder = cache_dir() / "s3" / hashlib.sha256(f"{bucket}/{below}".encode()).hexdigest()
    rooted = Rooted(folder / "files")
    is_empty = True
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=below):
        for entry in page.get("Contents", []):
            path = str(entry["Key"]).removeprefix(below)
            if not path or path.endswith("/"):
                continue  # what a console makes for an empty folder
            is_empty = False
            mark = folder / "etags" / hashlib.sha256(path.encode()).hexdigest()
            place = rooted.place(path)
            if place.is_file() and mark.exists() and mark.read_text("utf-8") == entry["ETag"]:
                continue
            rooted.make_folder(path)
            _download(client, bucket, str(entry["Key"]), place)
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.write_text(str(entry["ETag"]), "utf-8")
    if is_empty:
        raise FileNotFoundError(f"nothing there: s3://{bucket}/{below}")
    return str((folder / "files").absolute())


def _download(client: S3Client, bucket: str, key: str, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f".{uuid.uuid4().hex}")
    try:
        client.download_file(bucket, key, str(draft))
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)


def _etag(client: S3Client, bucket: str, key: str) -> str:
    try:
        return str(client.head_object(Bucket=bucket, Key=key)["ETag"])
    except Exception as error:
        status = cast("Any", getattr(error, "response", {}))
        if status.get("Error", {}).get("Code") in {"404", "NoSuchKey", "NoSuchBucket"}:
            raise FileNotFoundError(f"nothing there: s3://{bucket}/{key}") from None
        raise
