"""Experiment artifacts in tests: logging, reading and finding them, and images that are real."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any, Final
from urllib.parse import quote

import httpx

from tests.api.answers import Json, found, gone
from tests.api.harness import EXPERIMENTS, Service

GIF: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
WEBP: Final = base64.b64decode("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
JPEG: Final = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////"
    "////////////////////////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA="
)
SVG: Final = (
    b'<?xml version="1.0" encoding="utf-8" standalone="no"?>\n'
    b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN"\n'
    b'  "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n'
    b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"><rect/></svg>'
)


def png(width: int = 1, height: int = 1) -> bytes:
    """A grey image."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


IMAGES: Final = {
    "image/png": png(),
    "image/jpeg": JPEG,
    "image/gif": GIF,
    "image/webp": WEBP,
    "image/svg+xml": SVG,
}


def data_url(body: bytes, mime: str = "application/octet-stream") -> str:
    return f"data:{mime};base64,{base64.b64encode(body).decode()}"


def names_url(experiment_id: str) -> str:
    return f"{EXPERIMENTS}/{experiment_id}/artifacts"


def name_url(experiment_id: str, name: str) -> str:
    return f"{names_url(experiment_id)}/{quote(name, safe='')}"


def send(service: Service, experiment_id: str, **body: Any) -> httpx.Response:
    return service.write.post(names_url(experiment_id), json=body)


def log(service: Service, experiment_id: str, name: str, kind: str, value: Any) -> None:
    """A value, or the (x, y) of a timeseries."""
    if kind == "timeseries":
        sent = {"points": [{"x": x, "y": y} for x, y in value]}
    else:
        sent = {"value": value}
    answer = send(service, experiment_id, name=name, kind=kind, **sent)
    assert (answer.status_code, answer.content) == (200, b""), answer.text


def read(service: Service, experiment_id: str, name: str, **query: str) -> Json:
    return found(service.read.get(name_url(experiment_id, name), params=query))


def read_points(service: Service, experiment_id: str, name: str) -> list[tuple[Any, Any]]:
    """All pages."""
    points: list[tuple[Any, Any]] = []
    page = read(service, experiment_id, name)
    while True:
        points += [(point["x"], point["y"]) for point in page["points"]]
        if page["next_cursor"] is None:
            return points
        page = read(service, experiment_id, name, cursor=page["next_cursor"])


def listed(service: Service, experiment_id: str, **query: str | int) -> Json:
    return found(service.read.get(names_url(experiment_id), params=query))


def where(service: Service, experiment_id: str, name: str, **query: str) -> httpx.Response:
    return service.read.get(name_url(experiment_id, name) + "/content", params=query)


def download(service: Service, experiment_id: str, name: str, **query: str) -> httpx.Response:
    redirect = where(service, experiment_id, name, **query)
    assert redirect.status_code == 307, redirect.text
    answer = service.files.get(redirect.headers["location"])
    assert answer.status_code == 200, answer.text
    return answer


def delete(service: Service, experiment_id: str, name: str) -> None:
    gone(service.write.delete(name_url(experiment_id, name)))
