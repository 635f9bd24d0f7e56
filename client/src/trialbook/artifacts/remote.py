"""Artifacts at the service."""

from __future__ import annotations

from trialbook.artifacts.remote_index import RemoteArtifactIndex
from trialbook.artifacts.remote_store import RemoteArtifactStore

__all__ = ["RemoteArtifactIndex", "RemoteArtifactStore"]
