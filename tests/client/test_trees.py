"""Paths of trees: what may be written below a folder, and what is never written."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from trialbook.artifacts import ManifestFile
from trialbook.artifacts.manifests import manifest_bytes, parse_manifest, safe_name
from trialbook.transfer import UnsafePath
from trialbook.transfer.paths import checked_path, files_below
from trialbook.transfer.tree import Fetch, rebuild

HOSTILE = [
    "",
    "/etc/passwd",
    "../x",
    "a/../../x",
    "a/..",
    "./a",
    "a//b",
    "a/",
    "a\\..\\b",
    "C:/x",
    "c:x",
    "\\\\host\\share",
    "a\0b",
    "a\nb",
    "a\u2028b",
    "\ud800",
    "x" * 851,
    "/".join("x" * 91),
]


def file(path: str, body: bytes = b"x") -> ManifestFile:
    return ManifestFile(path, hashlib.sha256(body).hexdigest(), len(body))


async def writing(_: Sequence[ManifestFile]) -> Fetch:
    async def fetch(one: ManifestFile, to: Path) -> None:
        to.write_bytes(b"x")

    return fetch


@pytest.mark.anyio
@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: ascii(path)[:30])
async def test_a_manifest_with_a_hostile_path_writes_nothing(tmp_path: Path, path: str) -> None:
    with pytest.raises(UnsafePath):
        await rebuild(tmp_path / "tree", [file("fine"), file(path)], writing)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


@pytest.mark.anyio
async def test_a_file_in_the_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/a").write_text("x")
    with pytest.raises(UnsafePath, match="a file is in the way"):
        await rebuild(tmp_path / "tree", [file("a/b")], writing)


@pytest.mark.anyio
async def test_a_link_planted_while_the_tree_is_built_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    async def planting(_: Sequence[ManifestFile]) -> Fetch:
        (tmp_path / "tree/sub").symlink_to(elsewhere)
        return await writing(_)

    with pytest.raises(UnsafePath, match="a link is in the way"):
        await rebuild(tmp_path / "tree", [file("sub/x")], planting)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.anyio
async def test_what_is_remembered_is_only_a_hint(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    assert len(await rebuild(tree, [file("a"), file("b")], writing)) == 2
    for wrong in ("", "{", "[]", '{"a": 1}', '{"a": [1, 2]}', "null"):
        (tmp_path / "tree.verified").write_text(wrong)
        assert await rebuild(tree, [file("a"), file("b")], writing) == []
    (tmp_path / "tree.verified").unlink()
    assert await rebuild(tree, [file("a"), file("b")], writing) == []


def test_paths_with_any_script_and_spaces_are_fine() -> None:
    for path in ("a b/ü/日本.txt", "%2F", "aa:b", ".hidden", "...", "x" * 850):
        assert checked_path(path) == path


def test_a_folder_is_listed_in_the_order_of_its_paths(tmp_path: Path) -> None:
    for path in ("b", "a/z", "a.txt", "a/b/c"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    assert [path for path, _ in files_below(tmp_path)] == ["a.txt", "a/b/c", "a/z", "b"]


def test_paths_too_long_for_one_request_are_refused_before_anything_is_sent(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "ü" / ("f" * 200) / ("g" * 200) / ("h" * 200)
    folder.mkdir(parents=True)
    for number in range(5_600):
        (folder / str(number)).touch()
    with pytest.raises(ValueError, match="too long together"):
        files_below(tmp_path)


def test_a_file_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    Path(str(tmp_path) + "/" + b"\xff".decode("utf-8", "surrogateescape")).touch()
    with pytest.raises(UnsafePath):
        files_below(tmp_path)


def test_a_manifest_goes_through_its_bytes() -> None:
    files = [file("a/ü"), file("b")]
    assert parse_manifest(manifest_bytes(reversed(files))) == files
    assert (
        manifest_bytes([file("ü", b"")])
        == (
            '[{"path":"ü","sha256":"' + hashlib.sha256(b"").hexdigest() + '","size_bytes":0}]'
        ).encode()
    )


def test_names_of_cached_files_stay_in_their_folder() -> None:
    assert safe_name("deep/a b.txt") == "a b.txt"
    for name in ("..", "a/..", "", "x\0", "y" * 300):
        assert safe_name(name) == "content"
