"""Files of runs: saved, uploaded in parts, completed once, listed and handed out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.context import Context, Principal, Role
from chalicelib.core.errors import Conflict, Contended, Forbidden, Invalid, NotFound
from chalicelib.core.ids import RunId, TenantId, UploadId, UserId
from chalicelib.core.model.artifact import Folder, RunArtifact
from chalicelib.core.model.run import Point
from chalicelib.domain import run_files, run_uploads, runs, uploads
from chalicelib.domain.uploads import MIB, NewUpload, OpenUpload
from chalicelib.storage.blobs import MAX_OBJECT_BYTES, MAX_PARTS, MAX_SINGLE_PUT_BYTES, Part
from local.disk_blobs import DiskBlobs
from tests.unit.histories import new_story
from tests.unit.stores import HandClock, Stopped, Stores, WatchedTable, stopping

BODY = b"some bytes of a model"
DIGEST = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def run_id(stores: Stores) -> RunId:
    return new_story(stores).run_id


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any upload has parts."""
    monkeypatch.setattr(uploads, "MAX_SINGLE_PUT_BYTES", 1)


def begin(stores: Stores, run_id: RunId, path: str = "a.bin", body: bytes = BODY) -> OpenUpload:
    wanted = NewUpload(len(body), hashlib.sha256(body).hexdigest(), filename=path)
    return run_uploads.begin(stores.files, stores.context, run_id, path, wanted)


def send(stores: Stores, opened: OpenUpload, body: bytes = BODY) -> list[Part]:
    """What a client does with the URLs: put the bytes."""
    upload, blobs = opened.upload, stores.blobs
    if upload.store_upload is None:
        blobs.put(upload.blob_key, body, mime=upload.mime)
        return []
    assert isinstance(blobs, DiskBlobs)
    parts: list[Part] = []
    for number in range(1, upload.part_count + 1):
        some = body[(number - 1) * upload.part_size : number * upload.part_size]
        with blobs.writer() as writer:
            writer.write([some])
            etag = blobs.store_part(
                upload.blob_key, upload.store_upload, number, writer, is_digest_bound=False
            )
        parts.append(Part(number, etag))
    return parts


def complete(stores: Stores, run_id: RunId, opened: OpenUpload, parts: list[Part]) -> RunArtifact:
    return run_uploads.complete(
        stores.files, stores.context, run_id, opened.upload.upload_id, parts
    )


def stored(stores: Stores, run_id: RunId, path: str) -> RunArtifact | None:
    return stores.files.files.get(stores.tenant, run_id, path)


def bytes_of(stores: Stores, artifact: RunArtifact) -> bytes:
    return stores.blobs.get(artifact.blob_key)


# -- small files ----------------------------------------------------------------------------------


def test_a_small_file_is_saved_and_verified(stores: Stores, run_id: RunId) -> None:
    saved = run_files.save(stores.files, stores.context, run_id, "plots/a.png", BODY, None)
    assert stored(stores, run_id, "plots/a.png") == saved
    assert (saved.sha256, saved.size_bytes, saved.verified) == (DIGEST, len(BODY), True)
    assert saved.mime == "image/png"
    assert bytes_of(stores, saved) == BODY


def test_a_later_file_takes_the_path(stores: Stores, run_id: RunId) -> None:
    for body in (b"one", b"two", b"one"):
        saved = run_files.save(stores.files, stores.context, run_id, "a.txt", body, None)
        assert stored(stores, run_id, "a.txt") == saved
        assert bytes_of(stores, saved) == body


def test_saving_stopped_before_its_write_leaves_no_file(stores: Stores, run_id: RunId) -> None:
    dying = stores.on(stopping(stores.table, 0))
    with pytest.raises(Stopped):
        run_files.save(dying.files, dying.context, run_id, "a/b.txt", BODY, None)
    page = run_files.level(stores.files, stores.context, run_id, "", 10, None)
    assert page.entries == []


@pytest.mark.parametrize("how", ["save", "begin", "complete"])
def test_a_deleted_run_takes_no_file(stores: Stores, run_id: RunId, how: str) -> None:
    opened = begin(stores, run_id)
    parts = send(stores, opened)
    runs.set_stage(stores.runs, stores.context, run_id, "deleted")
    attempts: dict[str, Callable[[], object]] = {
        "save": lambda: run_files.save(stores.files, stores.context, run_id, "a.txt", BODY, None),
        "begin": lambda: begin(stores, run_id),
        "complete": lambda: complete(stores, run_id, opened, parts),
    }
    with pytest.raises(Conflict):
        attempts[how]()


