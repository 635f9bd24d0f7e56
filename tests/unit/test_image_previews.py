"""Previews of images of every kind, and none of what is broken or vast."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.ExifTags import Base

from chalicelib.domain import image_previews
from chalicelib.domain.image_previews import MAX_IMAGE_PIXELS, PREVIEW_PIXELS, preview_of
from tests.unit.images_given import halves, image_bytes, opened, png, vast_png

RED, BLUE = (255, 0, 0), (0, 0, 255)


def is_near(found: Any, wanted: tuple[int, ...], by: int = 30) -> bool:
    return all(abs(one - other) <= by for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_preview_shows_the_image(format_name: str) -> None:
    preview = opened(preview_of(image_bytes(halves(), format_name)))
    assert (preview.format, preview.size, preview.mode) == ("WEBP", (512, 256), "RGB")
    assert is_near(preview.getpixel((20, 128)), RED)
    assert is_near(preview.getpixel((490, 128)), BLUE)


@given(st.integers(1, 1500), st.integers(1, 1500))
def test_sides_keep_their_proportion_and_never_grow(width: int, height: int) -> None:
    preview = opened(preview_of(image_bytes(Image.new("L", (width, height)), "PNG")))
    assert max(preview.size) == min(PREVIEW_PIXELS, max(width, height))
    scale = max(preview.size) / max(width, height)
    assert abs(preview.width - width * scale) <= 1
    assert abs(preview.height - height * scale) <= 1


def test_a_pixel_and_a_line_have_previews() -> None:
    assert opened(preview_of(png(1, 1))).size == (1, 1)
    assert opened(preview_of(png(20_000, 1))).size == (512, 1)


@pytest.mark.parametrize("orientation, corner", [(1, RED), (3, BLUE), (6, RED), (8, BLUE)])
def test_it_stands_upright(orientation: int, corner: tuple[int, int, int]) -> None:
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    for format_name in ("JPEG", "PNG", "WEBP"):
        preview = opened(preview_of(image_bytes(halves(), format_name, exif=exif)))
        assert preview.size == ((512, 256) if orientation in {1, 3} else (256, 512))
        assert is_near(preview.getpixel((20, 20)), corner)


def test_it_tells_nothing_but_the_picture() -> None:
    exif = Image.Exif()
    exif[Base.Artist] = "Ada Lovelace"
    body = image_bytes(
        halves(), "JPEG", exif=exif, icc_profile=b"a profile", comment=b"taken at home",
        xmp=b"<x:xmpmeta>at home</x:xmpmeta>",
    )  # fmt: skip
    assert b"Ada" in body
    preview = preview_of(body)
    assert opened(preview).info.keys() <= {"loop", "background", "timestamp", "duration"}
    assert preview is not None
    assert all(said not in preview for said in (b"Ada", b"at home", b"EXIF", b"ICCP", b"XMP "))


def test_a_moving_image_shows_its_first_picture() -> None:
    pictures = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    for format_name in ("GIF", "WEBP"):
        body = image_bytes(pictures[0], format_name, save_all=True, append_images=pictures[1:])
        preview = opened(preview_of(body))
        assert getattr(preview, "n_frames", 1) == 1
        assert is_near(preview.getpixel((10, 10)), RED)


def test_inks_become_light() -> None:
    body = image_bytes(Image.new("CMYK", (600, 300), (0, 255, 255, 0)), "JPEG")
    assert is_near(opened(preview_of(body)).getpixel((9, 9)), RED)


def test_a_palette_is_looked_up_before_pixels_are_mixed() -> None:
    body = image_bytes(halves().quantize(), "PNG")
    assert is_near(opened(preview_of(body)).getpixel((20, 128)), RED)
    bits = Image.new("1", (1024, 2))
    bits.paste(1, (512, 0, 1024, 2))
    preview = opened(preview_of(image_bytes(bits, "PNG")))
    assert is_near(preview.getpixel((20, 0)), (0, 0, 0))
    assert is_near(preview.getpixel((500, 0)), (255, 255, 255))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_seen_through_stays_so(mode: str) -> None:
    image = Image.new("RGBA", (700, 350), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (350, 0, 700, 350))
    options: dict[str, Any] = {}
    if mode == "P":
        image = image.convert("RGB").quantize()
        options["transparency"] = image.getpixel((0, 0))
    else:
        image = image.convert(mode)
    preview = opened(preview_of(image_bytes(image, "PNG", **options)))
    assert preview.mode == "RGBA"
    left, right = preview.getpixel((20, 100)), preview.getpixel((490, 100))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert (left[3], right[3]) == (0, 255)


@pytest.mark.parametrize("value, grey", [(0, 0), (0x8000, 128), (0xFFFF, 255)])
def test_two_bytes_of_grey_are_scaled_not_cut(value: int, grey: int) -> None:
    body = image_bytes(Image.new("I;16", (600, 300), value), "PNG")
    assert is_near(opened(preview_of(body)).getpixel((9, 9)), (grey, grey, grey), 3)


@pytest.mark.slow
def test_a_bomb_is_not_decoded() -> None:
    for side in (6_000, 12_000, 50_000, 2**31 - 1):
        assert preview_of(vast_png(side, side)) is None


@pytest.mark.parametrize("format_name", ["JPEG", "GIF", "WEBP"])
def test_a_header_that_promises_too_much_is_believed(
    format_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = image_bytes(halves(80, 40), format_name)
    assert preview_of(body) is not None
    monkeypatch.setattr(image_previews, "MAX_IMAGE_PIXELS", 80 * 40 - 1)
    assert preview_of(body) is None


def test_the_limits_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    width, height = 1 << 12, MAX_IMAGE_PIXELS >> 12
    assert preview_of(image_bytes(Image.new("1", (width, height)), "PNG")) is not None
    assert preview_of(image_bytes(Image.new("1", (width, height + 1)), "PNG")) is None
    body = png()
    monkeypatch.setattr(image_previews, "MAX_IMAGE_BYTES", len(body))
    assert preview_of(body) is not None
    assert preview_of(body + b"\x00") is None


IMAGES = [
    image_bytes(halves(300, 200), format_name) for format_name in ("PNG", "JPEG", "GIF", "WEBP")
]


@given(st.sampled_from(IMAGES), st.data())
def test_what_is_broken_has_no_preview_or_a_sound_one_and_no_error(
    body: bytes, data: st.DataObject
) -> None:
    cut = body[: data.draw(st.integers(0, len(body)))]
    changes = data.draw(st.dictionaries(st.integers(0, len(body) - 1), st.integers(0, 255)))
    changed = bytearray(body)
    for at, value in changes.items():
        changed[at] = value
    for broken in (cut, bytes(changed)):
        preview = preview_of(broken)
        if preview is not None:
            assert max(opened(preview).size) <= PREVIEW_PIXELS


@pytest.mark.parametrize(
    "body", [b"", b"text", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", b"BM" * 99]
)
def test_other_bytes_have_none(body: bytes) -> None:
    assert preview_of(body) is None


def test_no_decoder_but_that_of_the_format_is_asked() -> None:
    tiff = io.BytesIO()
    halves(20, 20).save(tiff, "TIFF")
    assert preview_of(tiff.getvalue()) is None
    assert preview_of(image_bytes(halves(20, 20), "BMP")) is None


def test_nothing_loads_pillow_before_there_is_an_image() -> None:
    code = "import sys, app, chalicelib.domain.finalization; print('PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
