"""`python -m tests.integration [ARGUMENTS OF PYTEST]`: the tests marked `engines`, on real engines.

Fetches and starts the engines, deploys the package, runs the tests, stops the engines. A part that
is missing is named at the end with the reason; with TRIALBOOK_ENGINES=required it is a failure.
With TRIALBOOK_DEPLOY=no nothing is deployed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Final

from tests.integration import emulator, processes
from tests.integration.parts import ROOT, Missing

DEPLOYED: Final = "the deployed package"
ENGINES: Final = {
    "DynamoDB Local": processes.dynamodb_local,
    "SeaweedFS": processes.seaweedfs,
    DEPLOYED: emulator.deployed,
}


def main(arguments: list[str]) -> int:
    required = os.environ.get("TRIALBOOK_ENGINES") == "required"
    missing: dict[str, str] = {}
    status = 0
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environment: dict[str, str] = {}
        for name, start in ENGINES.items():
            if name == DEPLOYED and os.environ.get("TRIALBOOK_DEPLOY") == "no":
                continue
            print(f"Starting {name} ...", flush=True)
            try:
                environment |= stack.enter_context(start(scratch))
            except Missing as error:
                missing[name] = str(error)
        if environment:
            command = [sys.executable, "-m", "pytest", *arguments]
            status = subprocess.run(
                command, cwd=ROOT, env={**os.environ, **environment}, check=False
            ).returncode
    if missing.keys() - {DEPLOYED}:
        missing["the API on both"] = "an engine is missing"
    for name, reason in missing.items():
        print(f"SKIPPED: {name}: {reason}")
    if missing and required:
        print("TRIALBOOK_ENGINES=required, and not all of them are there")
    return status or (1 if missing and required else 0)


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    raise SystemExit(128 + number)


if __name__ == "__main__":
    for stopping in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(stopping, _end)
    sys.exit(main(sys.argv[1:]))
