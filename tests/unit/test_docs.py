"""The documentation is true: its code blocks run, its tables say what the code enforces.

A fenced block whose info string ends in `try` runs against a server of its own, all the bash blocks
of a page in one shell, all the Python blocks in one interpreter. Nothing in them is changed but the
server's address, which the client takes from its setting. A block that ends in `filter` or
`order_by` has one example a line.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from chalicelib.api import handler
from chalicelib.api.errors import CODE_OF
from chalicelib.api.v1 import run_logs, shapes
from chalicelib.domain import artifact_paths, filter_parser, history, metric_history, ordering
from chalicelib.domain.filters import parse_filter
from chalicelib.domain.ordering import parse_order_by
from chalicelib.storage import blobs
from trialbook import __all__ as all_of_client
from trialbook import errors as client_errors
from trialbook.artifacts import ArtifactFacade
from trialbook.client import AsyncClient
from trialbook.experiment import AsyncExperiment
from trialbook.experiments import AsyncExperiments
from trialbook.run import AsyncActiveRun
from trialbook.runs import AsyncRuns

ROOT: Final = Path(__file__).parents[2]
ADDRESS_IN_DOCS: Final = "http://127.0.0.1:8000"
WAIT_S: Final = 60
_BLOCK = re.compile(r"^```(\w+) (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str, what: str) -> list[str]:
    """The code of the page's blocks with this info string, in their order."""
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [code for lang, info, code in found if (lang, info) == (language, what)]


