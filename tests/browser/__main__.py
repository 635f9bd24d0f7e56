"""`python -m tests.browser [ARGUMENTS OF PYTEST]`: the web page in Chromium.

With `--screenshots` alone it takes the pictures of the documentation instead. Without a Chromium it
says what to install and exits with 2.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.browser import axe, chromium
from tools import node, pack_web

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]


def main(arguments: list[str]) -> int:
    program = chromium.found()
    if program is None:
        print(chromium.MISSING, file=sys.stderr)
        return 2
    if arguments == ["--screenshots"]:
        from tests.browser import screenshots

        screenshots.take(program)
        return 0
    # Before there are several processes that would install them.
    axe.source()
    node.installed(*pack_web.PACKAGES)
    # Files that are named replace the folder.
    named = any(one.startswith("tests/") for one in arguments)
    where = [] if named else [str(HERE.relative_to(ROOT))]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, *where],
        cwd=ROOT,
        env={**os.environ, chromium.VARIABLE: program},
        check=False,
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
