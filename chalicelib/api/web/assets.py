"""The files of the page, under names that tell their content: they may be kept for good.

Where the service is deployed they are there, made small (tools/pack_web.py); elsewhere they are
made of the modules at the first request.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from chalicelib.api.web.pack import packed

STATIC: Final = Path(__file__).parent / "static"
PACKED: Final = Path(__file__).parent / "packed"
SCRIPT: Final = "app.js"
STYLE: Final = "app.css"
CHART: Final = "chart.js"
MEDIA_TYPES: Final = {"js": "text/javascript", "css": "text/css"}
PREACT: Final = ("datasette_preact", "static/preact-10.27.2-htm-3.1.1.min.js")
CHART_SCRIPT: Final = ("uplot", "static/uPlot.iife.js")
CHART_STYLE: Final = ("uplot", "static/uPlot.min.css")
_LEGEND: Final = re.compile(r"[^{}]*\.u-(?:legend|inline|title)[^{}]*\{[^{}]*\}")
"""Rules of what our charts have parts of their own for."""


@dataclass(frozen=True, slots=True)
class Asset:
    """`name` is the plain one with a part of the hash of the body."""

    plain_name: str
    name: str
    media_type: str
    body: str


@dataclass(frozen=True, slots=True)
class Assets:
    """`script` and `style` are the page's own, `chart` is fetched where there is a chart."""

    script: Asset
    style: Asset
    chart: Asset

    def find(self, name: str) -> Asset | None:
        return next(
            (one for one in (self.script, self.style, self.chart) if one.name == name), None
        )


@cache
def assets() -> Assets:
    """Read or made once in a process."""
    if PACKED.is_dir():
        return Assets(_read(SCRIPT), _read(STYLE), _read(CHART))
    return made()


def made() -> Assets:
    """Of the modules and the libraries."""
    return Assets(
        named(SCRIPT, packed("./main.js", _module)),
        named(STYLE, styles()),
        named(CHART, library(*CHART_SCRIPT)),
    )


def named(plain_name: str, body: str) -> Asset:
    stem, _, ending = plain_name.partition(".")
    digest = hashlib.sha256(body.encode()).hexdigest()[:16]
    media_type = f"{MEDIA_TYPES[ending]}; charset=utf-8"
    return Asset(plain_name, f"{stem}.{digest}.{ending}", media_type, body)


def _read(plain_name: str) -> Asset:
    stem, _, ending = plain_name.partition(".")
    (path,) = PACKED.glob(f"{stem}.*.{ending}")
    return named(plain_name, path.read_text(encoding="utf-8"))


def _module(name: str) -> str:
    return library(*PREACT) if name == "preact" else _own(name.removeprefix("./"))


def styles() -> str:
    """The library's, what all views share, then each view's own."""
    own = sorted(path.name for path in STATIC.glob("*.css") if path.name != "style.css")
    chart = _LEGEND.sub("", library(*CHART_STYLE))
    return chart + "".join(map(_own, ("style.css", *own)))


def _own(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def library(package: str, path: str) -> str:
    return library_path(package, path).read_text(encoding="utf-8")


def library_path(package: str, path: str) -> Path:
    """A file of an installed package, which is not imported: its Python has no part in this."""
    spec = find_spec(package)
    assert spec is not None, package
    assert spec.submodule_search_locations, package
    return Path(spec.submodule_search_locations[0]) / path
