"""`make test-integration`: an engine that is missing is named, and processes end with the block."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration import __main__ as runner
from tests.integration import parts, processes
from tests.integration.parts import Missing
from tests.real_engines import Deviation


@contextmanager
def nowhere(scratch: Path) -> Generator[dict[str, str]]:
    raise Missing("there is no such program")
    yield {}


@contextmanager
def somewhere(scratch: Path) -> Generator[dict[str, str]]:
    yield {"TEST_NOTHING_URL": "http://127.0.0.1:9"}


@pytest.mark.parametrize("required, status", [("", 0), ("required", 1)])
def test_a_missing_engine_is_named_and_fails_the_run_only_when_it_is_required(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    required: str,
    status: int,
) -> None:
    monkeypatch.setattr(runner, "ENGINES", {"Such": nowhere, "Other": nowhere})
    monkeypatch.setenv("TRIALBOOK_ENGINES", required)
    assert runner.main(["--no-tests-are-run"]) == status
    said = capsys.readouterr().out
    assert "SKIPPED: Such: there is no such program\n" in said
    assert "SKIPPED: Other: there is no such program\n" in said


def test_the_deployment_can_be_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "ENGINES", {runner.DEPLOYED: nowhere})
    assert runner.main(["--no-tests-are-run"]) == 0
    assert "SKIPPED: the deployed package: there is no such program\n" in capsys.readouterr().out
    monkeypatch.setenv("TRIALBOOK_DEPLOY", "no")
    assert runner.main(["--no-tests-are-run"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_the_status_is_that_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "ENGINES", {"Some": somewhere})
    monkeypatch.setenv("TRIALBOOK_ENGINES", "required")
    assert runner.main(["--no-such-option-of-pytest"]) == pytest.ExitCode.USAGE_ERROR


def test_a_command_that_is_not_there_or_fails_is_a_reason() -> None:
    with pytest.raises(Missing, match="there is no trialbook-has-no-such-command"):
        parts.run(["trialbook-has-no-such-command"], 5)
    with pytest.raises(Missing, match="why it failed"):
        parts.run([sys.executable, "-c", "raise SystemExit('why it failed')"], 60)


def test_a_program_that_ends_at_once_is_a_reason(tmp_path: Path) -> None:
    program = tmp_path / "weed"
    program.write_text("#!/bin/sh\necho it cannot start here\n")
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "seaweedfs", lambda: program)
        with (
            pytest.raises(Missing, match="ended at once: it cannot start here"),
            processes.seaweedfs(tmp_path),
        ):
            pytest.fail("it does not run")


def test_every_deviation_has_its_row_in_the_table() -> None:
    table = (parts.ROOT / "tests/integration/README.md").read_text(encoding="utf-8")
    assert [one.value for one in Deviation if f"\n| `{one.value}` |" not in table] == []
