"""A table and a bucket of the real engines, and processes that work on them at the same time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests import real_engines
from tests.integration.parts import ROOT

WAIT_S: Final = 300


@dataclass(frozen=True)
class Received:
    """What a process that only knows a URL was answered."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Stores:
    """`name` is that of the table and of the bucket."""

    name: str
    folder: Path

    def in_processes(self, job: str, arguments: list[Any]) -> list[Any]:
        """What a process for each of the arguments answers, all of them at work at once."""
        command = [sys.executable, "-m", "tests.integration.worker", self.name, job]
        environment = {**os.environ, real_engines.OWNER_VARIABLE: real_engines.OWNER}
        processes = [
            subprocess.Popen(
                [*command, json.dumps(argument)],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for argument in arguments
        ]
        try:
            for process in processes:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
            for process in processes:
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
            answers = [process.communicate(timeout=WAIT_S)[0] for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.wait()
        assert [process.returncode for process in processes] == [0] * len(processes)
        return [json.loads(answer) for answer in answers]

    def elsewhere(
        self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Received:
        """A request from a process that has the URL and nothing else."""
        file = self.folder / "body"
        file.write_bytes(body)
        script = Path(__file__).with_name("transfer.py")
        done = subprocess.run(
            [sys.executable, "-I", str(script), method, url, str(file)],
            env={},
            input=json.dumps(headers or {}),
            stdout=subprocess.PIPE,
            text=True,
            timeout=WAIT_S,
            check=True,
        )
        answer = json.loads(done.stdout)
        return Received(answer["status"], answer["headers"], file.read_bytes())
