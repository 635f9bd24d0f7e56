"""A tenant of whose requests to the stores one fails, the n-th."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from chalicelib import wiring
from tests.api.engines import Engine
from tests.api.harness import Service
from tests.faults import faults
from tests.faults.faults import Faults
from tests.faults.faulty_blobs import FaultyBlobs
from tests.faults.faulty_table import FaultyTable

OF_READ: Final = {faults.LOST: faults.UNREACHED, faults.DIED_AFTER: faults.DIED}


class OneFault(Faults):
    """Something befalls one request, `left` requests from now: what may only befall writes spares a
    read its work."""

    def __init__(self) -> None:
        super().__init__(0)
        self.left, self.fate = -1, faults.LOST

    def _fate(self, name: str, among: tuple[str, ...]) -> str | None:
        self.left -= 1
        if self.left != -1:
            return None
        return self.fate if self.fate in among else OF_READ.get(self.fate)


class Struck:
    """The tenant, its processes, and what is to befall it."""

    def __init__(self, engine: Engine) -> None:
        self.faults = OneFault()
        self._engine = engine
        self.restart()
        self.service = Service(self._faulty)

    def restart(self) -> None:
        """A new process on the same stores."""
        of = self._engine.services
        self.faults.restart()
        services = wiring.services_on(
            FaultyTable(of.table, self.faults),
            FaultyBlobs(of.blobs, self.faults),
            self._engine.clock,
        )
        self._faulty = replace(self._engine, services=services)
        wiring.install(services)
