"""Values of experiment artifacts: data URLs, images, numbers, and how they are spelled."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.model.experiment_artifact import JsonContent, MediaContent, Point
from chalicelib.domain.artifact_values import (
    Unfit,
    ValueKind,
    checked_number,
    content_of,
    packed,
    read_numbers,
    spelled,
    unpacked,
)
from chalicelib.domain.data_urls import DataUrl, read_data_url
from chalicelib.domain.image_types import SNIFFED_BYTES, image_type, raster_type
from tests.api.named import IMAGES, SVG, data_url, png

NUMBERS = st.one_of(st.integers(-(2**80), 2**80), st.floats(allow_nan=False, allow_infinity=False))
JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.binary(), st.sampled_from(["image/png", "text/plain", "application/x-a+b.c"]))
def test_a_data_url_is_read_back(body: bytes, mime: str) -> None:
    assert read_data_url(data_url(body, mime)) == DataUrl(mime, body)


@pytest.mark.parametrize(
    "text, mime",
    [
        ("data:;base64,eA==", "text/plain;charset=us-ascii"),
        ("data:;charset=utf-8;base64,eA==", "text/plain;charset=utf-8"),
        ("DATA:Image/PNG;BASE64,eA==", "image/png"),
        ("data:text/plain;charset=utf-8;format=flowed;base64,eA==", "text/plain;charset=utf-8"),
        ("data:text/html;name=a b.html;base64,eA==", "text/html"),
    ],
)
def test_heads_of_data_urls(text: str, mime: str) -> None:
    assert read_data_url(text) == DataUrl(mime, b"x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "data:",
        "data:text/plain,x",
        "data:text/plain;base64",
        "data:text;base64,eA==",
        "data:/plain;base64,eA==",
        "data:text/pl\r\nain;base64,eA==",
        " data:text/plain;base64,eA==",
        "data:text/plain;base64,eA",
        "data:text/plain;base64,eA==\n",
        "data:text/plain;base64,e A==",
        "data:text/plain;base64,_-==",
        "data:text/plain;base64,é===",
        f"data:text/{'x' * 127};base64,eA==",
        f"data:text/plain{';a=b' * 100};base64,eA==",
    ],
)
def test_what_is_no_base64_data_url(text: str) -> None:
    with pytest.raises(ValueError, match=r"data URL|media type"):
        read_data_url(text)


@pytest.mark.parametrize("mime", IMAGES)
def test_real_images_are_told_by_their_bytes(mime: str) -> None:
    body = IMAGES[mime]
    assert image_type(body) == mime
    assert raster_type(body[:SNIFFED_BYTES]) == (None if body is SVG else mime)
    assert image_type(body[:3]) is None
    assert image_type(b"x" + body) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        png()[:16] + bytes(8) + png()[24:],  # no width, no height
        b"\xff\xd8\xff\x00",
        b"GIF88a" + bytes(20),
        b"GIF89a",
        b"RIFF\x10\0\0\0WAVEfmt ",
        b"RIFF\x10\0\0\0WEBPxxxx",
        b"BM" + struct.pack("<IHHI", 100, 0, 0, 54) + bytes(86),
    ],
)
def test_what_only_looks_like_an_image_is_none(body: bytes) -> None:
    assert image_type(body) is None


@pytest.mark.parametrize(
    "body, is_one",
    [
        (b"<svg/>", True),
        (b'\xef\xbb\xbf<svg xmlns="http://www.w3.org/2000/svg"/>', True),
        ('<?xml version="1.0"?><svg>é</svg>'.encode("utf-16"), True),
        (b"<!-- made by hand --><svg><script>1</script></svg>", True),
        (b"<html><svg/></html>", False),
        (b'<svg xmlns="urn:other"/>', False),
        (b"<svg>", False),
        (b"<svg/><svg/>", False),
        (b"\xff<svg/>", False),
        (b'<?xml version="1.0" encoding="no-such"?><svg/>', False),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>', False),
        (b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/hostname">]><svg>&a;</svg>', False),
        (b"<svg>&undefined;</svg>", False),
    ],
)
def test_an_svg_is_well_formed_and_defines_no_entities(body: bytes, is_one: bool) -> None:
    assert (image_type(body) == "image/svg+xml") is is_one


def test_a_type_has_other_names() -> None:
    content = content_of("image", data_url(IMAGES["image/jpeg"], "image/jpg"))
    assert content == MediaContent(IMAGES["image/jpeg"], "image/jpeg")


@given(JSON_VALUES)
def test_json_is_spelled_exactly(value: Any) -> None:
    assert repr(json.loads(spelled(value))) == repr(value)


@pytest.mark.parametrize("value", ["\ud800", ["\udfff"], {"\udc80": 1}, [float("nan")]])
def test_what_json_cannot_spell_is_refused(value: Any) -> None:
    with pytest.raises(Unfit, match=r"surrogate|infinity"):
        spelled(value)


@given(NUMBERS)
def test_a_number_is_kept_exactly(number: float) -> None:
    content = content_of("value", number)
    assert isinstance(content, JsonContent)
    assert content.numeric
    assert repr(read_numbers([content.text])) == repr([number])


@pytest.mark.parametrize(
    "value", [True, "1", None, float("nan"), float("inf"), 10**309, -(10**309), [], 1j]
)
def test_what_is_no_finite_number(value: Any) -> None:
    with pytest.raises(Unfit):
        checked_number(value)


@given(st.lists(st.tuples(NUMBERS, NUMBERS)))
def test_points_are_packed_exactly(points: list[tuple[float, float]]) -> None:
    columns = unpacked(packed([Point(*point) for point in points]))
    assert repr(list(zip(*columns, strict=True))) == repr(points)


def test_points_take_a_few_bytes_each() -> None:
    points = [Point(step, 2.3 / (1 + step)) for step in range(10_000)]
    assert len(packed(points)) < 12 * len(points)


@pytest.mark.parametrize("kind", ["text", "list", "dict", "image", "file"])
def test_a_number_fits_no_other_kind(kind: ValueKind) -> None:
    with pytest.raises(Unfit):
        content_of(kind, 1)


def test_messages_tell_the_remedy_and_repeat_no_value() -> None:
    secret = base64.b64encode(b"secret").decode()
    with pytest.raises(Unfit, match="log any other type as a file") as refused:
        content_of("image", f"data:image/tiff;base64,{secret}")
    assert secret not in str(refused.value)
