"""The command line `trialbook`: nothing of it is imported by `import trialbook`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command of `sys.argv`; exits the process with its exit code."""
    try:
        from trialbook.cli.program import app

        app(prog_name="trialbook")
    except KeyboardInterrupt:
        sys.exit(130)
