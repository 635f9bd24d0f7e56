"""Directory artifacts: a manifest whose bytes are the artifact's, and the files that it names.

A directory has more files than a transaction has writes, so it owns them a batch at a time. What
stops in between leaks nothing: before the first batch the directory is on a queue, with its
manifest, and only the transaction that adds the artifact takes it off. A deleted directory is put
on the same queue. `release_due` works it off, letting go of every file and at last of the manifest.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from chalicelib.core.context import Clock, Context, retry_races
from chalicelib.core.errors import (
    ConditionFailed,
    Contended,
    FieldError,
    Invalid,
    NotFound,
    TrialbookError,
    Unavailable,
)
from chalicelib.core.ids import ArtifactId, made_ms
from chalicelib.core.model.artifact import MANIFEST_MIME, Artifact, ManifestFile
from chalicelib.core.model.stored_bytes import Owner, StoredBytes
from chalicelib.domain import collection, stored_bytes
from chalicelib.domain.artifact_paths import clean_artifact_path
from chalicelib.domain.artifacts import (
    ArtifactStores,
    Description,
    check_size,
    described,
    signed,
)
from chalicelib.domain.media_types import guess_mime
from chalicelib.storage.blobs import BlobMissing, SignedRequest
from chalicelib.storage.manifests import DueDirectory, manifest_bytes, parse_manifest
from chalicelib.storage.table import Write

log = logging.getLogger("trialbook")
MAX_FILES: Final = 20_000
GUARD_MS: Final = 25 * 3600 * 1000
"""Longer than an idempotency key keeps an id; what is not indexed by then never will be."""
LET_GO_AT_ONCE: Final = 45
"""Files; two writes each."""


class LocatedFile(NamedTuple):
    """A file of a directory and where its bytes are."""

    file: ManifestFile
    signed: SignedRequest


@dataclass(slots=True)
class Released:
    """What a run of `release_due` did, or with `dry_run` would do: directories looked at, released
    and their files let go."""

    examined: int = 0
    released: int = 0
    files: int = 0


def index(
    stores: ArtifactStores, context: Context, files: Sequence[ManifestFile], wanted: Description
) -> Artifact:
    """Index a directory whose files the tenant has. For each 100 distinct files one read and three
    transactions, and besides one read, one write, one blob and two transactions; a read before when
    repeated.

    Raises Conflict with up to 100 digests in `missing` when the tenant lacks some, Invalid about
    paths and sizes; both before anything is written.
    """
    check_size(wanted.tags, wanted.labels, wanted.metrics)
    check_paths([one.path for one in files])
    artifact_id, now_ms = ArtifactId(context.new_id()), context.now_ms()
    if context.is_repeat and (made := stores.artifacts.get(context.tenant, artifact_id)):
        return made
    digests = list(dict.fromkeys(one.sha256 for one in files))
    found = stored_bytes.look_up(stores.bytes, context, digests)
    stored_bytes.check_all_there(digests, found)
    _check_sizes(files, found)

    due_ms = made_ms(artifact_id) + GUARD_MS  # a repeat has the same guard
    manifest = stored_bytes.keep(
        stores.bytes,
        context,
        manifest_bytes(files),
        MANIFEST_MIME,
        Owner("artifact", artifact_id),
        lambda kept: [stores.directories.guard(context.tenant, artifact_id, kept.blob_key, due_ms)],
    )
    owner = owner_of(artifact_id)
    _check_sizes(files, stored_bytes.refer_many(stores.bytes, context, digests, owner, found))
    artifact = replace(
        described(context, artifact_id, now_ms, wanted, manifest),
        size_bytes=sum(one.size_bytes for one in files),
        mime=MANIFEST_MIME,
        file_count=len(files),
    )
    finished = [
        *stores.artifacts.added(context.tenant, artifact),
        stores.directories.indexed(context.tenant, artifact_id, due_ms),
    ]

    def finish() -> Artifact:
        try:
            stores.artifacts.table.transact(finished)
        except ConditionFailed as error:
            raise Unavailable("indexing the directory took too long; send it again") from error
        return artifact

    return retry_races(context, finish)


def locate(
    stores: ArtifactStores, context: Context, artifact: Artifact, paths: Sequence[str]
) -> list[LocatedFile]:
    """Files of an artifact by their paths, in that order. One blob, and one read per 100 distinct
    ones. Raises NotFound for the first that is not there; a file has none."""
    if artifact.file_count is None:
        raise _no_such_file(artifact, paths[0])
    manifest = parse_manifest(stores.bytes.blobs.get(artifact.blob_key))
    by_path = {one.path: one for one in manifest}
    for path in paths:
        if path not in by_path:
            raise _no_such_file(artifact, path)
    digests = list(dict.fromkeys(by_path[path].sha256 for path in paths))
    owner = owner_of(artifact.artifact_id)
    owned = stores.bytes.records.owned_by(context.tenant, owner, digests)
    located: list[LocatedFile] = []
    for path in paths:
        file = by_path[path]
        if file.sha256 not in owned:  # the directory was deleted since it was read
            raise _no_such_file(artifact, path)
        blob_key = owned[file.sha256].blob_key
        located.append(LocatedFile(file, signed(stores, blob_key, path, guess_mime(path))))
    return located


def release_due(
    stores: ArtifactStores, clock: Clock, *, deadline_s: float, dry_run: bool = False
) -> Released:
    """Let go of the files of directories that were deleted or never finished, until `deadline_s` on
    the clock. For each 45 distinct files one read and one transaction, and for each directory a
    blob and one or two writes. Stopped anywhere, it can be done again; several may run at once. A
    directory that fails does not keep the others from their turn; its error is raised after
    them."""
    done = Released()
    failed: TrialbookError | None = None
    for one in stores.directories.due_before(clock.now_ms()):
        if clock.monotonic_s() > deadline_s:
            break
        done.examined += 1
        try:
            if not dry_run:
                stores.directories.claim(one)
            _release(stores, clock, one, done, deadline_s=deadline_s, dry_run=dry_run)
        except (ConditionFailed, Contended):
            continue  # it was indexed since, or somebody is at it at this moment
        except TrialbookError as error:
            failed = error
    if failed is not None:
        raise failed
    return done


def owner_of(artifact_id: ArtifactId) -> Owner:
    """Who needs the bytes of a directory's files."""
    return Owner("directory", artifact_id)