# -- uploads --------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [False, True])
def test_an_upload_is_completed_however_often(
    stores: Stores, run_id: RunId, monkeypatch: pytest.MonkeyPatch, parts: bool
) -> None:
    if parts:
        monkeypatch.setattr(uploads, "MAX_SINGLE_PUT_BYTES", 1)
    opened = begin(stores, run_id, "deep/er/a.bin")
    sent = send(stores, opened)
    first = complete(stores, run_id, opened, sent)
    assert complete(stores, run_id, opened, sent) == first
    assert stored(stores, run_id, "deep/er/a.bin") == first
    assert first.verified == (not parts)
    assert bytes_of(stores, first) == BODY


def test_parts_are_put_together(
    stores: Stores, run_id: RunId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_SINGLE_PUT_BYTES", 5 * MIB)
    body = bytes(range(256)) * (11 * MIB // 256) + b"the end"
    opened = begin(stores, run_id, body=body)
    assert (opened.upload.part_size, opened.upload.part_count) == (5 * MIB, 3)
    assert [part.part_number for part in opened.parts] == [1, 2, 3]
    artifact = complete(stores, run_id, opened, send(stores, opened, body))
    assert bytes_of(stores, artifact) == body


def test_an_empty_file_is_uploaded(stores: Stores, run_id: RunId) -> None:
    opened = begin(stores, run_id, body=b"")
    artifact = complete(stores, run_id, opened, send(stores, opened, b""))
    assert (artifact.size_bytes, bytes_of(stores, artifact)) == (0, b"")


def test_bytes_that_have_not_arrived_are_not_completed(stores: Stores, run_id: RunId) -> None:
    opened = begin(stores, run_id)
    with pytest.raises(Conflict):
        complete(stores, run_id, opened, [])
    assert stored(stores, run_id, "a.bin") is None


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("parts", [[], [2], [1, 2], [1, 1]])
def test_wrong_parts_are_refused(stores: Stores, run_id: RunId, parts: list[int]) -> None:
    opened = begin(stores, run_id)
    (sent,) = send(stores, opened)
    with pytest.raises(Invalid):
        complete(stores, run_id, opened, [Part(number, sent.etag) for number in parts])
    with pytest.raises(Invalid):
        complete(stores, run_id, opened, [Part(1, "another etag")])
    assert complete(stores, run_id, opened, [sent]).path == "a.bin"


@pytest.mark.usefixtures("in_parts")
def test_completing_may_stop_after_the_parts_were_put_together(
    stores: Stores, run_id: RunId
) -> None:
    opened = begin(stores, run_id)
    parts = send(stores, opened)
    dying = stores.on(stopping(stores.table, 0))
    with pytest.raises(Stopped):
        complete(dying, run_id, opened, parts)
    assert stored(stores, run_id, "a.bin") is None
    artifact = complete(stores, run_id, opened, parts)
    assert bytes_of(stores, artifact) == BODY


@pytest.mark.usefixtures("in_parts")
def test_two_that_complete_at_once_get_the_same_file(stores: Stores, run_id: RunId) -> None:
    opened = begin(stores, run_id)
    parts = send(stores, opened)
    other: list[RunArtifact] = []

    def before(operation: str) -> None:
        if operation == "transact":
            other.append(complete(stores, run_id, opened, parts))

    seen = stores.on(WatchedTable(stores.table, before))
    assert complete(seen, run_id, opened, parts) == other[0]


def test_contention_is_tried_again(stores: Stores, run_id: RunId) -> None:
    opened = begin(stores, run_id)
    parts = send(stores, opened)
    left = 3

    def before(operation: str) -> None:
        nonlocal left
        if operation == "transact" and left:
            left -= 1
            raise Contended

    seen = stores.on(WatchedTable(stores.table, before))
    assert complete(seen, run_id, opened, parts) == stored(stores, run_id, "a.bin")


def test_completing_again_does_not_take_the_path_back(stores: Stores, run_id: RunId) -> None:
    opened = begin(stores, run_id)
    complete(stores, run_id, opened, send(stores, opened))
    later = run_files.save(stores.files, stores.context, run_id, "a.bin", b"later", None)
    assert complete(stores, run_id, opened, []).artifact_id == opened.upload.upload_id
    assert stored(stores, run_id, "a.bin") == later


@pytest.mark.parametrize("parts", [False, True])
def test_an_aborted_upload_is_over(
    stores: Stores, run_id: RunId, monkeypatch: pytest.MonkeyPatch, parts: bool
) -> None:
    if parts:
        monkeypatch.setattr(uploads, "MAX_SINGLE_PUT_BYTES", 1)
    opened = begin(stores, run_id)
    sent = send(stores, opened)
    upload_id = opened.upload.upload_id
    for _ in range(2):
        run_uploads.abort(stores.files, stores.context, run_id, upload_id)
    with pytest.raises(Conflict):
        complete(stores, run_id, opened, sent)
    with pytest.raises(Conflict):
        run_uploads.sign_parts(stores.files, stores.context, run_id, upload_id, [1], {})
    assert uploads.resign(stores.files.upload_stores, stores.context, upload_id, [1]) is None


def test_a_completed_upload_is_not_aborted(stores: Stores, run_id: RunId) -> None:
    opened = begin(stores, run_id)
    complete(stores, run_id, opened, send(stores, opened))
    with pytest.raises(Conflict):
        run_uploads.abort(stores.files, stores.context, run_id, opened.upload.upload_id)
    assert stored(stores, run_id, "a.bin") is not None


def test_of_completing_and_aborting_at_once_one_wins(stores: Stores, run_id: RunId) -> None:
    opened = begin(stores, run_id)
    parts = send(stores, opened)

    def before(operation: str) -> None:
        if operation == "put":
            complete(stores, run_id, opened, parts)

    seen = stores.on(WatchedTable(stores.table, before))
    with pytest.raises(Conflict):
        run_uploads.abort(seen.files, seen.context, run_id, opened.upload.upload_id)
    assert stored(stores, run_id, "a.bin") is not None


def test_an_upload_is_forgotten_after_a_week(stores: Stores, run_id: RunId) -> None:
    assert isinstance(stores.clock, HandClock)
    opened = begin(stores, run_id)
    stores.clock.advance(uploads.KEEP_UPLOAD_MS)
    with pytest.raises(NotFound):
        complete(stores, run_id, opened, [])


def test_an_upload_belongs_to_its_run_and_tenant(stores: Stores, run_id: RunId) -> None:
    opened = begin(stores, run_id)
    with pytest.raises(NotFound):
        complete(stores, new_story(stores).run_id, opened, [])
    principal = Principal(TenantId("other"), UserId("eve"), Role.ADMIN)
    stranger = Context(principal, stores.clock, stores.context.deadline_s)
    upload_id = opened.upload.upload_id
    with pytest.raises(Forbidden):
        run_uploads.complete(stores.files, stranger, run_id, upload_id, [])
    with pytest.raises(Forbidden):
        run_files.content(stores.files, stranger, run_id, "a.bin")
    assert uploads.resign(stores.files.upload_stores, stranger, upload_id, [1]) is None


@given(st.integers(MAX_SINGLE_PUT_BYTES, MAX_OBJECT_BYTES))
@settings(deadline=None)
def test_parts_of_any_size_add_up(size_bytes: int) -> None:
    part_size = uploads._part_size(size_bytes)  # pyright: ignore[reportPrivateUsage] # the rule itself
    count = -(-size_bytes // part_size)
    assert part_size >= MAX_SINGLE_PUT_BYTES
    assert part_size % MIB == 0
    assert count <= MAX_PARTS
    assert 0 < size_bytes - part_size * (count - 1) <= part_size


def test_only_the_first_hundred_parts_are_signed_at_once(stores: Stores, run_id: RunId) -> None:
    wanted = NewUpload(200 * MAX_SINGLE_PUT_BYTES + 1, DIGEST)
    opened = run_uploads.begin(stores.files, stores.context, run_id, "a.bin", wanted)
    assert opened.upload.part_count == 201
    assert [part.part_number for part in opened.parts] == list(range(1, 101))
    more = run_uploads.sign_parts(
        stores.files, stores.context, run_id, opened.upload.upload_id, [1, 201], {}
    )
    assert [part.part_number for part in more.parts] == [1, 201]
    with pytest.raises(Invalid):
        run_uploads.sign_parts(
            stores.files, stores.context, run_id, opened.upload.upload_id, [202], {}
        )
    assert uploads.part_length(opened.upload, 201) == 1


def test_digests_of_parts_are_bound_when_they_are_known(stores: Stores, run_id: RunId) -> None:
    size = MAX_SINGLE_PUT_BYTES + 1
    wanted = NewUpload(size, DIGEST, part_sha256=["a" * 64, "b" * 64])
    opened = run_uploads.begin(stores.files, stores.context, run_id, "a.bin", wanted)
    assert opened.upload.checksums
    upload_id = opened.upload.upload_id
    with pytest.raises(Invalid):
        run_uploads.sign_parts(stores.files, stores.context, run_id, upload_id, [1], {})
    run_uploads.sign_parts(stores.files, stores.context, run_id, upload_id, [1], {1: "a" * 64})
    wrong = NewUpload(size, DIGEST, part_sha256=["a" * 64])
    with pytest.raises(Invalid):
        run_uploads.begin(stores.files, stores.context, run_id, "a.bin", wrong)


def test_too_large_a_file_is_refused(stores: Stores, run_id: RunId) -> None:
    wanted = NewUpload(MAX_OBJECT_BYTES + 1, DIGEST)
    with pytest.raises(Invalid):
        run_uploads.begin(stores.files, stores.context, run_id, "a.bin", wanted)


def test_unknown_uploads_and_files_are_not_found(stores: Stores, run_id: RunId) -> None:
    with pytest.raises(NotFound):
        run_uploads.abort(stores.files, stores.context, run_id, UploadId("f" * 32))
    with pytest.raises(NotFound):
        run_files.content(stores.files, stores.context, run_id, "a.bin")


# -- the tree -------------------------------------------------------------------------------------

SEGMENTS = st.sampled_from(["a", "b", "é", "a b", "#", "x%2Fy", "~"])
PATHS = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sets(PATHS, max_size=8), st.integers(1, 5))
def test_walking_the_tree_finds_every_file_once(
    stores: Stores, paths: set[str], limit: int
) -> None:
    run_id = new_story(stores).run_id
    for path in paths:
        run_files.save(stores.files, stores.context, run_id, path, BODY, None)
    found: list[str] = []
    folders = [""]
    while folders:
        folder = folders.pop()
        entries = level(stores, run_id, folder, limit)
        kinds = [isinstance(entry, Folder) for entry in entries]
        assert kinds == sorted(kinds, reverse=True)
        for entry in entries:
            assert entry.path.rpartition("/")[0] == folder
            (folders if isinstance(entry, Folder) else found).append(entry.path)
    assert sorted(found) == sorted(paths)


def level(stores: Stores, run_id: RunId, folder: str, limit: int) -> list[Folder | RunArtifact]:
    entries: list[Folder | RunArtifact] = []
    after: tuple[str, ...] | None = None
    while True:
        page = run_files.level(stores.files, stores.context, run_id, folder, limit, after)
        assert len(page.entries) <= limit
        entries += page.entries
        after = page.next
        if after is None:
            return entries


def test_files_are_apart_from_everything_else_of_the_run(stores: Stores, run_id: RunId) -> None:
    stores.log(run_id, Point("loss", 1.0, 0, 0), params={"long": "x" * 20_000})
    run_files.save(stores.files, stores.context, run_id, "run", BODY, None)
    assert [entry.path for entry in level(stores, run_id, "", 10)] == ["run"]
    assert stores.runs.get(stores.tenant, run_id).params["long"] == "x" * 20_000


def test_the_content_of_a_file_is_a_url_that_dies(stores: Stores, run_id: RunId) -> None:
    run_files.save(stores.files, stores.context, run_id, "page.html", b"<script>", None)
    signed, expires_at_ms = run_files.content(stores.files, stores.context, run_id, "page.html")
    assert expires_at_ms == stores.clock.now_ms() + uploads.URL_S * 1000
    assert "attachment" in signed.url
    saved = stored(stores, run_id, "page.html")
    assert saved is not None
    assert saved.blob_key in signed.url
