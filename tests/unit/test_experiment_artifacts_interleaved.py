"""Writers and deletions of one name, in every order of their requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from chalicelib.domain import experiments
from chalicelib.domain.experiments import NewExperiment
from chalicelib.storage import artifact_keys
from chalicelib.storage.experiment_artifacts import ExperimentArtifactStore
from chalicelib.storage.table import Query, query_all
from tests.unit.interleaving import Act, Ended, explore
from tests.unit.named_values import BYTES, all_entries, delete, log, number
from tests.unit.stores import Stores


def writes_number(stores: Stores) -> object:
    log(stores, number(1))
    return None


def writes_bytes(stores: Stores) -> object:
    log(stores, BYTES)
    return None


def deletes(stores: Stores) -> object:
    delete(stores)
    return None


def nothing_there(stores: Stores) -> None:
    experiments.create(stores.experiments, stores.context, NewExperiment("Digits"))


def something_there(stores: Stores) -> None:
    nothing_there(stores)
    log(stores, BYTES)


def _consistent(ended: Ended) -> None:
    """Nobody failed; the name tells its entries, and nothing else is left but them and their
    bytes."""
    assert all(answer is None for answer in ended.answers.values()), ended.answers
    stores = ended.stores
    experiment_id = stores.experiments.id_of_slug(stores.tenant, "digits")
    assert experiment_id is not None
    series = ExperimentArtifactStore(stores.table).get(stores.tenant, experiment_id, "it")
    entries = all_entries(stores)
    if series is None:
        assert not entries
    else:
        assert series.entries == len(entries)
        assert series.numbers == sum(entry.form == "number" for entry in entries)
        assert series.latest.entry_id in {entry.entry_id for entry in entries}
    assert not list(query_all(stores.table, Query(artifact_keys.SERIES_DUE)))
    wanted = {entry.entry_id for entry in entries if entry.blob_key is not None}
    sha256 = "0" * 64
    for blob in stores.blobs.list("cas/").blobs:
        sha256 = artifact_keys.parse_blob(blob.key).sha256
    owners = stores.bytes.records.owners(stores.tenant, sha256)
    assert {owned.owner.id for owned in owners} == wanted


ACTORS: dict[str, Act] = {"number": writes_number, "bytes": writes_bytes, "deletion": deletes}


@pytest.mark.parametrize("prepare", [nothing_there, something_there])
@pytest.mark.parametrize(
    "actors",
    [("number", "bytes"), ("bytes", "bytes"), ("bytes", "deletion"), ("deletion", "deletion")],
)
def test_writers_and_deletions_in_every_order(
    tmp_path: Path, prepare: Callable[[Stores], None], actors: Sequence[str]
) -> None:
    acts = {f"{name} {place}": ACTORS[name] for place, name in enumerate(actors)}
    assert explore(tmp_path, prepare, acts, _consistent).ends


@pytest.mark.slow
def test_two_writers_and_a_deletion_in_every_order(tmp_path: Path) -> None:
    assert explore(tmp_path, nothing_there, ACTORS, _consistent).ends
