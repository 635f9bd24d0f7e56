"""What MLflow's client asks about the server before it trusts it with more."""

from __future__ import annotations

from typing import Any, Final

from chalicelib.api.contract import Answer
from chalicelib.api.mlflow.calls import Call, Calls
from chalicelib.wiring import Services

calls = Calls()
VERSION: Final = "3.17.2"
"""The MLflow whose protocol this is."""


@calls("GET", "version", role=None)
def get_version(_call: Call[Any], _services: Services) -> Any:
    """At the root of the service: a client asks it which traces it takes."""
    return Answer(200, VERSION, {"content-type": "text/plain; charset=utf-8"})


@calls("GET", "server-info", role=None)
def get_server_info(_call: Call[Any], _services: Services) -> Any:
    """Asked for before the first file, with three seconds of patience: so it asks no store, not
    even for the key. `artifacts_presigned_only` is what clients from 3.18 on look at."""
    return {
        "store_type": None,
        "workspaces_enabled": False,
        "trace_archival_enabled": False,
        "multipart_uploads_enabled": True,
        "multipart_downloads_enabled": True,
        "artifacts_presigned_only": True,
        "presigned_upload_run_id_supported": False,
        "presigned_upload_model_id_supported": False,
        "features_enabled": {"gateway": False},
    }
