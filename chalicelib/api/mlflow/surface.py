"""The routes of the MLflow surface: a few prefixes, below each of which is a table of calls."""

from __future__ import annotations

from typing import Any, Final

from chalice.app import Blueprint

from chalicelib.api.handler import CORS
from chalicelib.api.mlflow.handler import MlflowHandler

routes = Blueprint(__name__)
AREAS: Final = (
    "experiments",
    "runs",
    "run_logs",
    "metrics",
    "logged_models",
    "run_inputs",
    "registered_models",
    "model_versions",
    "artifacts",
    "server",
)
"""Modules of calls of tracking and the registry."""
PREFIXES: Final = (
    "/api/2.0/mlflow",
    "/api/3.0/mlflow",
    "/ajax-api/2.0/mlflow",
    "/ajax-api/3.0/mlflow",
)
PROXY_PREFIXES: Final = ("/api/2.0/mlflow-artifacts", "/ajax-api/2.0/mlflow-artifacts")
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def _register(prefix: str, areas: tuple[str, ...], *, runs_long: bool) -> None:
    for method in METHODS:
        name = f"mlflow_{method.lower()}_{prefix.strip('/').translate(_PLAIN)}"
        decorate: Any = routes.route(
            prefix + "/{path+}", methods=[method], name=name, cors=CORS, content_types=[]
        )
        decorate(MlflowHandler(name, areas, method, runs_long=runs_long))


def _register_one(route: str, area: str, path: str, *, runs_long: bool) -> None:
    """A route for one call alone: what is outside of the prefixes, or takes long below them."""
    name = f"mlflow_get_{route.strip('/').translate(_PLAIN)}"
    decorate: Any = routes.route(route, methods=["GET"], name=name, cors=CORS, content_types=[])
    decorate(MlflowHandler(name, (area,), "GET", runs_long=runs_long, path=path))


_PLAIN: Final = str.maketrans("/.-", "___")
for _prefix in PREFIXES:
    _register(_prefix, AREAS, runs_long=False)
for _prefix in PROXY_PREFIXES:
    _register(_prefix, ("artifact_proxy",), runs_long=True)
_register_one("/version", "server", "version", runs_long=False)
_register_one(
    "/api/2.0/mlflow/metrics/get-history", "metrics", "metrics/get-history", runs_long=True
)
