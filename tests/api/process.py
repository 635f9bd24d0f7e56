"""`python -m local` in a process of its own, for tests that must meet it over a socket."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

ROOT: Final = Path(__file__).parents[2]
KEY: Final = "tb_keyoftests_" + "s" * 40
"""The admin key of tenant and user `default`."""
STOP_S: Final = 40


@dataclass(frozen=True)
class Serving:
    """A server that is ready; `log` is what it says on stderr."""

    url: str
    log: Path
    process: subprocess.Popen[str]

    def kill(self) -> None:
        """SIGKILL: it has no chance to put anything in order."""
        self.process.kill()
        self.process.wait()

    def client(self) -> httpx.Client:
        """Sends the key."""
        return httpx.Client(base_url=self.url, headers={"x-api-key": KEY}, timeout=30)


@contextmanager
def serving(folder: Path, port: int = 0, tree: Path = ROOT) -> Generator[Serving]:
    """A server on that port, or a free one, its home in `folder`, of the code in `tree`. Stopping
    it must go well."""
    environment = {
        **os.environ,
        "TRIALBOOK_HOME": str(folder / "home"),
        "TRIALBOOK_PORT": str(port),
        "TRIALBOOK_API_KEY": KEY,
    }
    log = folder / "server.log"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, "-m", "local"],
            env=environment,
            cwd=tree,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.fullmatch(r"Trialbook is ready at (\S+)\n", line)
            assert found, line + log.read_text()
            yield Serving(found[1], log, process)
            if process.returncode is not None:
                return  # killed by the test
            process.terminate()
            process.communicate(timeout=STOP_S)
            assert process.returncode == 0, log.read_text()
        finally:
            process.kill()
