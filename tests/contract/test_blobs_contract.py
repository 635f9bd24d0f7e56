"""What every store of blobs does. Each test runs on every engine, or says what it needs of one."""

from __future__ import annotations

import hashlib
import itertools
import random
from base64 import b64encode
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from chalicelib.storage import s3_blobs
from chalicelib.storage.blobs import (
    MAX_KEY_BYTES,
    MIN_PART_BYTES,
    BadPart,
    BlobExists,
    BlobInfo,
    BlobMissing,
    Blobs,
    Part,
    SignedRequest,
)
from tests import real_engines
from tests.contract.blob_engines import ENGINES, Engine
from tests.real_engines import Deviation

MIME = "application/x-test"
ODD_FOR_PATHS = ('"quoted"\\back', "long/" + "x" * 300 + "/" + "é" * 150)
KEYS = [
    "plain.bin",
    "a b/c  d.txt",
    "ü/日本語/😀.png",
    "a%2Fb%20c/100%.txt",
    "plus+and&=?#;:@!$'()*,~.txt",
    ODD_FOR_PATHS[0],
    "Case/case/CASE",
    "tab\there",
    "deep/" + "d/" * 100 + "leaf",
    ODD_FOR_PATHS[1],
]


def engines_where(ability: str) -> pytest.MarkDecorator:
    """Run a test only on the engines that can do what it asks."""
    able = [name for name, kind in ENGINES.items() if getattr(kind, ability)]
    return pytest.mark.parametrize("engine", real_engines.marked(able), indirect=True)


needs_signatures = engines_where("verifies_signatures")
needs_digests = engines_where("verifies_digests")
needs_arbitration = engines_where("arbitrates_races")
needs_missed_uploads = engines_where("misses_uploads")


@pytest.fixture(scope="module", params=real_engines.marked(ENGINES))
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Engine]:
    with ENGINES[request.param].open(tmp_path_factory.mktemp("blobs")) as opened:
        yield opened


@pytest.fixture
def blobs(engine: Engine) -> Blobs:
    return engine.blobs


@pytest.fixture
def home(request: pytest.FixtureRequest) -> str:
    """A prefix that no other test uses."""
    return f"{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]}/"


@pytest.fixture(scope="module")
def http() -> Generator[httpx.Client]:
    with httpx.Client(timeout=30) as client:
        yield client


def noise(size_bytes: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size_bytes)


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def sign_put(blobs: Blobs, key: str, body: bytes, expires_s: int = 60) -> SignedRequest:
    return blobs.presign_put(
        key, size_bytes=len(body), sha256=sha256(body), mime=MIME, expires_s=expires_s
    )


def sign_get(blobs: Blobs, key: str) -> SignedRequest:
    return blobs.presign_get(key, mime=MIME, disposition="attachment", expires_s=60)


def send(http: httpx.Client, signed: SignedRequest, body: bytes) -> httpx.Response:
    return http.put(signed.url, headers=dict(signed.headers), content=body)


def fetch(http: httpx.Client, signed: SignedRequest, wanted: str | None = None) -> httpx.Response:
    ranged = {} if wanted is None else {"range": wanted}
    return http.get(signed.url, headers={**signed.headers, **ranged})


# -- whole blobs --------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"x", bytes(range(256)), noise(5_000_000)], ids=len)
def test_what_is_put_is_got_back(blobs: Blobs, home: str, body: bytes) -> None:
    key = home + "blob"
    stored = blobs.put(key, body, mime=MIME)
    assert blobs.get(key) == body
    pieces = list(blobs.stream(key))
    assert b"".join(pieces) == body
    assert max(map(len, pieces), default=0) <= 1024 * 1024
    head = blobs.head(key)
    assert head is not None
    assert (head.key, head.size_bytes, head.mime, head.etag) == (key, len(body), MIME, stored.etag)
    assert stored.size_bytes == len(body)
    assert abs(head.modified_ms - stored.modified_ms) <= 2000  # S3 tells whole seconds


