"""What a failing store does to the claim of an idempotency key."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from tests.api.answers import Json, found, made, refused
from tests.api.harness import EXPERIMENTS, RUNS
from tests.api.transports import quiet_logs
from tests.faults import faults
from tests.faults.faults import Faults
from tests.faults.world import World

BODY: Json = {"name": "an experiment"}
HEADERS = {"idempotency-key": "a key"}
Fates: TypeAlias = dict[tuple[str, int], str]


class Planned(Faults):
    """The fates of given requests: of the first `put`, the second, and so on, from 0."""

    def __init__(self, plan: Fates) -> None:
        super().__init__(0)
        self._plan = plan
        self._seen: dict[str, int] = {}

    def _fate(self, name: str, among: tuple[str, ...]) -> str | None:
        name = name.partition(" ")[0]
        number = self._seen[name] = self._seen.get(name, -1) + 1
        fate = self._plan.get((name, number)) if self.are_on else None
        assert fate is None or fate in among
        return fate

    def begin(self) -> None:
        """Count from here on."""
        self._seen.clear()


Post: TypeAlias = Callable[[], httpx.Response]


@contextmanager
def posting(folder: Path, plan: Fates) -> Generator[Post]:
    """Creates the experiment, once a call, with the same key; nothing is tried again."""
    quiet_logs()
    planned = Planned(plan)
    world = World(folder, planned)
    planned.begin()
    try:
        yield lambda: world.client.post(EXPERIMENTS, json=BODY, headers=HEADERS)
    finally:
        world.close()


def test_a_claim_that_the_stores_client_made_twice_is_its_own(tmp_path: Path) -> None:
    with posting(tmp_path, {("put", 0): faults.REPEATED}) as post:
        assert made(post()) == made(post())


def test_a_claim_whose_answer_was_lost_is_given_up(tmp_path: Path) -> None:
    with posting(tmp_path, {("put", 0): faults.LOST}) as post:
        refused(post(), 503)
        made(post())


def test_a_claim_that_could_not_be_given_up_ends_in_a_minute(tmp_path: Path) -> None:
    plan = {("put", 0): faults.LOST, ("add", 0): faults.THROTTLED}
    with posting(tmp_path, plan) as post:
        refused(post(), 503)
        assert post().headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "fate", [faults.CONTENDED, faults.THROTTLED, faults.UNREACHED, faults.LOST]
)
def test_what_was_done_is_answered_also_when_that_cannot_be_noted(
    tmp_path: Path, fate: str
) -> None:
    with posting(tmp_path, {("put", 1): fate}) as post:
        made(post())


@pytest.mark.parametrize("request_name", ["put", "add"])
def test_a_store_where_others_write_asks_to_slow_down(tmp_path: Path, request_name: str) -> None:
    plan = {(request_name, 0): faults.CONTENDED, ("transact", 0): faults.THROTTLED}
    with posting(tmp_path, plan) as post:
        refused(post(), 429)


@pytest.mark.parametrize(
    "route, body",
    [
        ("log-metrics", {"metrics": {"loss": 0.5}}),
        ("log-batch", {"metrics": [{"key": "loss", "value": 0.5}]}),
    ],
)
def test_a_point_that_has_no_time_counts_once(tmp_path: Path, route: str, body: Json) -> None:
    """Its time is that of the first attempt."""
    quiet_logs()
    planned = Planned({("transact", 0): faults.LOST})
    world = World(tmp_path, planned)
    with world.quiet():
        experiment = made(world.send("POST", EXPERIMENTS, json=BODY))
        run = made(world.send("POST", RUNS, json={"experiment_id": experiment["id"]}))
    planned.begin()
    found(world.send("POST", f"{RUNS}/{run['run_id']}/{route}", "a key", json=body))
    page = found(world.send("GET", f"{RUNS}/{run['run_id']}/metrics/loss"))
    world.close()
    assert [point["value"] for point in page["points"]] == [0.5]
