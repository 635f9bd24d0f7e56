"""`make demo` from the outside, and that it notices what is not as it was logged."""

from __future__ import annotations

import io
import math
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean, variance
from typing import Any, Final

import pytest
from PIL import Image

from demo.__main__ import Trained, use
from demo.digits import Digits, Split
from demo.job_training import CONTROL, MEN, TRAINING, UNADJUSTED
from demo.job_training import load as load_men
from demo.own_server import DemoError, check, sha256_of
from demo.picture import confusion_png, curve, table
from demo.variants import METRIC, check_split, compared
from tests.api.process import KEY, ROOT, serving
from trialbook.artifacts.sync import SyncArtifactFacade, SyncContext
from trialbook.context import local_context
from trialbook.portal import Portal
from trialbook.results import Results
from trialbook.transfer import Damaged

LIMIT_S = 120


def demo(settings: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.integration
def test_the_demo_trains_compares_and_uses_the_best_model() -> None:
    done = demo({})
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"Tracking at http://127\.0\.0\.1:\d+", lines[0])
    assert lines[-1].startswith("Everything came back as it was logged")
    (best,) = [
        found for line in lines if (found := re.match(r"Best run: (\S+) \([0-9a-f]{32}\)", line))
    ]
    header = next(at for at, line in enumerate(lines) if line.split()[:1] == ["run"])
    rows = [line.split() for line in lines[header + 2 : header + 7]]
    assert len({row[0] for row in rows}) == 5
    assert best[1] in {row[0] for row in rows if "*" in row}
    assert sum(row.count("*") for row in rows) == 3
    assert sum(line.endswith(" points") for line in lines) == len(rows)
    assert any(line.split() == ["difference", "1,794", "1,794"] for line in lines)


