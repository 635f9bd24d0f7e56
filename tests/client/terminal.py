"""The command line in this process, before the real app; and in processes, before a real server."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import pytest
import typer.testing
from typer.main import get_command
from typer.testing import CliRunner, Result

from tests.client.harness import URL, Bench
from trialbook.cli.program import app
from trialbook.cli.session import Session
from trialbook.sync import Client

TRIALBOOK: Final = Path(sys.executable).with_name("trialbook")


_built: Final = functools.cache(get_command)
"""Building all commands takes 30 ms: a process does it once, and so do these tests."""


@dataclass
class Terminal:
    """Somebody who types commands. What stdout holds is plain: it is no terminal."""

    bench: Bench
    key: str | None = None

    def run(
        self,
        *words: str,
        answers: str | bytes | None = None,
        interactive: bool = False,
        session: Session | None = None,
    ) -> Result:
        """The command's end. `answers` is its stdin."""
        session = session or Session(self._connect, interactive)
        with patch.object(typer.testing, "_get_command", _built):
            return CliRunner().invoke(app, words, input=answers, prog_name="trialbook", obj=session)

    def ok(self, *words: str, answers: str | bytes | None = None) -> str:
        """What a command that goes well prints."""
        done = self.run(*words, answers=answers)
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.stdout

    def json(self, *words: str, answers: str | bytes | None = None) -> Any:
        """The same with --json, parsed."""
        return json.loads(self.ok(*words, "--json", answers=answers))

    def fails(self, code: int, *words: str, answers: str | bytes | None = None) -> str:
        """The line on stderr of a command that ends so, and prints nothing else."""
        done = self.run(*words, answers=answers)
        assert done.exit_code == code, (words, done.output, done.exception)
        lines = done.stderr.splitlines()
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("trialbook: ")
        return lines[0].removeprefix("trialbook: ")

    def _connect(self, session: Session) -> Client:
        assert session.url in {None, URL}
        return self.bench.sync_client(session.api_key or self.key, progress=session.progress)


def rows(printed: str) -> list[list[str]]:
    """Of a table that was printed into a pipe."""
    return [line.split("\t") for line in printed.splitlines()]


def completed(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, line: str) -> list[str]:
    """What bash is told to offer after this line."""
    words = line.split(" ")
    monkeypatch.setenv("_TRIALBOOK_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", " ".join(words))
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    done = terminal.run()
    assert done.stderr == ""
    monkeypatch.delenv("_TRIALBOOK_COMPLETE")
    return done.stdout.split()


def command(
    *words: str, env: Mapping[str, str], stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """`trialbook` in a process of its own, its home in the current folder."""
    return subprocess.run(
        [TRIALBOOK, *words],
        env={**os.environ, **env},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
