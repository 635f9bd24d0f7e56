"""An export whose process stops between two parts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chalicelib.core.ids import ExperimentId, TenantId
from chalicelib.domain import variant_exports, variant_log_reads
from chalicelib.storage.variant_exports import Export, ExportStore
from tests.api.answers import Json, found, made
from tests.api.engines import START_MS
from tests.api.harness import EXPERIMENTS
from tests.api.transports import quiet_logs
from tests.faults import faults
from tests.faults.test_claims import Planned
from tests.faults.world import World

LOGS = 20


def test_an_export_that_died_before_it_was_recorded_is_done_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its object is whole, and its multipart upload is over."""
    monkeypatch.setattr(variant_exports, "PART_BYTES", 6 << 20)
    quiet_logs()
    # the first put of whoever goes on is the claim, the second tells that the export is done
    planned = Planned({})
    world = World(tmp_path, planned)
    variants = [{"key": "A", "weight": 100}]
    body: Json = {"name": "ab", "slug": "ab", "status": "active", "variants": variants}
    with world.quiet():
        made(world.send("POST", EXPERIMENTS, json=body))
        for number in range(4):
            log = {"variantKey": "A", "input": {"text": f"{number}" * 2_000_000}}
            found(world.send("POST", "/experiment/ab/log", json=log))
        with monkeypatch.context() as patch:
            patch.setattr(ExportStore, "replace", _dies_when_done)
            with pytest.raises(faults.Died):
                world.client.post("/experiment/ab/logs/export", json={})
        world.clock.advance(61)
        answer = world.client.get(f"/experiment/ab/logs/export/{_asked[-1]}")
        file = world.files.get(found(answer)["url"])
    world.close()
    assert len(file.text.splitlines()) == 4


_asked: list[str] = []
_replace = ExportStore.replace


def _dies_when_done(
    self: ExportStore, tenant: TenantId, experiment_id: ExperimentId, export: Export
) -> Export:
    _asked.append(export.id)
    if export.is_done:
        raise faults.Died
    return _replace(self, tenant, experiment_id, export)


def test_what_was_exported_in_vain_is_exported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variant_exports, "WORK_S", 0.0)
    monkeypatch.setattr(variant_exports, "LOGS_AT_ONCE", 5)
    monkeypatch.setattr(variant_log_reads, "ROUNDS", 1)
    quiet_logs()
    # the first put of whoever goes on is the claim, the second tells how far the export has come
    planned = Planned({("put", 1): faults.THROTTLED})
    world = World(tmp_path, planned)
    variants = [{"key": "A", "weight": 100}]
    body: Json = {"name": "ab", "slug": "ab", "status": "active", "variants": variants}
    with world.quiet():
        made(world.send("POST", EXPERIMENTS, json=body))
        logs = [
            {"variantKey": "A", "timestamp": START_MS - n * 60_000, "input": {"n": n}}
            for n in range(LOGS)
        ]
        found(world.send("POST", "/experiment/ab/log/batch", json={"logs": logs}))
        answer = world.client.post("/experiment/ab/logs/export", json={})
    looks = refusals = 0
    while answer.status_code == 202:
        ask = answer.json()["ask"]
        world.clock.advance(61)
        planned.begin()
        while (answer := world.client.get(ask)).status_code == 429:
            world.clock.advance(61)
            refusals += 1
        looks += 1
    file = world.files.get(found(answer)["url"])
    world.close()
    assert looks > 2 <= refusals
    assert [json.loads(line)["input"]["n"] for line in file.text.splitlines()] == [*range(LOGS)]