@pytest.mark.slow
@pytest.mark.integration
def test_the_demo_uses_the_server_that_it_is_given(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        settings = {"TRIALBOOK_URL": server.url}
        refused = demo({**settings, "TRIALBOOK_API_KEY": "tb_nobodysk_" + "x" * 40})
        with server.client() as client:
            assert client.get("/api/v1/experiments").json()["total"] == 0
        done = demo({**settings, "TRIALBOOK_API_KEY": KEY})
        with server.client() as client:
            variants, experiment = client.get("/api/v1/experiments").json()["experiments"]
            query = {"experiment_id": experiment["id"]}
            runs = client.get("/api/v1/experiments/runs", params=query).json()["runs"]
    assert refused.returncode == 1
    assert refused.stderr.startswith("demo: ")
    assert "key" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert done.returncode == 0, done.stderr
    assert {run["status"] for run in runs} == {"finished"}
    assert len(runs) == 5
    assert [variant["key"] for variant in variants["variants"]] == [CONTROL, TRAINING]
    (compared,) = re.findall(rf"{server.url}/#/compare\?runs=(\S+)", done.stdout)
    assert set(compared.split(",")) == {run["run_id"] for run in runs}
    assert f"{server.url}/#/experiments/{variants['slug']}/results\n" in done.stdout


@pytest.mark.parametrize(
    "settings, message",
    [
        pytest.param(  # it is asked six times
            {"TRIALBOOK_URL": "http://127.0.0.1:1", "TRIALBOOK_API_KEY": "x"},
            "did not answer",
            marks=pytest.mark.slow,
        ),
        ({"TRIALBOOK_URL": "nonsense", "TRIALBOOK_API_KEY": "x"}, "http://"),
        ({"TRIALBOOK_URL": "http://127.0.0.1:1"}, "set both or neither"),
    ],
)
def test_a_server_that_is_not_there_is_one_clear_line(
    settings: dict[str, str], message: str
) -> None:
    done = demo(settings)
    assert done.returncode == 1
    assert done.stderr.startswith("demo: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


# --- mismatches -------------------------------------------------------------------------------


RUN: Final = "0" * 32


class Guess:
    """A model that says 0 to everything."""

    def predict(self, images: Any) -> Any:
        return images[:, 0] * 0


class Wrong(Guess):
    """It says 1."""

    def predict(self, images: Any) -> Any:
        return super().predict(images) + 1


@pytest.fixture
def artifacts(tmp_path: Path) -> Iterator[SyncArtifactFacade]:
    """An index and store of real files, no server."""
    portal = Portal()
    yield SyncContext(portal, local_context(tmp_path, run_id=RUN, session_id="now")).artifacts()
    portal.close()


def zeros() -> Digits:
    """Ten images of the digit 0."""
    import numpy as np

    split = Split(np.zeros((10, 64)), np.zeros(10))
    return Digits(split, split)


def used(artifacts: SyncArtifactFacade, logged: bytes, accuracy: float) -> None:
    use(
        artifacts, [Trained(RUN, "guess", [{"val_accuracy": accuracy}], sha256_of(logged))], zeros()
    )


def saved(artifacts: SyncArtifactFacade, folder: Path, content: bytes, accuracy: float) -> None:
    file = folder / "model.pkl"
    file.write_bytes(content)
    artifacts.save_file(file, kind="model", metrics={"val_accuracy": accuracy})


def test_a_model_other_than_the_one_logged_is_noticed(
    artifacts: SyncArtifactFacade, tmp_path: Path
) -> None:
    model = pickle.dumps(Guess())
    with pytest.raises(DemoError, match="no model was found"):
        used(artifacts, model, accuracy=1.0)
    saved(artifacts, tmp_path, model, accuracy=1.0)
    used(artifacts, model, accuracy=1.0)
    with pytest.raises(DemoError, match="sha256 that is listed"):
        used(artifacts, model + b"!", accuracy=1.0)
    with pytest.raises(DemoError, match="accuracy by which the model was found"):
        used(artifacts, model, accuracy=0.5)
    saved(artifacts, tmp_path, pickle.dumps(Wrong()), accuracy=2.0)
    with pytest.raises(DemoError, match="accuracy of the downloaded model"):
        used(artifacts, pickle.dumps(Wrong()), accuracy=2.0)


def test_a_model_whose_bytes_were_changed_is_refused(
    artifacts: SyncArtifactFacade, tmp_path: Path
) -> None:
    model = pickle.dumps(Guess())
    saved(artifacts, tmp_path, model, accuracy=1.0)
    (blob,) = (tmp_path / "blobs").glob("*/*")
    blob.chmod(0o600)
    blob.write_bytes(model[:-1] + b"!")
    with pytest.raises(Damaged):
        used(artifacts, model, accuracy=1.0)


def test_a_model_of_another_run_is_noticed(artifacts: SyncArtifactFacade, tmp_path: Path) -> None:
    saved(artifacts, tmp_path, pickle.dumps(Guess()), accuracy=1.0)
    with pytest.raises(DemoError, match=f"another run: {RUN}"):
        use(artifacts, [Trained("f" * 32, "guess", [{"val_accuracy": 1.0}], "")], zeros())


def test_a_mismatch_is_told_in_one_short_line() -> None:
    with pytest.raises(DemoError, match=r"^points: expected \[0, 1, .*, found None$") as caught:
        check("points", None, list(range(100_000)))
    assert len(str(caught.value)) < 200


# --- the experiment that is replayed --------------------------------------------------------------


def arm(name: str) -> list[float]:
    return [man.earnings_1978 for man in load_men() if man.arm == name]


def results(**changes: Any) -> Results:
    """Those of the rows, by hand."""
    earned = {name: arm(name) for name in MEN}
    difference = {
        "absolute": fmean(earned[TRAINING]) - fmean(earned[CONTROL]),
        "cuped": {"absolute": 1750.0},
        "fixed": {"low": 474.0, "high": 3115.0},
        "always_valid": {"low": -243.0, "high": 3832.0},
        "chance_to_beat": 0.996,
    }
    variants = {
        name: {"units": len(values), "mean": fmean(values), "sd": math.sqrt(variance(values))}
        for name, values in earned.items()
    }
    variants[TRAINING] |= {"difference": difference | changes.pop("difference", {})}
    exposures = {name: {"units": units} for name, units in MEN.items()}
    metrics = {METRIC: {"goal": "max", "variants": variants}}
    answer: dict[str, Any] = {"experiment": "demo", "exposures": exposures, "metrics": metrics}
    return Results.model_validate(answer | changes)


def test_the_men_who_were_trained_earned_as_much_more_as_was_published() -> None:
    trained, others = arm(TRAINING), arm(CONTROL)
    assert round(fmean(trained) - fmean(others)) == UNADJUSTED.difference
    squares = 184 * variance(trained) + 259 * variance(others)
    error = math.sqrt(squares / 443 * (1 / 185 + 1 / 260))
    assert round(error) == UNADJUSTED.standard_error
    assert len({man.id for man in load_men()}) == 445


def test_results_are_shown_beside_the_published_ones() -> None:
    shown = "\n".join(compared(results())).splitlines()
    assert shown[0].split() == ["dollars", "earned", "in", "1978", "Trialbook", "published"]
    assert shown[2].split() == ["difference", "1,794", "1,794"]
    assert shown[3].split() == ["its", "standard", "error", "633", "633"]
    assert shown[4].split()[-2:] == ["1,750", "1,672"]
    assert shown[6].endswith("always valid  -243 to 3,832")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"difference": {"absolute": 1795.0}}, "difference of the means: .* found 1795"),
        ({"difference": {"absolute": None}}, "expected 1794, found 0"),
        ({"difference": {"cuped": None}}, "adjusted difference: expected 1672 to 1794"),
        ({"difference": {"cuped": {"absolute": 1850.0}}}, "adjusted difference"),
        ({"exposures": {CONTROL: {"units": 260}, TRAINING: {"units": 184}}}, "units of the var"),
        ({"warnings": [{"code": "crossed", "message": "seen in two variants"}]}, "warnings"),
    ],
)
def test_results_other_than_the_published_ones_are_noticed(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DemoError, match=message):
        list(compared(results(**changes)))


def test_a_split_that_chance_does_not_explain_is_noticed() -> None:
    check_split(185, 445, 185 / 445)
    check_split(230, 445, 185 / 445)
    with pytest.raises(DemoError, match="expected about 185, found 245"):
        check_split(245, 445, 185 / 445)


# --- what it shows ----------------------------------------------------------------------------


def test_a_confusion_matrix_is_a_png() -> None:
    picture = confusion_png([[9, 1, 0], [0, 10, 0], [0, 0, 0]], "three")
    with Image.open(io.BytesIO(picture)) as image:
        assert image.format == "PNG"
        assert image.width > 3 * 40


def test_a_table_is_aligned() -> None:
    lines = table(
        [["run", "loss  ", "params"], ["a", "0.1234 *", "x=1"], ["long-name", "10.5  ", ""]]
    )
    assert lines.splitlines() == [
        "  run          loss    params",
        "  ---------  --------  ------",
        "  a          0.1234 *  x=1",
        "  long-name    10.5",
    ]


def test_a_curve_spans_the_range_that_is_given() -> None:
    assert curve([0.0, 1.0, 2.0], 0.0, 2.0) == "▁▅█"
    assert curve([1.0, 1.0], 1.0, 1.0) == "▁▁"
