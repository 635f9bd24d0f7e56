"""A client, workers and processes that fail: nothing answered is lost, nothing is counted twice.

`TRIALBOOK_FAULT_SEEDS` says how many seeds are tried, 20 when it is not set; with more of them
every stop is tried too, else one in four. A failure names its seed, and
`pytest tests/faults/test_story.py -k "nothing and 7"` replays it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.faults import telling

SEEDS: Final = int(os.environ.get("TRIALBOOK_FAULT_SEEDS", "20"))
STOPS_APART: Final = 4 if SEEDS <= 20 else 1
ROOT: Final = Path(__file__).parents[2]
REPLAY: Final = """
import sys
from pathlib import Path
from tests.faults import telling
print("\\n".join(telling.told(Path(sys.argv[1]), int(sys.argv[2])).trace))
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
def test_nothing_answered_is_lost_and_nothing_is_counted_twice(tmp_path: Path, seed: int) -> None:
    telling.told(tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("is_pulled", [True, False], ids=["pulled", "pushed"])
def test_a_process_may_stop_after_any_request(tmp_path: Path, is_pulled: bool) -> None:
    requests = telling.stopped(tmp_path / "none", None, is_pulled=is_pulled).made
    assert requests > 50
    # the client's requests are the same both ways: each way tries other stops
    for after in range(STOPS_APART // 2 * is_pulled, requests, STOPS_APART):
        faults = telling.stopped(tmp_path / str(after), after, is_pulled=is_pulled)
        assert faults.made > after


@pytest.mark.slow
def test_a_seed_replays_exactly_in_any_process(tmp_path: Path) -> None:
    """Also where sets have another order."""
    traces: set[str] = set()
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", REPLAY, str(tmp_path / hash_seed), "3"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        traces.add(hashlib.sha256(done.stdout.encode()).hexdigest())
    here = "\n".join(telling.told(tmp_path / "here", 3).trace) + "\n"
    traces.add(hashlib.sha256(here.encode()).hexdigest())
    assert len(traces) == 1
