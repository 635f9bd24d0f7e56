"""`python -m tools.check_web`: the types of the page's modules, as their comments tell them."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

from tools import node, pack_web

PROJECT: Final = node.ROOT / "chalicelib" / "api" / "web" / "tsconfig.json"


def main() -> int:
    packages = node.installed(*pack_web.PACKAGES)
    command = node.command(packages / "typescript" / "bin" / "tsc", ["--project", str(PROJECT)])
    return subprocess.run(command, cwd=node.ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