def check_paths(paths: Sequence[str]) -> None:
    """Raises Invalid naming every bad one: unclean, given twice, or a folder of another."""
    problems: dict[int, str] = {}
    places: dict[str, int] = {}
    for place, path in enumerate(paths):
        try:
            clean_artifact_path(path)
        except Invalid as error:
            problems[place] = error.fields[0].message.removeprefix("path: ")
        if path in places:
            problems[place] = "is given twice"
        places.setdefault(path, place)
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder:
            if folder in places:
                problems[places[folder]] = "is a file here and a folder of another file"
            folder = folder.rpartition("/")[0]
    _refuse(problems, "path")


def _check_sizes(files: Sequence[ManifestFile], found: Mapping[str, StoredBytes]) -> None:
    problems = {
        place: f"the bytes with this digest are {found[one.sha256].size_bytes}"
        for place, one in enumerate(files)
        if found[one.sha256].size_bytes != one.size_bytes
    }
    _refuse(problems, "size_bytes")


def _refuse(problems: Mapping[int, str], name: str) -> None:
    fields = [
        FieldError(f"manifest.{place}.{name}", message)
        for place, message in sorted(problems.items())
    ]
    if fields:
        more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
        raise Invalid(f"{fields[0].path}: {fields[0].message}{more}", fields)


def _release(
    stores: ArtifactStores,
    clock: Clock,
    one: DueDirectory,
    done: Released,
    *,
    deadline_s: float,
    dry_run: bool,
) -> None:
    """Let go of the files, and when the time sufficed for all of them, of the manifest."""
    records, owner = stores.bytes.records, owner_of(one.artifact_id)
    manifest: Sequence[ManifestFile] = ()
    try:
        manifest = parse_manifest(stores.bytes.blobs.get(one.manifest_key))
    except BlobMissing:
        # Nothing of ours deletes it before its owner lets go; the queue must not wait for it.
        log.exception("the manifest of directory %s is gone: its files stay", one.artifact_id)
    digests = list(dict.fromkeys(file.sha256 for file in manifest))
    for start in range(0, len(digests), LET_GO_AT_ONCE):
        if clock.monotonic_s() > deadline_s:
            return
        owned = records.owned_by(one.tenant, owner, digests[start : start + LET_GO_AT_ONCE])
        writes: list[Write] = []
        for each in owned.values():
            writes += collection.let_go(records, each.blob_key, owner, clock.now_ms())
        if writes and not dry_run:
            records.table.transact(writes)
        done.files += len(owned)
    if not dry_run:
        manifest_owner = Owner("artifact", one.artifact_id)
        let_go = collection.let_go(records, one.manifest_key, manifest_owner, clock.now_ms())
        records.table.transact([*let_go, stores.directories.done(one)])
    done.released += 1


def _no_such_file(artifact: Artifact, path: str) -> NotFound:
    return NotFound(
        "the artifact has no such file", artifact_id=artifact.artifact_id, path=path[:850]
    )
