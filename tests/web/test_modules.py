"""What the page's modules work out: each is checked in JavaScript, by a file of its name here."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import pytest

from tools import node

HERE: Final = Path(__file__).parent


@pytest.mark.integration
@pytest.mark.parametrize("checks", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_module(checks: str) -> None:
    # The modules are read as they are served: no package.json says that they are modules.
    options = ["--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", "--test"]
    done = subprocess.run(
        [*node.NODE, *options, str(HERE / checks)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
