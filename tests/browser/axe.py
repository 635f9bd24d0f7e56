"""axe-core, which finds what keeps people out of a page."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tools import node

_WANTED: Final = Path(__file__).parent / "package.json"
_FOLDER: Final = node.ROOT / ".browser-tools"


def source() -> str:
    """Its script; installed by npm the first time."""
    packages = node.installed(_WANTED, _FOLDER)
    return (packages / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
