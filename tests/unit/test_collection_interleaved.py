"""Bytes that are saved, referred to or verified while they are collected: in every order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from chalicelib.core.errors import Conflict
from chalicelib.core.ids import UploadId
from chalicelib.core.model.stored_bytes import Owner, StoredBytes
from chalicelib.domain import artifact_uploads, stored_bytes, verification
from chalicelib.domain import uploads as domain_uploads
from chalicelib.domain.collection import collect, let_go
from chalicelib.domain.stored_bytes import GRACE_MS
from chalicelib.domain.uploads import LOOK_AFTER_MS, NewUpload, UploadStores
from chalicelib.storage import artifact_keys
from chalicelib.storage.artifact_keys import COLLECTION_DUE
from chalicelib.storage.blobs import Part
from chalicelib.storage.table import Key, Query
from local.disk_blobs import DiskBlobs
from tests.unit.interleaving import Act, Ended, explore
from tests.unit.stores import HandClock, Stopped, Stores, WatchedTable

BODY = b"the same bytes, saved by everybody"
SHA256 = hashlib.sha256(BODY).hexdigest()
OLD, NEW = Owner("artifact", "old"), Owner("artifact", "new")

# -- actors: each answers what it now relies on -----------------------------------------------


def collects(stores: Stores) -> object:
    return collect(stores.bytes, stores.clock, deadline_s=float("inf"))


def saves(stores: Stores) -> object:
    stored_bytes.keep(stores.bytes, stores.context, BODY, "text/plain", NEW, lambda _: [])
    return NEW


def promises(stores: Stores) -> object:
    return stored_bytes.promise(stores.bytes, stores.context, SHA256)


def refers_when_promised(stores: Stores) -> object:
    if not stored_bytes.promise(stores.bytes, stores.context, SHA256):
        return None
    stored_bytes.refer(stores.bytes, stores.context, SHA256, NEW, lambda _: [])
    return NEW


def refers(stores: Stores) -> object:
    """Without having asked; the bytes may be missing."""
    try:
        stored_bytes.refer(stores.bytes, stores.context, SHA256, NEW, lambda _: [])
    except Conflict:
        return None
    return NEW


def uploads_and_refers(stores: Stores) -> object:
    """As a client does: ask, PUT when asked to, complete, index."""
    uploading = UploadStores(stores.files.uploads, stores.bytes)
    opened = artifact_uploads.begin(uploading, stores.context, NewUpload(len(BODY), SHA256))
    if opened is not None:
        stores.blobs.put(opened.upload.blob_key, BODY, mime="text/plain")
        artifact_uploads.complete(uploading, stores.context, opened.upload.upload_id, ())
    stored_bytes.refer(stores.bytes, stores.context, SHA256, NEW, lambda _: [])
    return NEW


def lets_go(stores: Stores) -> object:
    """The old owner is deleted."""
    _let_go(stores, OLD)
    return None


def comes_and_goes(stores: Stores) -> object:
    """An owner comes and goes, and then comes again."""
    refers(stores)
    _let_go(stores, NEW)
    return refers(stores)


def verifies(stores: Stores) -> object:
    """The first of the multipart uploads, whose id the claim left behind."""
    upload_id = stores.table.get(FIRST)
    assert upload_id is not None
    of = stores.projections.verification
    verification.verify(of, stores.tenant, UploadId(str(upload_id["id"])))
    return None


# -- where they start -------------------------------------------------------------------------


def nobody_needs_them(stores: Stores) -> None:
    """They were uploaded and never indexed."""
    arrived = _placed(stores, "a" * 32)
    known = stores.bytes.records.get(stores.tenant, SHA256)
    stored_bytes.settle(stores.bytes, stores.context, known, arrived, None, lambda _: [])
    _pass(stores, GRACE_MS)


def let_go_of(stores: Stores) -> None:
    """Their last owner was deleted a day ago."""
    stored_bytes.keep(stores.bytes, stores.context, BODY, "text/plain", OLD, lambda _: [])
    _pass(stores, 1)
    _let_go(stores, OLD)
    _pass(stores, GRACE_MS)


def owned_and_looked_at(stores: Stores) -> None:
    """They have an owner, and are on the queue from when they came."""
    stored_bytes.keep(stores.bytes, stores.context, BODY, "text/plain", OLD, lambda _: [])
    _pass(stores, GRACE_MS)


def collector_died(request: int) -> Callable[[Stores], None]:
    """A run of the collector stopped before its `request`-th request to the table (from 0), having
    doomed them."""

    def prepare(stores: Stores) -> None:
        nobody_needs_them(stores)
        left = request

        def stop(_: str) -> None:
            nonlocal left
            if left == 0:
                raise Stopped
            left -= 1

        with pytest.raises(Stopped):
            collects(stores.on(WatchedTable(stores.table, stop)))

    return prepare


FIRST = Key("first", "upload")


def claimed(body: bytes, count: int) -> Callable[[Stores], None]:
    """Multipart uploads that claim the digest were completed a day ago, one after another, and
    nobody verified or indexed any."""

    def prepare(stores: Stores) -> None:
        blobs = stores.blobs
        assert isinstance(blobs, DiskBlobs)
        uploading = UploadStores(stores.files.uploads, stores.bytes)
        wanted = NewUpload(len(body), SHA256)
        begun = [artifact_uploads.begin(uploading, stores.context, wanted) for _ in range(count)]
        for opened in begun:
            assert opened is not None
            upload = opened.upload
            assert upload.store_upload is not None
            with blobs.writer() as writer:
                writer.write([body])
                etag = blobs.store_part(
                    upload.blob_key, upload.store_upload, 1, writer, is_digest_bound=False
                )
            part = Part(1, etag)
            artifact_uploads.complete(uploading, stores.context, upload.upload_id, [part])
            _pass(stores, 1)
        first = begun[0]
        assert first is not None
        stores.table.put({"pk": FIRST.pk, "sk": FIRST.sk, "id": first.upload.upload_id})
        _pass(stores, GRACE_MS)

    return prepare


@pytest.fixture
def multipart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads have several parts from the first byte on."""
    monkeypatch.setattr(domain_uploads, "MAX_SINGLE_PUT_BYTES", 1)


