"""Names of artifacts, and the header that names a download."""

from __future__ import annotations

from email.message import Message
from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Invalid
from chalicelib.domain.artifact_paths import (
    MAX_SHOWN_NAME_BYTES,
    clean_artifact_path,
    clean_file_name,
    is_inline_safe,
    join_artifact_path,
    safe_disposition,
)


@pytest.mark.parametrize(
    "path",
    [
        "model.pkl",
        "plots/confusion matrix.png",
        "a%2Fb/%2e%2e",
        "größe/実験/😀.txt",
        "...", ".hidden", "a..b", "~", "-", " ", "ab:c/d", "CON", "'\"<>|?*#&;",
        "/".join("x" * 90),
        "x" * 850,
    ],
)  # fmt: skip
def test_a_clean_path_stays_as_it_is(path: str) -> None:
    assert clean_artifact_path(path) == path


@pytest.mark.parametrize(
    "path, problem",
    [
        ("", "empty"),
        ("/etc/passwd", "absolute"),
        ("//host/share", "absolute"),
        ("C:/x", "absolute"),
        ("c:x", "absolute"),
        ("C:\\x", "backslash"),
        ("a\\..\\b", "backslash"),
        ("..", "holds . or .."),
        ("a/../b", "holds . or .."),
        ("./a", "holds . or .."),
        ("a/.", "holds . or .."),
        ("a//b", "empty folder name"),
        ("a/", "empty folder name"),
        ("a\nb", "a control character; leave it out: U+000A"),
        ("a\x00", "a control character"),
        ("a\x7f", "a control character"),
        ("a\x85", "a control character"),
        ("a\u2028b", "a line separator"),
        ("a\u2029b", "a paragraph separator"),
        ("a\ud800", "half of a surrogate pair"),
        ("x" * 851, "too long; shorten it: bytes=851 max=850"),
        ("ä" * 426, "too long; shorten it: bytes=852 max=850"),
        ("/".join("x" * 91), "too deep; use fewer folders: segments=91 max=90"),
    ],
)
def test_another_path_is_refused_with_the_reason(path: str, problem: str) -> None:
    with pytest.raises(Invalid) as caught:
        clean_artifact_path(path, "artifact_path")
    assert problem in caught.value.message
    assert [field.path for field in caught.value.fields] == ["artifact_path"]
    assert caught.value.message.isascii()


@given(st.text(st.characters() | st.sampled_from("./\\:C\n"), max_size=20))
def test_a_clean_path_stays_below_the_folder_it_is_put_into(path: str) -> None:
    try:
        clean_artifact_path(path)
    except Invalid:
        return
    for kind in (PurePosixPath, PureWindowsPath):
        joined = kind("base") / path
        assert joined.parts[0] == "base"
        assert ".." not in joined.parts
    assert path.encode().decode() == path


def test_a_file_is_put_into_its_folder() -> None:
    assert join_artifact_path("a/b", "c d.txt") == "a/b/c d.txt"
    assert join_artifact_path("", "c") == join_artifact_path(None, "c") == "c"


@pytest.mark.parametrize(
    "folder, name, field",
    [
        ("a", "b/c", "file"),
        ("a", "..", "file"),
        ("a", "", "file"),
        ("a/", "b", "artifact_path"),
        ("../a", "b", "artifact_path"),
        ("x" * 500, "y" * 500, "path"),
    ],
)
def test_the_part_that_is_wrong_is_named(folder: str, name: str, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        join_artifact_path(folder, name)
    assert caught.value.fields[0].path == field


def test_a_file_name_is_one_segment() -> None:
    assert clean_file_name("a b%2F.txt") == "a b%2F.txt"
    with pytest.raises(Invalid, match="a file name cannot hold a slash"):
        clean_file_name("a/b")


@pytest.mark.parametrize(
    "name, inline, header",
    [
        ("a/b/plot 1.png", True, 'inline; filename="plot 1.png"'),
        ("model.pkl", False, 'attachment; filename="model.pkl"'),
        (
            "größe.txt",
            False,
            "attachment; filename=\"gr__e.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt",
        ),
        ('a"b', False, "attachment; filename=\"a_b\"; filename*=UTF-8''a%22b"),
        ("50%.csv", False, "attachment; filename=\"50_.csv\"; filename*=UTF-8''50%25.csv"),
        ("", False, 'attachment; filename="download"'),
        ("a\r\nx: y", False, "attachment; filename=\"a__x: y\"; filename*=UTF-8''a%0D%0Ax%3A%20y"),
    ],
)
def test_a_disposition_names_the_download(name: str, inline: bool, header: str) -> None:
    assert safe_disposition(name, inline) == header


@given(st.text(st.characters()) | st.text(st.characters(), min_size=150), st.booleans())
def test_no_name_breaks_out_of_a_disposition(filename: str, inline: bool) -> None:
    header = safe_disposition(filename, inline)
    assert header.isascii()
    assert header.isprintable()
    message = Message()
    message["content-disposition"] = header
    assert message.get_content_disposition() == ("inline" if inline else "attachment")
    parts = header.split('"')
    assert len(parts) == 3
    name = filename.rpartition("/")[2]
    whole = name.encode("utf-8", "replace").decode()
    is_cut = len(whole.encode()) > MAX_SHOWN_NAME_BYTES
    _, has_encoded, encoded = parts[2].partition("; filename*=UTF-8''")
    assert parts[1] == name or not name or has_encoded or is_cut
    shown = unquote(encoded) if has_encoded else parts[1]
    if is_cut:
        assert len(shown.encode()) <= MAX_SHOWN_NAME_BYTES
        assert whole.strip().startswith(shown[:20].strip())
    elif has_encoded:
        assert shown == whole


@pytest.mark.parametrize(
    "mime",
    ["image/png", "IMAGE/JPEG", "text/plain; charset=utf-8", "audio/mpeg", "video/mp4",
     "application/json", "application/pdf", "image/webp", "image/gif"],
)  # fmt: skip
def test_what_a_browser_only_shows_is_safe(mime: str) -> None:
    assert is_inline_safe(mime)


@pytest.mark.parametrize(
    "mime",
    ["text/html", "text/html; x=image/png", "image/svg+xml", "application/xml", "text/xml",
     "application/xhtml+xml", "text/javascript", "application/javascript", "video/x+xml",
     "application/octet-stream", "multipart/x-mixed-replace", "", "audio/", "png"],
)  # fmt: skip
def test_what_a_browser_could_run_or_nobody_knows_is_not(mime: str) -> None:
    assert not is_inline_safe(mime)
