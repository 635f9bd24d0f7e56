"""What an unmodified `mlflow` package gets from Trialbook is what it gets from `mlflow server`."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest

from tests.api.process import KEY, serving
from tests.compat.differences import Table
from tests.compat.servers import mlflow_server, outcomes, start_driver

PYTHON: Final = os.environ.get("TEST_COMPAT_PYTHON", "")
if not PYTHON:
    pytest.skip("`make test-compat` installs mlflow and drives it", allow_module_level=True)

SERVER: Final = os.environ.get("TEST_COMPAT_SERVER", PYTHON)
"""What each client is expected to get is what the pinned version's server answers."""

# they are read, not imported: mlflow is not in this process
SCENARIOS: Final = {
    path.stem: re.findall(
        r"^@scenario\ndef (\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE
    )
    for path in sorted((Path(__file__).parent / "scenarios").glob("[!_]*.py"))
}
SLOW: Final = {"artifacts", "fluent", "metrics", "models", "registry"}
"""Modules that take more than some seconds."""
Both: TypeAlias = tuple[Mapping[str, Any], Mapping[str, Any]]


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> Generator[Callable[[str], Both]]:
    """Outcomes of a module's scenarios: of `mlflow server`, and of Trialbook."""
    folder = tmp_path_factory.mktemp("compat")
    python = Path(PYTHON)
    with ExitStack() as stack:
        theirs = stack.enter_context(mlflow_server(Path(SERVER), folder))
        ours = stack.enter_context(serving(folder))

        @cache
        def run(module: str) -> Both:
            # side by side
            drivers = (
                start_driver(python, module, theirs, {}),
                start_driver(python, module, ours.url, {"MLFLOW_TRACKING_TOKEN": KEY}),
            )
            first, second = (outcomes(driver) for driver in drivers)
            return first, second

        yield run


@pytest.fixture(scope="session")
def table() -> Table:
    """Of the differences that are allowed, and those that were met."""
    return Table()


@pytest.mark.parametrize(
    "module, scenario",
    [
        pytest.param(module, name, marks=[pytest.mark.slow] if module in SLOW else [])
        for module, names in SCENARIOS.items()
        for name in names
    ],
)
def test_scenario(both: Callable[[str], Both], table: Table, module: str, scenario: str) -> None:
    theirs, ours = (outcome[scenario] for outcome in both(module))
    assert theirs["ended"] is None, f"at mlflow server:\n{theirs['ended']}"
    told: list[str] = []
    for step, outcome in theirs["steps"].items():
        actual = ours["steps"].get(step, "(not reached)")
        expected = table.expected(f"{module}.{scenario}.{step}", outcome, actual)
        if expected != actual:
            told.append(f"{step}:\n{diff(expected, actual)}")
    if ours["ended"]:
        told.append(f"it ended early:\n{ours['ended']}")
    table.done.add((module, scenario))
    assert not told, "\n".join([f"mlflow server has -, Trialbook has +, in {scenario}", *told])


def test_every_difference_is_met(table: Table) -> None:
    """After all the others."""
    left = {(m, name) for m, names in SCENARIOS.items() for name in names} - table.done
    if left:
        pytest.skip(f"{len(left)} scenarios did not run")
    assert table.never_met() == []


def diff(expected: Any, actual: Any) -> str:
    """Lines of JSON that differ, with one around them."""
    theirs, ours = (
        json.dumps(each, indent=1, sort_keys=True, ensure_ascii=False).splitlines()
        for each in (expected, actual)
    )
    return "\n".join(list(difflib.unified_diff(theirs, ours, lineterm="", n=1))[2:])
