"""The Chalice application: routes and event handlers, and nothing else."""

from __future__ import annotations

import gc
import os

from chalicelib import wiring
from chalicelib.api import request_log
from chalicelib.api.application import TrialbookApp
from chalicelib.api.mcp import surface as mcp
from chalicelib.api.mlflow import surface as mlflow
from chalicelib.api.v1 import (
    artifact_contents,
    artifact_search,
    artifact_uploads,
    artifacts,
    experiment_artifacts,
    experiments,
    ingest,
    keys,
    run_files,
    run_logs,
    run_metrics,
    run_uploads,
    runs,
    service,
    variant_log_reads,
    variant_results,
    variants,
)
from chalicelib.api.web import surface as web
from chalicelib.api.workers import events

# Rows that are searched stay in memory by the ten thousand. Looking again and again for cycles
# among them took up to half of a search, and they have none.
gc.set_threshold(50_000, 20, 20)

app = TrialbookApp("trialbook")
# A file that MLflow's client sends through us has the type that its name tells, so every body must
# arrive as bytes. Matching types is the slowest thing Chalice does; our views never come to that.
app.api.binary_types = ["*/*"]

for module in (
    service,
    keys,
    experiments,
    ingest,
    runs,
    run_logs,
    run_metrics,
    run_files,
    run_uploads,
    artifact_uploads,
    artifacts,
    artifact_search,
    artifact_contents,
    experiment_artifacts,
    variants,
    variant_log_reads,
    variant_results,
):
    app.register_blueprint(module.routes)
app.register_blueprint(mlflow.routes)
app.register_blueprint(mcp.routes)
app.register_blueprint(web.routes)
app.register_blueprint(events)

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    request_log.in_functions(os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", ""))
    wiring.services()  # clients made while the function starts cost the first request nothing