def _placed(stores: Stores, object_id: str) -> StoredBytes:
    blob_key = artifact_keys.blob(stores.tenant, SHA256, object_id)
    stores.table.put(stores.bytes.records.due(blob_key, stores.clock.now_ms() + GRACE_MS).item)
    stores.blobs.put(blob_key, BODY, mime="text/plain")
    return StoredBytes(SHA256, len(BODY), blob_key, True, stores.clock.now_ms())


def _let_go(stores: Stores, owner: Owner) -> None:
    records = stores.bytes.records
    for owned in records.owners(stores.tenant, SHA256):
        if owned.owner == owner:
            records.table.transact(let_go(records, owned.blob_key, owner, stores.clock.now_ms()))


def _pass(stores: Stores, ms: int) -> None:
    assert isinstance(stores.clock, HandClock)
    stores.clock.advance(ms)


# -- what has to hold afterwards --------------------------------------------------------------


def nothing_is_lost_and_nothing_stays(ended: Ended) -> None:
    """Whoever relies on the bytes can read them, also after the queue was worked off a day later;
    and when nobody needs them any more, nothing of them is left."""
    stores = ended.stores
    for name, answer in ended.answers.items():
        assert not isinstance(answer, BaseException), f"{name}: {answer!r}"
    expected = {answer for answer in ended.answers.values() if isinstance(answer, Owner)}
    assert expected <= _readers(stores)
    if ended.answers.get("promised") is True:
        _pass(stores, GRACE_MS // 2)
        collects(stores)
        assert refers(stores) == NEW
        expected.add(NEW)
    nothing_stays(stores)


def whoever_comes_next_reads_them(ended: Ended) -> None:
    """Who is allowed to refer to the bytes when all is done can read them."""
    if refers(ended.stores) == NEW:
        assert NEW in _readers(ended.stores)
    nothing_is_lost_and_nothing_stays(ended)


def nothing_stays(stores: Stores) -> None:
    """Owners keep what they have while the queue is worked off, and it is gone after them."""
    owned = _owned_objects(stores)
    _work_off(stores)
    assert _owned_objects(stores) == owned
    assert stored_objects(stores) == owned
    assert _queue(stores) == []

    for reader in list(stores.bytes.records.owners(stores.tenant, SHA256)):
        _let_go(stores, reader.owner)
    _work_off(stores)
    assert stored_objects(stores) == set()
    assert stores.bytes.records.get(stores.tenant, SHA256) is None
    assert _queue(stores) == []


def _work_off(stores: Stores) -> None:
    for wait_ms in (GRACE_MS, LOOK_AFTER_MS, GRACE_MS):
        _pass(stores, wait_ms)
        collects(stores)


def _readers(stores: Stores) -> set[Owner]:
    """The owners, each of which reads the right bytes."""
    found: set[Owner] = set()
    for owned in stores.bytes.records.owners(stores.tenant, SHA256):
        assert stores.blobs.get(owned.blob_key) == BODY
        found.add(owned.owner)
    return found


def _owned_objects(stores: Stores) -> set[str]:
    return {owned.blob_key for owned in stores.bytes.records.owners(stores.tenant, SHA256)}


def stored_objects(stores: Stores) -> set[str]:
    return {blob.key for blob in stores.blobs.list("cas/").blobs}


def _queue(stores: Stores) -> list[str]:
    return [str(item["sk"]) for item in stores.table.query(Query(COLLECTION_DUE)).items]


# -- the stories ------------------------------------------------------------------------------

STARTS: Mapping[str, Callable[[Stores], None]] = {
    "let go of": let_go_of,
    "owned": owned_and_looked_at,
    **{f"collector died at {n}": collector_died(n) for n in (4, 5, 6)},
}
ACTORS: Mapping[str, Act] = {
    "saved": saves,
    "promised": promises,
    "referred": refers_when_promised,
    "referred unasked": refers,
    "uploaded": uploads_and_refers,
}


@pytest.mark.slow
@pytest.mark.parametrize("actor", ACTORS)
def test_bytes_that_are_saved_again_survive_their_collection(tmp_path: Path, actor: str) -> None:
    actors = {"collector": collects, actor: ACTORS[actor]}
    explored = explore(tmp_path, nobody_needs_them, actors, nothing_is_lost_and_nothing_stays)
    assert explored.ends > 1


@pytest.mark.slow
@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("start", STARTS)
def test_they_survive_wherever_they_were_on_their_way(
    tmp_path: Path, start: str, actor: str
) -> None:
    actors = {"collector": collects, actor: ACTORS[actor]}
    explore(tmp_path, STARTS[start], actors, nothing_is_lost_and_nothing_stays)


@pytest.mark.slow
@pytest.mark.parametrize("comes", [saves, refers, uploads_and_refers])
def test_an_owner_goes_while_another_comes(tmp_path: Path, comes: Act) -> None:
    actors = {"collector": collects, "deleted": lets_go, "came": comes}
    explore(tmp_path, owned_and_looked_at, actors, nothing_is_lost_and_nothing_stays)


@pytest.mark.slow
def test_two_collectors_do_not_mislead_each_other(tmp_path: Path) -> None:
    """One sees an owner that the other does not see any more."""
    actors = {"collector": collects, "another": collects, "came and went and came": comes_and_goes}
    explore(tmp_path, nobody_needs_them, actors, nothing_is_lost_and_nothing_stays)


@pytest.mark.slow
@pytest.mark.parametrize("uploads", [1, 2])
def test_a_digest_that_turns_out_to_be_true_names_bytes_that_are_there(
    tmp_path: Path, multipart: None, uploads: int
) -> None:
    actors = {"collector": collects, "verified": verifies}
    explore(tmp_path, claimed(BODY, uploads), actors, whoever_comes_next_reads_them)


@pytest.mark.slow
@pytest.mark.parametrize("comes", [saves, refers])
def test_bytes_survive_while_they_are_verified_too(
    tmp_path: Path, multipart: None, comes: Act
) -> None:
    actors = {"collector": collects, "verified": verifies, "came": comes}
    explore(tmp_path, claimed(BODY, 1), actors, nothing_is_lost_and_nothing_stays)


@pytest.mark.slow
@pytest.mark.parametrize("comes", [saves, refers])
def test_a_false_digest_is_never_believed(tmp_path: Path, multipart: None, comes: Act) -> None:
    def check(ended: Ended) -> None:
        stores = ended.stores
        known = stores.bytes.records.get(stores.tenant, SHA256)
        if known is not None and known.verified:
            assert stores.blobs.get(known.blob_key) == BODY
        for owned in stores.bytes.records.owners(stores.tenant, SHA256):
            assert stores.blobs.head(owned.blob_key) is not None
        nothing_stays(stores)

    actors = {"collector": collects, "verified": verifies, "came": comes}
    explore(tmp_path, claimed(b"other bytes than it says", 1), actors, check)
