"""`python -m tests.compat.driver MODULE`: run its scenarios, and print a JSON line for each.

Runs where `mlflow` is installed, and imports nothing of Trialbook. MLFLOW_TRACKING_URI says where.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final, TypeAlias

from tests.compat.book import Book

Scenario: TypeAlias = Callable[[Book], None]
SECONDS: Final = 150
"""A scenario that hangs is ended, and tells where."""
_SCENARIOS: list[Scenario] = []


def scenario(function: Scenario) -> Scenario:
    """Register a scenario of the module that is imported."""
    _SCENARIOS.append(function)
    return function


class TookTooLong(BaseException):
    """Not an Exception: a scenario's attempts must not swallow it."""


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TookTooLong(f"more than {SECONDS} s")


def run(found: Scenario) -> dict[str, Any]:
    """Its outcome: the steps, and the error that ended it early."""
    mlflow: Any = importlib.import_module("mlflow")
    book = Book(found.__name__)
    ended: str | None = None
    began = time.monotonic()
    signal.alarm(SECONDS)
    try:
        found(book)
    except (Exception, TookTooLong):  # noqa: BLE001  # told, and the next scenario goes on
        ended = traceback.format_exc()
    finally:
        signal.alarm(0)
        while mlflow.active_run():
            mlflow.end_run()
        shutil.rmtree(book.folder, ignore_errors=True)
    print(f"{book.name}: {time.monotonic() - began:.1f} s", file=sys.stderr)
    return {"scenario": book.name, "steps": book.steps, "ended": ended}


def main(module: str) -> None:
    """Stdout is for the outcomes alone; what mlflow prints goes to stderr."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _too_long)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        # the decorator must be that of the module that scenarios import, which `__main__` is not
        driver = importlib.import_module("tests.compat.driver")
        importlib.import_module(f"tests.compat.scenarios.{module}")
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        for found in driver._SCENARIOS:
            out.write(json.dumps(driver.run(found)) + "\n")
            out.flush()
        os.chdir(Path(__file__).parent)


if __name__ == "__main__":
    main(sys.argv[1])
