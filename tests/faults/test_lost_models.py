"""A registered model goes, the store's answer is lost, and another takes the name at once."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Final, NoReturn

import pytest

from chalicelib import wiring
from chalicelib.core.context import Context
from chalicelib.core.errors import Unavailable
from chalicelib.core.ids import TenantId
from chalicelib.core.model.registry import ModelVersion, RegisteredModel
from chalicelib.domain import model_registry, model_versions
from chalicelib.storage.registry import RegistryStore
from tests.api.engines import StandingClock, sqlite
from tests.api.harness import Service
from tests.api.mlflow.tracking import ask, registered


class Busy(RegistryStore):
    def __init__(self, service: Service) -> None:
        super().__init__(service.services.table)
        self._service = service

    def delete(self, tenant: TenantId, model: RegisteredModel) -> None:
        super().delete(tenant, model)
        self._lose()

    def rename(self, tenant: TenantId, old: RegisteredModel, new: RegisteredModel) -> None:
        super().rename(tenant, old, new)
        self._lose()

    def delete_version(
        self, tenant: TenantId, model: RegisteredModel, one: ModelVersion
    ) -> RegisteredModel:
        super().delete_version(tenant, model, one)
        super().delete(tenant, replace(model, version=model.version + 1))
        return self._lose()

    def _lose(self) -> NoReturn:
        registered(self._service, "m", versions=1)
        raise Unavailable("the store's answer was lost")


GOING: Final[dict[str, Callable[[RegistryStore, Context], object]]] = {
    "deleted": lambda store, context: model_registry.delete(store, context, "m"),
    "renamed": lambda store, context: model_registry.rename(store, context, "m", "n"),
    "a version deleted": lambda store, context: model_versions.delete(store, context, "m", 1),
}


@pytest.fixture
def service(tmp_path: Path) -> Generator[Service]:
    with sqlite(tmp_path, StandingClock()) as fresh:
        engine = fresh()
        wiring.install(engine.services)
        yield Service(engine)
    wiring.install(None)


@pytest.mark.parametrize("how", GOING)
def test_the_other_model_of_the_name_is_left_alone(service: Service, how: str) -> None:
    old = registered(service, "m", versions=1)
    GOING[how](Busy(service), service.context())
    told = ask(service, "GET registered-models/get", name="m")["registered_model"]
    assert told["creation_timestamp"] > old["creation_timestamp"]
    assert [one["version"] for one in told["latest_versions"]] == ["1"]
