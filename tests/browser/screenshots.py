"""Pictures of the page for the documentation: `python -m tests.browser --screenshots`."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Final
from urllib.parse import quote

from PIL import Image

from tests.api.process import serving
from tests.browser import filling, filling_variants
from tests.browser.chromium import started
from tests.browser.pages import address
from tests.browser.tab import Tab
from tests.browser.watching import Watch
from tests.folders import quick_folder

FOLDER: Final = Path(__file__).parents[2] / "docs" / "img"
MAX_BYTES: Final = 150_000
PICTURES: Final[Mapping[str, str]] = {
    "experiments": "#/experiments",
    "runs": "#/experiments/{s.experiment}?selected={some}&sort=metrics.val/accuracy:desc",
    "charts": "#/experiments/{s.experiment}/charts?runs={some}&metrics=val",
    "run": "#/runs/{s.digits[0]}",
    "files": f"#/runs/{{s.with_files}}/files?file={quote('plots/confusion matrix.png')}",
    "notes": "#/runs/{s.digits[0]}/notes",
    "compare": "#/compare?runs={some}",
    "parallel": "#/compare?experiment={s.experiment}",
    "artifacts": "#/artifacts?query=cats",
    "values": "#/experiments/{s.experiment}/artifacts?open=calibration",
    "results": "#/experiments/{t.checkout}/results",
}

_LEFT_OUT: Final = ("n" * 63, "scratch", "nothing-yet", "odd-numbers")
"""Experiments that show nothing to a reader."""


def take(program: str) -> None:
    """Writes docs/img/NAME.png of each page, 1280 by 800, light."""
    FOLDER.mkdir(exist_ok=True)
    with quick_folder() as folder, serving(Path(folder)) as server, started(program) as browser:
        story, variants = filling.fill(server), filling_variants.fill(server)
        with server.client() as client:
            for slug in _LEFT_OUT:
                client.delete(f"/api/v1/experiments/{slug}").raise_for_status()
        context = browser.new_context(
            viewport={"width": 1280, "height": 800}, color_scheme="light", reduced_motion="reduce"
        )
        tab = Tab(context.new_page(), Watch(context, server.url), server.url)
        tab.type_key()
        for name, template in PICTURES.items():
            tab.open(address(template, story, variants))
            if name == "charts":
                tab.page.locator("canvas").first.wait_for()
                tab.settle()
            body = _small(tab.page.screenshot(animations="disabled", caret="hide"))
            assert len(body) <= MAX_BYTES, f"{name}: {len(body)} bytes"
            (FOLDER / f"{name}.png").write_bytes(body)
            print(f"docs/img/{name}.png: {len(body):,} bytes")
        context.close()


def _small(picture: bytes) -> bytes:
    body = BytesIO()
    # Rare colours, such as those of thin lines, are kept too.
    image = Image.open(BytesIO(picture)).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
    image.save(body, "PNG", optimize=True)
    return body.getvalue()
