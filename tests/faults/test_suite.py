"""The suites under faults: what is left out is there, and what befalls a test comes again."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib import wiring
from tests.api.answers import found
from tests.api.harness import Service
from tests.api.transports import quiet_logs
from tests.faults import left_out
from tests.faults.suite import BadLuck

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(left_out.LEFT_OUT))
def test_what_is_left_out_is_there(name: str) -> None:
    module, _, test = name.partition("::")
    assert f"def {test}(" in (ROOT / module).read_text() if test else (ROOT / module).exists()


def _trace(folder: Path, test: str) -> list[str]:
    quiet_logs()
    folder.mkdir()
    luck = BadLuck(test, folder)
    wiring.install(luck.engine.services)
    service = Service(luck.engine)
    for number in range(10):
        run = service.run(name=f"run-{number}")
        found(service.log(run["run_id"], params={"number": str(number)}))
    service.pull()
    wiring.install(None)
    luck.table.close()
    return luck.trace


def test_a_test_meets_the_same_again_and_another_something_else(tmp_path: Path) -> None:
    first = _trace(tmp_path / "1", "test_a[faulty-0]")
    assert _trace(tmp_path / "2", "test_a[faulty-0]") == first
    assert _trace(tmp_path / "3", "test_a[faulty-1]") != first
    assert any(": " in one for one in first)


def test_what_is_made_at_the_same_time_does_not_change_what_befalls_a_request(
    tmp_path: Path,
) -> None:
    one, other = (BadLuck("test_a[faulty-0]", tmp_path) for _ in range(2))
    one.faults_of("POST /b")
    assert one.faults_of("POST /a").seed == other.faults_of("POST /a").seed
    for luck in (one, other):
        luck.table.close()
