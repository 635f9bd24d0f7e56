"""Media types that bytes are told to have."""

from __future__ import annotations

import gzip
import io
import sqlite3
import struct
import tarfile
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.artifact_paths import is_inline_safe
from chalicelib.domain.media_types import (
    SNIFFED_BYTES,
    UNKNOWN_MIME,
    guess_mime,
    mime_by_name,
    sniff_mime,
)
from tests.unit.images_given import halves, image_bytes


def made_by_python(folder: Path) -> dict[str, bytes]:
    """Files as their own writers write them, by what they are."""
    archive, tape, array, sound = (io.BytesIO() for _ in range(4))
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("a", "b")
    with tarfile.open(fileobj=tape, mode="w") as tarred:
        tarred.addfile(tarfile.TarInfo("a"))
    np.save(array, np.zeros(3))
    with wave.open(sound, "wb") as waved:
        waved.setnchannels(1)
        waved.setsampwidth(2)
        waved.setframerate(8000)
        waved.writeframes(bytes(8))
    database = sqlite3.connect(folder / "a.db")
    database.execute("create table a (b)")
    database.close()
    return {
        "application/zip": archive.getvalue(),
        "application/x-tar": tape.getvalue(),
        "application/x-npy": array.getvalue(),
        "audio/wave": sound.getvalue(),
        "application/gzip": gzip.compress(b"a"),
        "application/vnd.sqlite3": (folder / "a.db").read_bytes(),
        "image/png": image_bytes(halves(9, 9), "PNG"),
        "image/jpeg": image_bytes(halves(9, 9), "JPEG"),
        "image/gif": image_bytes(halves(9, 9), "GIF"),
        "image/webp": image_bytes(halves(9, 9), "WEBP"),
    }


def test_files_are_known_by_what_their_writers_begin_them_with(tmp_path: Path) -> None:
    bodies = made_by_python(tmp_path)
    assert {mime: sniff_mime(body[:SNIFFED_BYTES]) for mime, body in bodies.items()} == {
        mime: mime for mime in bodies
    }


@pytest.mark.parametrize(
    "head, mime",
    [
        (b"%PDF-1.7\n%\xe2\xe3", "application/pdf"),
        (b"PAR1\x15\x04\x15", "application/vnd.apache.parquet"),
        (b"ARROW1\x00\x00\xff\xff", "application/vnd.apache.arrow.file"),
        (b"\x89HDF\r\n\x1a\n\x00", "application/x-hdf5"),
        (b"\x28\xb5\x2f\xfd\x04", "application/zstd"),
        (b"\x00\x00\x00\x1cftypisom\x00\x00\x02\x00isomiso2mp41", "video/mp4"),
        (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", "video/mp4"),
        (b"\x00\x00\x00\x18ftypM4A \x00\x00\x00\x00M4A isom", UNKNOWN_MIME),
        (b"\x00\x00\x00\x10ftypisom\x00\x00\x02\x00mp41", UNKNOWN_MIME),  # past the box
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wave"),
        (b"RIFF\x24\x00\x00\x00ACON", UNKNOWN_MIME),
        (b"a,b\n1,2\n", "text/plain"),
        (b'{"a": 1}', "text/plain"),
        ("Größe, 大きさ".encode(), "text/plain"),
        (b"\x1b[31mred\x1b[0m\r\n\ttab\x0c", "text/plain"),
        ("Größe".encode("latin-1"), UNKNOWN_MIME),
        (b"\x80\x04\x95\x00\x00\x00", UNKNOWN_MIME),  # a pickle
        (struct.pack("<4f", 1, 2, 3, 4), UNKNOWN_MIME),
        (b"text\x00", UNKNOWN_MIME),
        (b"", UNKNOWN_MIME),
    ],
)
def test_first_bytes_tell(head: bytes, mime: str) -> None:
    assert sniff_mime(head) == mime


def test_a_character_that_is_cut_is_still_text() -> None:
    text = "大".encode() * 1000
    assert sniff_mime(text[:SNIFFED_BYTES]) == sniff_mime(text) == "text/plain"
    assert sniff_mime(text[:100]) == UNKNOWN_MIME


MARKUP = [
    "<!DOCTYPE html><script>x</script>",
    "<svg xmlns='http://www.w3.org/2000/svg'>",
    "<?xml ?>",
]


@given(st.sampled_from([b"", *(one.encode() for one in MARKUP)]), st.binary(max_size=2000))
def test_nothing_is_told_from_bytes_that_a_browser_could_run(head: bytes, body: bytes) -> None:
    mime = sniff_mime(head + body)
    assert is_inline_safe(mime) or mime.startswith("application/")
    assert "xml" not in mime
    assert "html" not in mime


def test_a_name_may_say_that_the_type_is_unknown() -> None:
    assert (mime_by_name("a.bin"), mime_by_name("a"), mime_by_name(None)) == (
        UNKNOWN_MIME,
        None,
        None,
    )
    assert guess_mime("a") == guess_mime(None) == UNKNOWN_MIME
