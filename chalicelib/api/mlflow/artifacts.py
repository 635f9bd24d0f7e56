"""MLflow's call that lists a run's artifacts; the other calls on them are the proxy's."""

from __future__ import annotations

from typing import Any

from chalicelib.api.mlflow.artifact_shapes import clean_path, level, of_tree
from chalicelib.api.mlflow.calls import Call, Calls
from chalicelib.api.mlflow.checks import run_id_of
from chalicelib.api.mlflow.run_shapes import OfRun, artifact_uri
from chalicelib.api.v1.pages import cursor_of, key_position, position_of
from chalicelib.core.context import Role
from chalicelib.domain import runs
from chalicelib.wiring import Services

calls = Calls()


class Listed(OfRun):
    path: str = ""
    page_token: str | None = None


@calls("GET", "artifacts/list", role=Role.READ, asked=Listed)
def list_files(call: Call[Listed], services: Services) -> Any:
    """One level, folders first; a folder that is not there is empty."""
    context, run_id = call.context, run_id_of(call.asked.run_id)
    folder = call.asked.path.rstrip("/")
    folder = clean_path(folder) if folder else ""
    scope = ("mlflow-files", run_id, folder)
    position = position_of(services, context, scope, call.asked.page_token or None)
    with of_tree(run_id):
        run = runs.get(services.runs, context, run_id)
        found, following = level(services, context, run_id, folder, key_position(position))
    answer: dict[str, Any] = {"root_uri": artifact_uri(context.tenant, run), "files": found}
    token = cursor_of(services, context, scope, following)
    return answer if token is None else answer | {"next_page_token": token}
