"""`context.artifacts()`: save, find and load artifacts."""

from __future__ import annotations

from trialbook.artifacts.ingest_api import IngestApi
from trialbook.artifacts.load_api import LoadApi
from trialbook.artifacts.search_api import SearchApi


class ArtifactFacade(IngestApi, SearchApi, LoadApi):
    """Saves under the ids of a context, and finds by them.

    What needs an index raises RuntimeError when there is none.
    """
