"""The page's files as they are deployed: as small as they get.

On a laptop they are served as they were written, so that nothing has to be built there.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from chalicelib.api.web import assets
from tools import node

HERE: Final = Path(__file__).resolve().parent
PACKAGES: Final = (HERE / "web" / "package.json", node.ROOT / ".web-tools")


def write(folder: Path) -> None:
    """Into a new folder, under the names that they are served by. Raises CalledProcessError."""
    packages = node.installed(*PACKAGES)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        made, out = Path(temporary, "made"), Path(temporary, "out")
        made.mkdir()
        style, chart = made / assets.STYLE, made / assets.CHART
        style.write_text(assets.styles(), encoding="utf-8")
        chart.write_text(assets.library(*assets.CHART_SCRIPT), encoding="utf-8")
        asked = {
            "modules": str(assets.STATIC),
            "preact": str(assets.library_path(*assets.PREACT)),
            "style": str(style),
            "chart": str(chart),
            "out": str(out),
        }
        program = [str(packages), json.dumps(asked)]
        subprocess.run(node.command(HERE / "web" / "minify.cjs", program), check=True)
        for name in (assets.SCRIPT, assets.STYLE, assets.CHART):
            small = assets.named(name, (out / name).read_text(encoding="utf-8"))
            (folder / small.name).write_text(small.body, encoding="utf-8")
