"""`python -m tests.compat [ARGUMENTS OF PYTEST]`: install the client, and compare.

With the client of the version that is pinned first, then with that of the minor version before it;
the server is always the pinned one. `--quick` is the first alone, without the slow scenarios.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent
LEGS: Final = {
    ".venv-compat": "requirements.txt",
    ".venv-compat-previous": "requirements-previous.txt",
}


def install(venv: str, requirements: Path) -> Path:
    """Its Python; installed once, and again when the versions change."""
    folder = ROOT / venv
    python, stamp = folder / "bin" / "python", folder / ".installed"
    wanted = requirements.read_text(encoding="utf-8")
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"Installing {requirements.relative_to(ROOT)} into {venv} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
        subprocess.run([*pip, "install", "-r", str(requirements)], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return python


def main(arguments: list[str]) -> int:
    quick = "--quick" in arguments
    legs = dict(list(LEGS.items())[:1]) if quick else LEGS
    arguments = [each for each in arguments if each != "--quick"]
    if quick:
        arguments += ["-m", "not slow"]
    status = 0
    server = install(".venv-compat", HERE / "requirements.txt")
    for venv, requirements in legs.items():
        python = install(venv, HERE / requirements)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", str(HERE), *arguments],
            cwd=ROOT,
            env={
                **os.environ,
                "TEST_COMPAT_PYTHON": str(python),
                "TEST_COMPAT_SERVER": str(server),
            },
            check=False,
        )
        status = status or done.returncode
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
