"""Keys as paths: one to one, inside the root, in the keys' order."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.storage.blobs import MAX_KEY_BYTES
from local.blob_paths import blob_path, blob_paths
from tests.folders import quick_folder

ROOT = Path("root")
# Few letters, so that keys begin, end and equal one another often; segments around 80 bytes.
LONG = [letter * count for letter in "ab-é" for count in (39, 40, 41, 79, 80, 81, 160)]
SEGMENTS = st.one_of(st.text("ab%.=,~-/Aé\n", max_size=6), st.sampled_from(LONG))
KEYS = st.lists(SEGMENTS, min_size=1, max_size=5).map("/".join).filter(bool)


@given(st.text(min_size=1, max_size=256).filter(lambda key: key.isprintable() or "\n" in key))
def test_names_fit_every_file_system_and_never_leave_the_root(key: str) -> None:
    names = blob_path(ROOT, key).relative_to(ROOT).parts
    assert all(0 < len(name) <= 255 and name not in {".", ".."} for name in names)
    assert all(name.isascii() and name == name.lower() for name in names)


def test_the_longest_keys_fit_a_path() -> None:
    for key in ("K" * MAX_KEY_BYTES, "/" * MAX_KEY_BYTES, "K/" * (MAX_KEY_BYTES // 2)):
        assert len(os.fspath(blob_path(ROOT, key))) < 3200


def test_digests_spread_over_folders() -> None:
    digest = "ab" * 32
    assert blob_path(ROOT, f"cas/acme/{digest}") == ROOT.joinpath(
        "cas,", "acme,", "ab~", f"{digest[2:]}="
    )


@settings(max_examples=60, deadline=None)
@given(st.sets(KEYS, min_size=1, max_size=12), KEYS, KEYS)
def test_listing_finds_every_key_once_and_in_order(keys: set[str], one: str, other: str) -> None:
    with quick_folder() as folder:
        root = Path(folder)
        for key in keys:
            path = blob_path(root, key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(exist_ok=False)
        (root / ".DS_Store").touch()
        in_order = sorted(keys, key=str.encode)
        assert list(blob_paths(root, "", "")) == [(key, blob_path(root, key)) for key in in_order]
        some = in_order[len(in_order) // 2]
        for prefix in ("", one, some, some[: len(some) // 2]):
            for after in ("", other, some):
                expected = [
                    key
                    for key in in_order
                    if key.startswith(prefix) and key.encode() > after.encode()
                ]
                assert [key for key, _ in blob_paths(root, prefix, after)] == expected
