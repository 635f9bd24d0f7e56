"""Artifacts: saving, finding and loading them."""

from __future__ import annotations

from trialbook.artifacts.facade import ArtifactFacade
from trialbook.artifacts.hits import Hit, Ranked, Why
from trialbook.artifacts.model import Artifact, ManifestFile, Stored
from trialbook.artifacts.protocols import AsyncArtifactIndex, AsyncArtifactStore, Filters

__all__ = [
    "Artifact",
    "ArtifactFacade",
    "AsyncArtifactIndex",
    "AsyncArtifactStore",
    "Filters",
    "Hit",
    "ManifestFile",
    "Ranked",
    "Stored",
    "Why",
]
