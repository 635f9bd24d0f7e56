"""Artifacts on this machine alone."""

from __future__ import annotations

from trialbook.artifacts.local_index import LocalArtifactIndex
from trialbook.artifacts.local_store import LocalArtifactStore

__all__ = ["LocalArtifactIndex", "LocalArtifactStore"]
