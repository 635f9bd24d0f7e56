"""What a URI or path names: an indexed artifact, a run's file, a local path, an S3 object."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import unquote
from urllib.request import url2pathname

ARTIFACTS: Final = "trialbook://artifacts/"
RUNS: Final = "trialbook://runs/"

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_RUN_FILE: Final = re.compile(r"trialbook://runs/([^/]+)/artifacts/(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class OfArtifact:
    """An indexed artifact, or the file at `path` of a directory."""

    artifact_id: str
    path: str | None


@dataclass(frozen=True, slots=True)
class OfStore:
    """Something that the store is asked for by its URI: a run's file."""

    uri: str


@dataclass(frozen=True, slots=True)
class OnDisk:
    path: Path


@dataclass(frozen=True, slots=True)
class OnS3:
    """An object, or a folder of them."""

    bucket: str
    key: str


Place: TypeAlias = OfArtifact | OfStore | OnDisk | OnS3


def place_of(uri: str | Path) -> Place:
    """Raises ValueError for a scheme that nothing here can load, and for half a URI.

    After `://` a URI is percent-decoded, as URIs are; a plain path is taken as it is.
    """
    if isinstance(uri, Path):
        return OnDisk(uri)
    if not uri:
        raise ValueError("empty; give a path or a URI")
    match = _SCHEME.match(uri)
    if match is None:
        return OnDisk(Path(uri))
    match match[1].lower():
        case "trialbook":
            return _of_service(uri)
        case "file":
            return OnDisk(_file_path(uri))
        case "s3":
            bucket, _, key = uri[match.end() :].partition("/")
            if not bucket or not key:
                raise ValueError(f"not s3://<bucket>/<key>: {uri:.200}")
            return OnS3(bucket, key)
        case scheme:
            raise ValueError(
                f"cannot load {scheme}:// URIs; trialbook://, file://, s3:// and paths are fine"
            )


def run_file(uri: str) -> tuple[str, str]:
    """Run id and path of `trialbook://runs/<run_id>/artifacts/<path>`. Raises ValueError."""
    match = _RUN_FILE.fullmatch(uri)
    if match is None:
        raise ValueError(f"not {RUNS}<run_id>/artifacts/<path>: {uri:.200}")
    return unquote(match[1]), unquote(match[2])


def _of_service(uri: str) -> Place:
    if uri.startswith(ARTIFACTS):
        artifact_id, _, path = uri.removeprefix(ARTIFACTS).partition("/")
        if artifact_id:
            return OfArtifact(unquote(artifact_id), unquote(path) or None)
    if uri.startswith(RUNS):
        run_file(uri)
        return OfStore(uri)
    raise ValueError(
        f"not {ARTIFACTS}<artifact_id> nor {RUNS}<run_id>/artifacts/<path>: {uri:.200}"
    )


def _file_path(uri: str) -> Path:
    host, slash, path = uri[len("file://") :].partition("/")
    if host.lower() not in {"", "localhost"} or not slash:
        raise ValueError(f"a file:// URI names a file of this machine, as file:///path: {uri:.200}")
    return Path(url2pathname(slash + path))
