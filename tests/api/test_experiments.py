"""Creating, reading, changing, deleting and restoring experiments."""

from __future__ import annotations

from tests.api.harness import EXPERIMENTS, Service, found, made


def test_a_new_experiment_has_every_field(service: Service) -> None:
    body = {"name": "Digits"}
    created = made(service.write.post(EXPERIMENTS, json=body))
    assert found(service.read.get(f"{EXPERIMENTS}/{created['id']}")) == created
    service.pull()
