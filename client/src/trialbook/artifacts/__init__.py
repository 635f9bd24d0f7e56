"""Artifacts: saving, finding and loading them."""

from __future__ import annotations

from trialbook.artifacts.facade import ArtifactFacade
from trialbook.artifacts.model import Artifact, ManifestFile, Stored
from trialbook.artifacts.protocols import AsyncArtifactIndex, AsyncArtifactStore, Filters

__all__ = [
    "Artifact",
    "ArtifactFacade",
    "AsyncArtifactIndex",
    "AsyncArtifactStore",
    "Filters",
    "ManifestFile",
    "Stored",
]
