"""What MLflow has and we do not: its client is told so in its own words, and goes on."""

from __future__ import annotations

import pytest

from tests.api.harness import Service
from tests.api.mlflow.tracking import said


@pytest.mark.parametrize(
    "method, path",
    [
        ("POST", "/api/3.0/mlflow/traces"),
        ("POST", "/api/3.0/mlflow/traces/search"),
        ("POST", "/api/2.0/mlflow/traces"),
        ("GET", "/api/2.0/mlflow/traces"),
        ("POST", "/api/3.0/mlflow/traces/tr-1/assessments"),
        ("PATCH", "/api/2.0/mlflow/traces/tr-1"),
        ("POST", "/api/3.0/mlflow/scorers/register"),
        ("POST", "/api/3.0/mlflow/datasets/create"),
        ("POST", "/api/2.0/mlflow/webhooks"),
        ("GET", "/api/2.0/mlflow/users/list"),
        ("GET", "/api/3.0/mlflow/gateway/endpoints/list"),
        ("GET", "/api/3.0/mlflow/workspaces"),
        ("DELETE", "/api/3.0/mlflow/label-schemas/delete"),
        ("GET", "/api/2.0/mlflow/runs/create"),
        ("POST", "/api/2.0/mlflow/logged-models/a/b/c/d"),
    ],
)
def test_what_is_not_offered_is_no_endpoint(laptop: Service, method: str, path: str) -> None:
    said(laptop.write.request(method, path, json={}), 404, "ENDPOINT_NOT_FOUND")
