"""The Python of docs/mlflow.md, with the package it is about."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.api.process import KEY, serving
from tests.compat.test_compat import PYTHON
from tests.unit.test_docs import ROOT, blocks


def test_the_examples_work(tmp_path: Path) -> None:
    code = "\n".join(blocks(ROOT / "docs" / "mlflow.md", "python", "try"))
    assert code
    with serving(tmp_path) as server:
        settings = {"MLFLOW_TRACKING_URI": server.url, "MLFLOW_TRACKING_TOKEN": KEY}
        done = subprocess.run(
            [PYTHON, "-c", code],
            env={**os.environ, **settings},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        runs = {"experiment_id": "line"}
        with server.client() as client:
            found = client.get("/api/v1/experiments/runs", params=runs).json()["runs"]
        assert [(run["name"], run["status"]) for run in found] == [("from mlflow", "finished")]
