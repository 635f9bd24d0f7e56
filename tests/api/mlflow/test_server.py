"""What MLflow's client learns of the server."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from chalicelib.api.mlflow import surface
from chalicelib.api.mlflow.calls import Calls
from tests.api.answers import found
from tests.api.harness import Service


@pytest.mark.parametrize("prefix", ["/api/3.0/mlflow", "/ajax-api/3.0/mlflow", "/api/2.0/mlflow"])
def test_the_server_says_how_files_go_and_asks_no_store(laptop: Service, prefix: str) -> None:
    with laptop.budget():
        told = found(laptop.anybody.get(f"{prefix}/server-info"))
    assert told["artifacts_presigned_only"]
    assert told["multipart_uploads_enabled"]
    assert told["multipart_downloads_enabled"]
    assert not told["workspaces_enabled"]


def test_the_version_is_plain_text(laptop: Service) -> None:
    with laptop.budget():
        answer = laptop.anybody.get("/version")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert re.fullmatch(r"3\.\d+\.\d+", answer.text)


def test_nothing_else_is_public() -> None:
    public: set[str] = set()
    for area in (*surface.AREAS, "artifact_proxy"):
        calls: Calls = import_module(f"chalicelib.api.mlflow.{area}").calls
        public |= {one.path for one in calls.described if one.role is None}
    assert public == {"server-info", "version"}