@pytest.mark.parametrize("name", KEYS, ids=range(len(KEYS)))
def test_any_key_works(engine: Engine, http: httpx.Client, home: str, name: str) -> None:
    if Deviation.KEYS_ARE_PATHS in engine.deviations and name in ODD_FOR_PATHS:
        name = name.replace("\\", "").replace("xx", "x").replace("éé", "é")
    blobs = engine.blobs
    key, body = home + name, name.encode()
    blobs.put(key, b"before", mime=MIME)
    assert send(http, sign_put(blobs, key, body), body).status_code == 200
    assert fetch(http, sign_get(blobs, key)).content == body
    assert blobs.get(key) == body
    assert [blob.key for blob in blobs.list(home).blobs] == [key]


def test_keys_may_have_1024_bytes(engine: Engine, home: str) -> None:
    blobs, fills = engine.blobs, ("k", "K", "é")
    if Deviation.KEYS_ARE_PATHS in engine.deviations:
        fills = ("k" * 200 + "/", "é" * 100 + "/")
    for fill in fills:
        key = home + fill * ((MAX_KEY_BYTES - len(home)) // len(fill.encode()))
        key = key.rstrip("/").ljust(MAX_KEY_BYTES - key.count("é"), "k")
        blobs.put(key, b"x", mime=MIME)
        assert blobs.get(key) == b"x"


@pytest.mark.parametrize("key", ["", "k" * 1025, "é" * 513, "a/../b", "./a", "..", "a\0b"])
def test_bad_keys_are_refused(blobs: Blobs, key: str) -> None:
    with pytest.raises(ValueError, match="key must"):
        blobs.put(key, b"x", mime=MIME)
    with pytest.raises(ValueError, match="key must"):
        sign_put(blobs, key, b"x")


@pytest.mark.parametrize("text", ["", "a\r\nb", "é", "x" * 1025])
def test_what_no_header_can_carry_is_refused(blobs: Blobs, home: str, text: str) -> None:
    with pytest.raises(ValueError, match="mime must"):
        blobs.put(home + "a", b"x", mime=text)
    with pytest.raises(ValueError, match="disposition must"):
        blobs.presign_get(home + "a", mime=MIME, disposition=text, expires_s=60)


def test_a_key_may_begin_another(engine: Engine, home: str) -> None:
    blobs, names = engine.blobs, ["a", "a/b", "a/b/c"]
    if Deviation.KEYS_ARE_PATHS not in engine.deviations:
        names += ["a//b", "a/b/"]
    keys = [home + name for name in names]
    for key in keys:
        blobs.put(key, key.encode(), mime=MIME)
    assert [blobs.get(key) for key in keys] == [key.encode() for key in keys]


def test_putting_again_replaces(blobs: Blobs, home: str) -> None:
    key = home + "blob"
    first = blobs.put(key, b"first", mime="text/plain")
    second = blobs.put(key, b"second!", mime=MIME)
    assert first.etag != second.etag
    head = blobs.head(key)
    assert head is not None
    assert (head.size_bytes, head.mime, head.etag) == (7, MIME, second.etag)


def test_only_if_absent_never_replaces(blobs: Blobs, home: str) -> None:
    key = home + "blob"
    blobs.put(key, b"first", mime=MIME, only_if_absent=True)
    with pytest.raises(BlobExists):
        blobs.put(key, b"second", mime=MIME, only_if_absent=True)
    assert blobs.get(key) == b"first"
    blobs.delete(key)
    blobs.put(key, b"third", mime=MIME, only_if_absent=True)


@needs_arbitration
def test_of_eight_racing_writers_exactly_one_wins(blobs: Blobs, home: str) -> None:
    def write(key: str, body: bytes) -> bytes | None:
        try:
            blobs.put(key, body, mime=MIME, only_if_absent=True)
        except BlobExists:
            return None
        return body

    with ThreadPoolExecutor(8) as pool:
        for attempt in range(20):
            key = f"{home}{attempt}"
            bodies = [noise(1000, seed) for seed in range(8)]
            won = [body for body in pool.map(write, itertools.repeat(key), bodies) if body]
            assert won == [blobs.get(key)]


def test_ranges_are_slices(blobs: Blobs, home: str) -> None:
    key, body = home + "blob", bytes(range(100))
    blobs.put(key, body, mime=MIME)
    blobs.put(home + "empty", b"", mime=MIME)
    for start, stop in [(0, 1), (0, 100), (10, 20), (99, 100), (50, None), (90, 500), (5, 5)]:
        assert blobs.get(key, start, stop) == body[start:stop]
    assert blobs.get(key, 100) == b""
    assert blobs.get(key, 1000, 2000) == b""
    assert blobs.get(home + "empty", 0, 10) == b""
    for start, stop in [(-1, None), (3, 2)]:
        with pytest.raises(ValueError, match="ascend"):
            blobs.get(key, start, stop)


def test_a_version_is_never_mistaken_for_another(blobs: Blobs, home: str) -> None:
    key = home + "blob"
    old = blobs.put(key, b"old bytes", mime=MIME).version
    head = blobs.head(key)
    assert head is not None
    assert old == head.version
    assert blobs.get(key, 4, version=old) == b"bytes"
    new = blobs.put(key, b"new bytes", mime=MIME).version
    assert new != old
    assert blobs.get(key, 0, 3, version=new) == b"new"
    for start, stop in ((0, None), (0, 3), (2, 2)):
        try:  # where the bucket keeps versions; elsewhere it is gone
            assert blobs.get(key, start, stop, version=old) == b"old bytes"[start:stop]
        except BlobMissing:
            continue
    blobs.delete(key)
    with pytest.raises(BlobMissing):
        blobs.get(home + "other", version=new)


def test_what_is_not_there_is_missing(blobs: Blobs, http: httpx.Client, home: str) -> None:
    key = home + "nothing"
    assert blobs.head(key) is None
    for start, stop in [(0, None), (5, 10), (5, 5)]:
        with pytest.raises(BlobMissing):
            blobs.get(key, start, stop)
    with pytest.raises(BlobMissing):
        list(blobs.stream(key))
    with pytest.raises(BlobMissing):
        blobs.copy(key, home + "copy")
    # S3 tells that nothing is there only to those who may list the bucket.
    assert fetch(http, sign_get(blobs, key)).status_code in {403, 404}


def test_deleting_twice_is_fine(blobs: Blobs, home: str) -> None:
    key = home + "blob"
    blobs.put(key, b"x", mime=MIME)
    blobs.delete(key)
    blobs.delete(key)
    assert blobs.head(key) is None
    assert blobs.list(home).blobs == []


def test_a_copy_keeps_bytes_and_media_type(engine: Engine, home: str) -> None:
    blobs = engine.blobs
    source, target = home + "söurce %2F", home + "target"
    blobs.put(source, b"bytes", mime=MIME)
    copied = blobs.copy(source, target)
    blobs.delete(source)
    head = blobs.head(target)
    assert head is not None
    quoted = Deviation.COPY_WITHOUT_QUOTES not in engine.deviations
    etag = copied.etag if quoted else f'"{copied.etag}"'
    assert (head.key, head.size_bytes, head.mime, head.etag) == (target, 5, MIME, etag)
    assert blobs.get(target) == b"bytes"


def test_a_large_copy_goes_by_parts(
    blobs: Blobs, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_blobs, "MAX_COPY_BYTES", MIN_PART_BYTES)
    body = noise(2 * MIN_PART_BYTES + 17)
    blobs.put(home + "source", body, mime=MIME)
    copied = blobs.copy(home + "source", home + "target")
    assert (copied.key, copied.size_bytes, copied.mime) == (home + "target", len(body), MIME)
    assert blobs.get(home + "target") == body


def list_all(blobs: Blobs, prefix: str, limit: int) -> list[BlobInfo]:
    found: list[BlobInfo] = []
    page = blobs.list(prefix, limit=limit)
    found += page.blobs
    while page.next is not None:
        assert len(page.blobs) == limit
        page = blobs.list(prefix, page.next, limit)
        found += page.blobs
    return found


def test_lists_ascend_by_key_and_page(engine: Engine, home: str) -> None:
    blobs = engine.blobs
    names = ["a", "a-b", "a/b", "a/c/d", "a0", "aé", "ab/x", "b/" + "y" * 90, "b/" + "y" * 80]
    names += ["a/" + digest for digest in map(sha256, [b"1", b"2", b"3"])] + ["Z", "a/B", "😀", "ﬀ"]
    if Deviation.LISTS_FOLDER_BY_FOLDER in engine.deviations:
        # no folder's name begins that of another key beside it
        names = [name.replace("a/", "d/") for name in names]
    for name in names:
        blobs.put(home + name, name.encode(), mime=MIME)
    for prefix in ["", "a", "a/", "a/b", "d/", "d/b", "b/" + "y" * 85, "zzz"]:
        expected = sorted(
            (home + name for name in names if name.startswith(prefix)), key=str.encode
        )
        for limit in (1, 2, 5, 1000):
            assert [blob.key for blob in list_all(blobs, home + prefix, limit)] == expected


def test_a_list_tells_size_and_etag_but_no_media_type(blobs: Blobs, home: str) -> None:
    stored = blobs.put(home + "blob", b"12345", mime=MIME)
    (listed,) = blobs.list(home).blobs
    assert (listed.size_bytes, listed.etag, listed.mime) == (5, stored.etag, "")
    assert abs(listed.modified_ms - stored.modified_ms) <= 2000


# -- signed URLs --------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"\0\r\n\xff", noise(5_000_000)], ids=len)
def test_a_signed_put_stores_the_body(
    blobs: Blobs, http: httpx.Client, home: str, body: bytes
) -> None:
    key = home + "blob"
    answer = send(http, sign_put(blobs, key, body), body)
    assert answer.status_code == 200
    head = blobs.head(key)
    assert head is not None
    assert (head.size_bytes, head.mime, head.etag) == (len(body), MIME, answer.headers["etag"])
    assert blobs.get(key) == body
    assert fetch(http, sign_get(blobs, key)).content == body


def test_a_signed_put_says_what_to_send(blobs: Blobs, home: str) -> None:
    digest = b64encode(hashlib.sha256(b"x").digest()).decode()
    signed = sign_put(blobs, home + "blob", b"x")
    assert dict(signed.headers) == {"content-type": MIME, "x-amz-checksum-sha256": digest}


def test_a_signed_put_without_a_digest_takes_any_bytes_of_the_length(
    blobs: Blobs, http: httpx.Client, home: str
) -> None:
    signed = blobs.presign_put(home + "b", size_bytes=3, sha256=None, mime=MIME, expires_s=60)
    assert dict(signed.headers) == {"content-type": MIME}
    assert send(http, signed, b"abc").status_code == 200
    assert blobs.get(home + "b") == b"abc"


def test_a_malformed_digest_is_refused(blobs: Blobs, home: str) -> None:
    for digest in ("", "abc", "AB" * 32, "ab" * 31, "zz" * 32):
        with pytest.raises(ValueError, match="hex"):
            blobs.presign_put(home, size_bytes=1, sha256=digest, mime=MIME, expires_s=60)


def test_a_signed_get_sets_media_type_and_disposition(
    blobs: Blobs, http: httpx.Client, home: str
) -> None:
    blobs.put(home + "blob", b"<script>", mime="text/html")
    disposition = "attachment; filename=\"a b.txt\"; filename*=UTF-8''%C3%BC%20b.txt"
    signed = blobs.presign_get(
        home + "blob", mime="text/plain; charset=utf-8", disposition=disposition, expires_s=60
    )
    answer = fetch(http, signed)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == disposition
    assert answer.headers["etag"]


def test_a_signed_get_answers_ranges(blobs: Blobs, http: httpx.Client, home: str) -> None:
    body = noise(2_000_000)
    blobs.put(home + "blob", body, mime=MIME)
    signed = sign_get(blobs, home + "blob")
    assert fetch(http, signed).headers["accept-ranges"] == "bytes"
    for wanted, start, stop in [
        ("bytes=0-0", 0, 1),
        ("bytes=10-1500000", 10, 1_500_001),
        ("bytes=1999990-", 1_999_990, 2_000_000),
        ("bytes=1999990-9999999", 1_999_990, 2_000_000),
        ("bytes=-7", 1_999_993, 2_000_000),
    ]:
        answer = fetch(http, signed, wanted)
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/2000000"
        assert answer.content == body[start:stop]
    assert fetch(http, signed, "bytes=2000000-").status_code == 416


@needs_signatures
def test_tampered_urls_are_refused(blobs: Blobs, http: httpx.Client, home: str) -> None:
    key, body = home + "blob", b"the body"
    blobs.put(home + "other", b"secret", mime=MIME)
    put, get = sign_put(blobs, key, body), sign_get(blobs, home + "other")
    for signed, name in itertools.product((put, get), parse_qs(urlsplit(put.url).query)):
        parameters = dict(httpx.URL(signed.url).params)
        if name not in parameters:
            continue
        changed = {**parameters, name: parameters[name] + "0"}
        dropped = {each: value for each, value in parameters.items() if each != name}
        for tampered in (changed, dropped):
            url = str(httpx.URL(signed.url).copy_with(params=tampered))
            assert send(http, SignedRequest(url, put.headers), body).status_code in {400, 403}
            assert fetch(http, SignedRequest(url, {})).status_code in {400, 403}
    moved = SignedRequest(put.url.replace("blob?", "blob2?"), put.headers)
    assert send(http, moved, body).status_code == 403
    assert fetch(http, SignedRequest(get.url.replace("other?", "blob?"), {})).status_code == 403
    assert [blob.key for blob in blobs.list(home).blobs] == [home + "other"]


@needs_signatures
def test_a_url_is_good_for_one_method_only(blobs: Blobs, http: httpx.Client, home: str) -> None:
    key = home + "blob"
    blobs.put(key, b"x", mime=MIME)
    put, get = sign_put(blobs, key, b"y"), sign_get(blobs, key)
    assert fetch(http, put).status_code == 403
    assert http.delete(get.url).status_code == 403
    assert http.put(get.url, content=b"y", headers=dict(put.headers)).status_code == 403
    posted = http.post(put.url, content=b"y", headers=dict(put.headers))
    assert posted.status_code in {403, 405}
    assert blobs.get(key) == b"x"


@needs_signatures
def test_expired_urls_are_refused(engine: Engine, http: httpx.Client, home: str) -> None:
    blobs, key = engine.blobs, home + "blob"
    blobs.put(key, b"x", mime=MIME)
    engine.clock.ahead_ms = -61_000
    try:
        put, get = sign_put(blobs, key, b"y", expires_s=60), sign_get(blobs, key)
        engine.clock.ahead_ms = -10_000
        good = sign_get(blobs, key)
    finally:
        engine.clock.ahead_ms = 0
    assert send(http, put, b"y").status_code == 403
    assert fetch(http, get).status_code == 403
    assert blobs.get(key) == b"x"
    assert fetch(http, good).status_code == 200


@needs_signatures
def test_another_length_or_header_is_refused(blobs: Blobs, http: httpx.Client, home: str) -> None:
    key, body = home + "blob", b"exactly this"
    signed = sign_put(blobs, key, body)
    for wrong in (b"", body[:-1], body + b"!", noise(3_000_000)):
        assert send(http, signed, wrong).status_code in {400, 403}
    other = b64encode(hashlib.sha256(b"other").digest()).decode()
    for change in [{"content-type": "text/html"}, {"x-amz-checksum-sha256": other}]:
        headers = {**signed.headers, **change}
        assert http.put(signed.url, headers=headers, content=body).status_code in {400, 403}
    for name in signed.headers:
        headers = {each: value for each, value in signed.headers.items() if each != name}
        assert http.put(signed.url, headers=headers, content=body).status_code in {400, 403}
    assert blobs.head(key) is None


@needs_signatures
def test_a_body_without_a_length_is_refused(blobs: Blobs, http: httpx.Client, home: str) -> None:
    signed = sign_put(blobs, home + "blob", b"ab")
    answer = http.put(signed.url, headers=dict(signed.headers), content=iter([b"a", b"b"]))
    assert answer.status_code in {403, 411}
    assert blobs.head(home + "blob") is None


@needs_digests
def test_another_body_of_the_same_length_is_refused(
    blobs: Blobs, http: httpx.Client, home: str
) -> None:
    key, body = home + "blob", noise(1_000_000)
    wrong = body[:-1] + bytes([body[-1] ^ 1])
    assert send(http, sign_put(blobs, key, body), wrong).status_code == 400
    assert blobs.head(key) is None
    assert blobs.list(home).blobs == []


# -- multipart uploads --------------------------------------------------------------------------


def send_part(
    blobs: Blobs,
    http: httpx.Client,
    key: str,
    upload: str,
    number: int,
    body: bytes,
    *,
    has_digest: bool = True,
) -> Part:
    digest = sha256(body) if has_digest else None
    signed = blobs.presign_part(
        key, upload, number, size_bytes=len(body), sha256=digest, expires_s=60
    )
    answer = send(http, signed, body)
    assert answer.status_code == 200
    return Part(number, answer.headers["etag"], digest)


def send_parts(
    blobs: Blobs, http: httpx.Client, key: str, bodies: Sequence[bytes]
) -> tuple[str, list[Part]]:
    upload = blobs.start_multipart(key, mime=MIME, checksums=True)
    return upload, [
        send_part(blobs, http, key, upload, number, body)
        for number, body in enumerate(bodies, start=1)
    ]


PARTS = [noise(MIN_PART_BYTES, 1), noise(MIN_PART_BYTES + 1, 2), b"the last may be small"]


@pytest.mark.parametrize("checksums", [True, False])
def test_parts_come_in_any_order_and_may_come_again(
    blobs: Blobs, http: httpx.Client, home: str, checksums: bool
) -> None:
    key = home + "ü blob"
    upload = blobs.start_multipart(key, mime=MIME, checksums=checksums)
    sent: dict[int, Part] = {}
    for number, body in [(3, PARTS[2]), (1, b"wrong"), (2, PARTS[1]), (1, PARTS[0])]:
        sent[number] = send_part(blobs, http, key, upload, number, body, has_digest=checksums)
    assert blobs.head(key) is None
    assert blobs.list(home).blobs == []
    info = blobs.complete_multipart(key, upload, [sent[1], sent[2], sent[3]])
    assert (info.key, info.size_bytes, info.mime) == (key, sum(map(len, PARTS)), MIME)
    assert blobs.get(key) == b"".join(PARTS)
    assert blobs.head(key) == info


def test_parts_may_pass_through_us(blobs: Blobs, home: str) -> None:
    key = home + "blob"
    upload = blobs.start_multipart(key, mime=MIME, checksums=False)
    blobs.put_part(key, upload, 1, b"wrong")
    parts = [blobs.put_part(key, upload, number, body) for number, body in enumerate(PARTS, 1)]
    assert blobs.head(key) is None
    info = blobs.complete_multipart(key, upload, parts)
    assert (info.size_bytes, info.mime) == (sum(map(len, PARTS)), MIME)
    assert blobs.get(key) == b"".join(PARTS)


@needs_missed_uploads
def test_no_part_of_an_aborted_upload_passes(blobs: Blobs, home: str) -> None:
    key = home + "blob"
    aborted = blobs.start_multipart(key, mime=MIME, checksums=False)
    blobs.abort_multipart(key, aborted)
    with pytest.raises(BlobMissing):
        blobs.put_part(key, aborted, 1, b"a part")


def test_parts_may_be_left_out_and_numbers_too(blobs: Blobs, http: httpx.Client, home: str) -> None:
    key = home + "blob"
    upload, parts = send_parts(blobs, http, key, PARTS)
    assert blobs.complete_multipart(key, upload, [parts[0], parts[2]]).size_bytes == len(
        PARTS[0] + PARTS[2]
    )


def test_wrong_parts_are_refused_and_the_upload_goes_on(
    blobs: Blobs, http: httpx.Client, home: str
) -> None:
    key = home + "blob"
    upload, parts = send_parts(blobs, http, key, PARTS)
    one, two, three = parts
    unknown = Part(2, two.etag[:-2] + ('0"' if two.etag[-2] != "0" else '1"'), two.sha256)
    for wrong in (
        [],
        [two, one, three],
        [one, one, three],
        [one, two, Part(4, three.etag, three.sha256)],
        [one, unknown, three],
        [Part(0, one.etag, one.sha256)],
        [Part(10_001, one.etag, one.sha256)],
    ):
        with pytest.raises(BadPart):
            blobs.complete_multipart(key, upload, wrong)
    assert blobs.head(key) is None
    blobs.complete_multipart(key, upload, parts)
    assert blobs.get(key) == b"".join(PARTS)


def test_only_the_last_part_may_be_small(blobs: Blobs, http: httpx.Client, home: str) -> None:
    key = home + "blob"
    small = PARTS[0][:-1]
    upload, parts = send_parts(blobs, http, key, [small, PARTS[1]])
    with pytest.raises(BadPart):
        blobs.complete_multipart(key, upload, parts)
    assert blobs.complete_multipart(key, upload, parts[1:]).size_bytes == len(PARTS[1])


def test_completing_again_changes_nothing(blobs: Blobs, http: httpx.Client, home: str) -> None:
    """The store answers as the first time as long as it remembers, then it misses the upload."""
    key = home + "blob"
    upload, parts = send_parts(blobs, http, key, [b"only part"])
    first = blobs.complete_multipart(key, upload, parts)
    try:
        again = blobs.complete_multipart(key, upload, parts)
    except BlobMissing:
        again = first
    assert again == first == blobs.head(key)


def test_an_aborted_upload_takes_no_more_parts(blobs: Blobs, http: httpx.Client, home: str) -> None:
    key = home + "blob"
    upload, _ = send_parts(blobs, http, key, [b"a part"])
    signed = blobs.presign_part(key, upload, 2, size_bytes=1, sha256=sha256(b"x"), expires_s=60)
    blobs.abort_multipart(key, upload)
    blobs.abort_multipart(key, upload)
    assert send(http, signed, b"x").is_error
    assert blobs.head(key) is None


@needs_missed_uploads
def test_an_upload_that_is_not_there_is_missing(
    engine: Engine, http: httpx.Client, home: str
) -> None:
    blobs, key = engine.blobs, home + "blob"
    blobs.put(key, b"x", mime=MIME)
    aborted, parts = send_parts(blobs, http, key, [b"only part"])
    blobs.abort_multipart(key, aborted)
    others, _ = send_parts(blobs, http, home + "other", [b"only part"])
    odd = "objects" if Deviation.UPLOAD_IDS_ARE_PATHS in engine.deviations else "../../objects"
    for upload in (aborted, others, "0" * 32, odd, "x"):
        blobs.abort_multipart(key, upload)
        with pytest.raises(BlobMissing):
            blobs.complete_multipart(key, upload, parts)
    assert blobs.get(key) == b"x"


@needs_digests
def test_digests_of_parts_are_compared(engine: Engine, http: httpx.Client, home: str) -> None:
    blobs, key = engine.blobs, home + "blob"
    upload = blobs.start_multipart(key, mime=MIME, checksums=True)
    signed = blobs.presign_part(key, upload, 1, size_bytes=2, sha256=sha256(b"ab"), expires_s=60)
    assert send(http, signed, b"ax").status_code == 400
    part = send_part(blobs, http, key, upload, 1, b"ab")
    for digest in (sha256(b"other"), None):
        with pytest.raises(BadPart):
            blobs.complete_multipart(key, upload, [Part(1, part.etag, digest)])
    unbound = blobs.presign_part(key, upload, 2, size_bytes=2, sha256=None, expires_s=60)
    lax = Deviation.PARTS_WITHOUT_DIGESTS in engine.deviations
    assert send(http, unbound, b"cd").status_code == (200 if lax else 400)


@needs_signatures
def test_a_part_is_bound_to_its_place(engine: Engine, http: httpx.Client, home: str) -> None:
    blobs, key, body = engine.blobs, home + "blob", b"body"
    upload = blobs.start_multipart(key, mime=MIME, checksums=True)
    signed = blobs.presign_part(
        key, upload, 1, size_bytes=len(body), sha256=sha256(body), expires_s=60
    )
    assert send(http, signed, body + b"!").status_code in {400, 403}
    parameters = dict(httpx.URL(signed.url).params)
    for name in ("part", "partNumber"):
        if name in parameters:
            url = str(httpx.URL(signed.url).copy_with(params={**parameters, name: "2"}))
            assert send(http, SignedRequest(url, signed.headers), body).status_code == 403
    no_parts = Deviation.UPLOADS_BEGIN_WITH_A_PART in engine.deviations
    with pytest.raises(BlobMissing if no_parts else BadPart):
        blobs.complete_multipart(key, upload, [Part(1, '"etag"', sha256(body))])


@pytest.mark.parametrize("bodies", [[b""], [b"one"], [b"x" * MIN_PART_BYTES, b""]])
def test_parts_of_any_length_go_where_none_was_bound(
    blobs: Blobs, http: httpx.Client, home: str, bodies: list[bytes]
) -> None:
    key, parts = home + "blob", list[Part]()
    upload = blobs.start_multipart(key, mime=MIME, checksums=False)
    for number, body in enumerate(bodies, start=1):
        signed = blobs.presign_part(key, upload, number, size_bytes=None, sha256=None, expires_s=60)
        answer = send(http, signed, body)
        assert answer.status_code == 200
        parts.append(Part(number, answer.headers["etag"]))
    blobs.complete_multipart(key, upload, parts)
    assert blobs.get(key) == b"".join(bodies)
