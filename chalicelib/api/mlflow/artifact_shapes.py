"""What MLflow's calls on artifacts share."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from chalicelib import wiring
from chalicelib.api.mlflow.checks import no_run
from chalicelib.api.mlflow.errors import invalid, missing
from chalicelib.api.v1.pages import MAX_PAGE_BYTES
from chalicelib.core.context import Context
from chalicelib.core.errors import Forbidden, Invalid, NotFound
from chalicelib.core.ids import TreeId, is_model_id
from chalicelib.core.model.artifact import Folder, RunArtifact
from chalicelib.domain import run_files
from chalicelib.domain.artifact_paths import clean_artifact_path
from chalicelib.wiring import Services

ENTRIES_AT_ONCE = 1000
ENTRY_BYTES = 60
"""What an entry takes besides its path, of which every byte may be escaped."""


@contextmanager
def of_tree(tree: TreeId) -> Generator[None]:
    """What fails within is told in MLflow's words. A run of another tenant is no run here."""
    try:
        yield
    except (NotFound, Forbidden) as error:
        told = error.details
        if "path" in told:
            raise missing(f"No such artifact: '{told['path']}'") from None
        if "upload_id" in told:
            raise missing("There is no such upload; it may have expired.") from None
        if is_model_id(tree):
            raise missing(f"Logged model with ID '{tree}' not found.") from None
        raise no_run(tree) from None


def clean_path(path: str) -> str:
    """Raises Failure for what is no path below a tree."""
    try:
        return clean_artifact_path(path)
    except Invalid as error:
        raise invalid(f"Invalid path: {error.message}") from None


def level(
    services: Services, context: Context, tree: TreeId, folder: str, after: tuple[str, ...] | None
) -> tuple[list[dict[str, Any]], tuple[str, ...] | None]:
    """One level of a tree as MLflow's FileInfo, as much of it as an answer takes, and where the
    rest begins. One read, and a query per 1,000 entries. Raises NotFound, Forbidden."""
    stores, found, size_bytes = wiring.run_files(services), list[dict[str, Any]](), 0
    while True:
        page = run_files.level(stores, context, tree, folder, ENTRIES_AT_ONCE, after)
        found += [_file_info(entry) for entry in page.entries]
        size_bytes += sum(len(entry.path.encode()) * 2 + ENTRY_BYTES for entry in page.entries)
        after = page.next
        # The next page has at most so many entries of the longest paths.
        if after is None or size_bytes > MAX_PAGE_BYTES // 2:
            return found, after


def _file_info(entry: Folder | RunArtifact) -> dict[str, Any]:
    if isinstance(entry, Folder):
        return {"path": entry.path, "is_dir": True}
    return {"path": entry.path, "is_dir": False, "file_size": entry.size_bytes}
