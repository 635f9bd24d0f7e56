"""Starts the programs of programs.py, for tests about how a process ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.api.process import KEY, ROOT, Serving
from trialbook import Client, Run


class Programs:
    """Starts programs whose environment names the server."""

    def __init__(self, server: Serving, spool_dir: Path) -> None:
        self._server = server
        self.spool_dir = spool_dir

    def start(self, name: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.client.programs", name],
            env={
                **_without_coverage(os.environ),
                "TRIALBOOK_URL": self._server.url,
                "TRIALBOOK_API_KEY": KEY,
                "TRIALBOOK_STATE_DIR": str(self.spool_dir.parent),
                **environment,
            },
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ran(self, name: str) -> tuple[int, list[str], str]:
        """Exit status, lines of stdout, stderr."""
        with self.start(name) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out.splitlines(), err

    def run(self, run_id: str) -> Run:
        with Client(self._server.url, api_key=KEY) as tb:
            return tb.runs.get(run_id)


def _without_coverage(environment: Mapping[str, str]) -> dict[str, str]:
    """How a process ends is what these programs are about, and coverage has a hand in that: it
    handles SIGTERM."""
    return {name: value for name, value in environment.items() if not name.startswith("COVERAGE")}
