"""`trialbook import mlflow` from `mlflow server`, after scenarios have filled it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.api.process import KEY, serving
from tests.compat.servers import mlflow_server, outcomes, start_driver
from tests.compat.test_compat import PYTHON, SERVER

TRIALBOOK: Final = Path(sys.executable).with_name("trialbook")
FILLED_BY: Final = ("together", "runs", "artifacts")


@pytest.mark.slow
def test_all_of_a_server_is_copied(tmp_path: Path) -> None:
    with mlflow_server(Path(SERVER), tmp_path) as source, serving(tmp_path) as ours:
        for module in FILLED_BY:
            outcomes(start_driver(Path(PYTHON), module, source, {}))
        environment = {
            **os.environ,
            "TRIALBOOK_URL": ours.url,
            "TRIALBOOK_API_KEY": KEY,
            "HOME": str(tmp_path),
        }

        def copy(*more: str) -> Any:
            command = [str(TRIALBOOK), "import", "mlflow", source, "--json", *more]
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return json.loads(done.stdout)

        dry = copy("--dry-run")
        report = copy()
        assert report["copied"] == dry["copied"] > 20
        assert report["counts"]["points"] > 8 * 100
        assert report["counts"]["files"] > 60
        again = copy()
        going = again["copied"]  # they still run in the source
        assert again["there_already"] == report["copied"] - going
        assert 0 < going < report["copied"]
