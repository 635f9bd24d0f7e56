"""A Trialbook of the demo's own, and the checks that make it a test."""

from __future__ import annotations

import hashlib
import os
import reprlib
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import trialbook

ROOT: Final = Path(__file__).resolve().parents[1]
READY: Final = "Trialbook is ready at "
STOP_S: Final = 30


class DemoError(Exception):
    """The demo cannot go on; the message is one line."""


class Place(NamedTuple):
    """A Trialbook, and where its clients keep what they could not send; None is their default."""

    url: str
    api_key: str
    spool: Path | None = None

    def client(self) -> trialbook.Client:
        return trialbook.Client(self.url, api_key=self.api_key, spool_dir=self.spool)


@contextmanager
def own_trialbook() -> Generator[Place]:
    """A Trialbook that lives as long as the block, all it keeps in a temporary folder.

    Raises DemoError when it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="trialbook-demo-") as folder:
        home = Path(folder, "home")
        kept = {name: value for name, value in os.environ.items() if name != "TRIALBOOK_API_KEY"}
        log = Path(folder, "server.log")
        with (
            log.open("w") as stderr,
            subprocess.Popen(
                [sys.executable, "-m", "local"],
                cwd=ROOT,
                env={**kept, "TRIALBOOK_HOME": str(home), "TRIALBOOK_PORT": "0"},
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            ) as process,
        ):
            try:
                line = "" if process.stdout is None else process.stdout.readline()
                if not line.startswith(READY):
                    process.wait(STOP_S)
                    reason = log.read_text().strip().rpartition("\n")[2]
                    raise DemoError(f"Trialbook did not start: {reason or 'it said nothing'}")
                api_key = (home / "api-key").read_text().strip()
                yield Place(line.removeprefix(READY).strip(), api_key, Path(folder, "spool"))
            finally:
                process.terminate()
                try:
                    process.communicate(timeout=STOP_S)
                except subprocess.TimeoutExpired:
                    process.kill()


def check(what: str, found: object, expected: object) -> None:
    """Raises DemoError unless they are equal."""
    if found != expected:
        wanted, had = reprlib.repr(expected), reprlib.repr(found)
        raise DemoError(f"{what}: expected {wanted}, found {had}")


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
