"""The client of Trialbook: experiments, runs, metrics, artifacts and A/B variants.

with trialbook.Client(url, api_key=key) as tb, tb.start_run("my experiment") as run:
    run.log({"loss": 0.3})
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from trialbook.client import AsyncClient
from trialbook.errors import (
    Conflict,
    ConnectionFailed,
    Forbidden,
    IngestFailed,
    Internal,
    Invalid,
    NotConfigured,
    NotFound,
    PreconditionFailed,
    Throttled,
    TooLarge,
    TrialbookError,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)
from trialbook.experiment import AsyncExperiment, ExperimentHandle
from trialbook.leftovers import SyncReport
from trialbook.models import (
    Assignment,
    Comparison,
    Experiment,
    FileEntry,
    IngestedFile,
    IngestReport,
    LineError,
    MetricSummary,
    Point,
    Run,
    Series,
    VariantLog,
)
from trialbook.run import ActiveRun, AsyncActiveRun
from trialbook.sync import Client
from trialbook.version import __version__

if TYPE_CHECKING:
    from trialbook.artifacts import Artifact, AsyncArtifactIndex, AsyncArtifactStore, Hit
    from trialbook.context import Context, local_context
    from trialbook.results import MetricResult, Results, VariantResult

__all__ = [
    "ActiveRun",
    "Artifact",
    "Assignment",
    "AsyncActiveRun",
    "AsyncArtifactIndex",
    "AsyncArtifactStore",
    "AsyncClient",
    "AsyncExperiment",
    "Client",
    "Comparison",
    "Conflict",
    "ConnectionFailed",
    "Context",
    "Experiment",
    "ExperimentHandle",
    "FileEntry",
    "Forbidden",
    "Hit",
    "IngestFailed",
    "IngestReport",
    "IngestedFile",
    "Internal",
    "Invalid",
    "LineError",
    "MetricResult",
    "MetricSummary",
    "NotConfigured",
    "NotFound",
    "Point",
    "PreconditionFailed",
    "Results",
    "Run",
    "Series",
    "SyncReport",
    "Throttled",
    "TooLarge",
    "TrialbookError",
    "Unauthenticated",
    "Unavailable",
    "UnsupportedMediaType",
    "VariantLog",
    "VariantResult",
    "__version__",
    "local_context",
]

_LATER = {
    "Artifact": "trialbook.artifacts",
    "AsyncArtifactIndex": "trialbook.artifacts",
    "AsyncArtifactStore": "trialbook.artifacts",
    "Context": "trialbook.context",
    "Hit": "trialbook.artifacts",
    "MetricResult": "trialbook.results",
    "Results": "trialbook.results",
    "VariantResult": "trialbook.results",
    "local_context": "trialbook.context",
}


def __getattr__(name: str) -> Any:
    """What artifacts and results need is imported when it is asked for: most programs only log."""
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