def environment() -> dict[str, str]:
    """As in the README's terminal: this Python first, this checkout importable, no settings."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}


@contextmanager
def server(folder: Path, **settings: str) -> Generator[str]:
    """The address of a server that was started in `folder`, its home by default `.trialbook`."""
    with subprocess.Popen(
        [sys.executable, "-m", "local"],
        cwd=folder,
        env={**environment(), "TRIALBOOK_PORT": "0", **settings},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
            process.terminate()
            process.communicate(timeout=WAIT_S)
        finally:
            process.kill()


def run(command: list[str], code: str, folder: Path, address: str) -> str:
    """What the code says on stdout; it must succeed."""
    client = {
        "TRIALBOOK_URL": address,
        "TRIALBOOK_STATE_DIR": str(folder / "state"),
        "TRIALBOOK_CACHE_DIR": str(folder / "cache"),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }
    done = subprocess.run(
        command,
        input=code.replace(ADDRESS_IN_DOCS, address),
        cwd=folder,
        env=environment() | client,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_bash(page: str, folder: Path, address: str) -> str:
    code = "\n".join(blocks(ROOT / page, "bash", "try"))
    # A shell reads its script before curl can take it for its own input.
    return run(["bash", "-euo", "pipefail", "-c", 'eval "$(cat)"'], code, folder, address)


def run_python(page: str, folder: Path, address: str) -> str:
    code = "\n".join(blocks(ROOT / page, "python", "try"))
    return run([sys.executable, "-W", "error", "-"], code, folder, address)


needs_a_shell = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "curl", "sha256sum", "split"))),
    reason="the examples are for a shell with curl",
)


@pytest.mark.slow
@pytest.mark.integration
@needs_a_shell
def test_the_first_steps_of_the_readme_work(tmp_path: Path) -> None:
    with server(tmp_path) as address:
        run_python("README.md", tmp_path, address)
        said = run_bash("README.md", tmp_path, address)
    listed = json.loads(said.splitlines()[-1])["runs"]
    assert [run["status"] for run in listed] == ["finished"] * 2
    assert {run["params"]["lr"] for run in listed} == {"0.01", "0.1"}
    assert sorted(run["metrics"]["loss"] for run in listed) == [0.01, 0.25]


@pytest.mark.slow
@pytest.mark.integration
@needs_a_shell
def test_the_examples_of_the_command_line_work(tmp_path: Path) -> None:
    with server(tmp_path) as address:
        said = run_bash("docs/cli.md", tmp_path, address)
    assert "points.jsonl  applied 2, refused 1\n  line 2: " in said


@pytest.mark.slow
@pytest.mark.integration
@needs_a_shell
def test_the_examples_of_the_import_work(tmp_path: Path) -> None:
    """Its Python is tried by tests/compat, where mlflow is."""
    shutil.copytree(ROOT / "tests" / "client" / "mlruns", tmp_path / "mlruns")
    with server(tmp_path) as address:
        said = run_bash("docs/mlflow.md", tmp_path, address)
    assert "3 runs would be copied, 0 were there" in said
    assert "3 runs copied and compared, 0 were there; 29 points, 3 files, 1.0 KiB" in said


@pytest.mark.slow
@pytest.mark.integration
def test_the_examples_of_the_client_work(tmp_path: Path) -> None:
    with server(tmp_path) as address:
        run_python("docs/client.md", tmp_path, address)


@pytest.mark.slow
@pytest.mark.integration
def test_the_example_of_an_assistant_works(tmp_path: Path) -> None:
    with server(tmp_path) as address:
        assert "'asked-by-an-assistant'" in run_python("docs/mcp.md", tmp_path, address)


@pytest.mark.slow
@pytest.mark.integration
@needs_a_shell
def test_the_upload_walk_through_and_the_backup_work(tmp_path: Path) -> None:
    with server(tmp_path) as address:
        said = run_bash("docs/api.md", tmp_path, address)
        assert "copy.bin: OK" in said
        assert '"path":"big.bin"' in said
        run_bash("docs/architecture.md", tmp_path, address)
    shutil.rmtree(tmp_path / ".trialbook")
    with server(tmp_path, TRIALBOOK_HOME="backup") as address:
        key = (tmp_path / "backup" / "api-key").read_text().strip()
        with httpx.Client(base_url=address, headers={"x-api-key": key}) as client:
            runs = "/api/v1/experiments/runs"
            (kept,) = client.get(runs, params={"experiment_id": "upload-walk-through"}).json()[
                "runs"
            ]
            path = {"path": "models/model.bin"}
            content = f"{runs}/{kept['run_id']}/artifacts/content"
            file = client.get(content, params=path, follow_redirects=True)
    assert file.content == b"the bytes of a model"


def test_every_filter_and_order_in_the_docs_is_one() -> None:
    page = ROOT / "docs" / "api.md"
    filters = [line for block in blocks(page, "sql", "filter") for line in block.splitlines()]
    orders = [line for block in blocks(page, "sql", "order_by") for line in block.splitlines()]
    assert filters
    assert orders
    for line in filters:
        assert parse_filter(line).clauses
    parse_order_by(orders)


LIMITS: Final = {
    "request body": f"{handler.MAX_BODY_BYTES:,} bytes",
    "metric, param and tag key": f"{shapes.MAX_KEY} characters",
    "param value": f"{shapes.MAX_PARAM_VALUE:,} characters",
    "tag value": f"{shapes.MAX_TAG_VALUE:,} characters",
    "metrics of a batch": f"{run_logs.MAX_METRICS:,}",
    "params of a batch": f"{run_logs.MAX_PARAMS}",
    "tags of a batch": f"{run_logs.MAX_TAGS}",
    "step": f"{-shapes.INT64} to {shapes.INT64 - 1}",
    "timestamp": f"0 to {shapes.MAX_TIMESTAMP_MS}",
    "artifact path": f"{artifact_paths.MAX_PATH_BYTES} bytes,"
    f" {artifact_paths.MAX_SEGMENTS} segments",
    "file by upload": f"{blobs.MAX_OBJECT_BYTES:,} bytes",
    "parts of an upload": f"{blobs.MAX_PARTS:,}",
    "filter": f"{filter_parser.MAX_CHARACTERS:,} characters, {filter_parser.MAX_CLAUSES} clauses",
    "order_by": f"{ordering.MAX_ORDER_CLAUSES} clauses",
    "raw page of a history": f"{history.PAGE_POINTS:,} points",
    "history of several runs": f"{metric_history.MAX_POINTS_IN_ALL:,} points",
}


@pytest.mark.parametrize("what", LIMITS)
def test_a_limit_in_the_docs_is_the_one_in_the_code(what: str) -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert f"\n| {what} | {LIMITS[what]}" in page


def test_the_errors_page_has_every_status_with_its_code() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", page, re.MULTILINE)
    assert {int(status): code for status, code in listed} == CODE_OF


DESCRIBED: Final = (
    AsyncClient,
    AsyncExperiments,
    AsyncExperiment,
    AsyncRuns,
    AsyncActiveRun,
    ArtifactFacade,
)


@pytest.mark.parametrize("kind", DESCRIBED)
def test_the_page_of_the_client_has_every_method(kind: type) -> None:
    page = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
    methods = [name for name in dir(kind) if not name.startswith("_")]
    assert methods
    assert [name for name in methods if not re.search(rf"[`.]{name}[`(]", page)] == []


def test_the_page_of_the_client_has_every_error() -> None:
    page = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
    errors = [name for name in vars(client_errors) if name[0].isupper() and name in all_of_client]
    assert "NotFound" in errors
    assert [name for name in errors if f"`{name}`" not in page and f".{name}`" not in page] == []


def test_no_block_is_left_untried() -> None:
    """A block that looks like the ones that are tried, but has a slip in its info string."""
    for page in PAGES:
        infos = re.findall(r"^```(?=\S)(.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(infos) <= {
            "sh", "json", "toml", "bash try", "python try", "sql filter", "sql order_by",
        }, page  # fmt: skip
