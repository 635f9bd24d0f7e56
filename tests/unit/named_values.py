"""Experiment artifacts in tests of rules: one name, `it`, of one experiment, `digits`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from chalicelib.core.model.experiment_artifact import (
    Content,
    Entry,
    JsonContent,
    MediaContent,
    Point,
    Series,
    SeriesPlace,
)
from chalicelib.domain import (
    experiment_artifact_points,
    experiment_artifact_reads,
    experiment_artifact_removal,
    experiment_artifacts,
)
from chalicelib.domain.experiment_artifact_points import MAX_POINTS
from chalicelib.domain.experiment_artifacts import ExperimentArtifacts
from chalicelib.storage import artifact_keys
from chalicelib.storage.experiment_artifacts import ExperimentArtifactStore
from chalicelib.storage.table import Query, query_all
from tests.unit.stores import Stores

BYTES = MediaContent(b"the bytes", "text/plain")


def of(stores: Stores) -> ExperimentArtifacts:
    artifacts = ExperimentArtifactStore(stores.table)
    return ExperimentArtifacts(stores.experiments, artifacts, stores.bytes)


def number(value: int) -> JsonContent:
    return JsonContent(str(value), numeric=True)


def text(value: str) -> JsonContent:
    return JsonContent(f'"{value}"', numeric=False)


def log(stores: Stores, *contents: Content, name: str = "it") -> None:
    for content in contents:
        experiment_artifacts.log(of(stores), stores.context, "digits", name, content)


def find(stores: Stores) -> Series:
    return experiment_artifact_reads.find(of(stores), stores.context, "digits", "it")


def delete(stores: Stores) -> None:
    experiment_artifact_removal.delete(of(stores), stores.context, "digits", "it")


def points_of(stores: Stores, limit: int = MAX_POINTS) -> list[Point]:
    """All pages of at most `limit`; a cursor goes through JSON."""
    found: list[Point] = []
    series, position = find(stores), None
    while True:
        page = experiment_artifact_points.points(of(stores), series, position, limit)
        assert len(page.points) <= limit
        found += page.points
        if page.next is None:
            return found
        position = json.loads(json.dumps(page.next))


def all_entries(stores: Stores) -> list[Entry]:
    """Of the experiment, whichever name and series they are of."""
    table = stores.table
    experiment_id = stores.experiments.id_of_slug(stores.tenant, "digits")
    assert experiment_id is not None
    found: list[Entry] = []
    for series_id in _series_ids(stores):
        place = SeriesPlace(stores.tenant, experiment_id, series_id)
        found += ExperimentArtifactStore(table).entries(place).entries
    return found


def _series_ids(stores: Stores) -> Sequence[str]:
    """Those that are or were: the ids are told by the names and the queue."""
    store = ExperimentArtifactStore(stores.table)
    experiment_id = stores.experiments.id_of_slug(stores.tenant, "digits")
    assert experiment_id is not None
    named = store.listed(stores.tenant, experiment_id, 100, None).series
    queued = query_all(stores.table, Query(artifact_keys.SERIES_DUE))
    return [
        *(one.place.series_id for one in named),
        *(artifact_keys.parse_series_due(str(item["sk"]))[1].series_id for item in queued),
    ]
