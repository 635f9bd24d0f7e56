"""Lost races are tried again, up to the deadline and no longer."""

from __future__ import annotations

import pytest

from chalicelib.core.context import RACE_ATTEMPTS, Context, Principal, Role, retry_races
from chalicelib.core.errors import ConditionFailed, Conflict, Contended, Throttled
from chalicelib.core.ids import TenantId, UserId
from tests.unit.stores import HandClock

PRINCIPAL = Principal(TenantId("acme"), UserId("ada"), Role.WRITE)


def context(clock: HandClock, seconds: float) -> Context:
    return Context(PRINCIPAL, clock, clock.monotonic_s() + seconds)


class Racing:
    """An attempt that loses some races before it wins one."""

    def __init__(self, *losses: Exception) -> None:
        self.losses = list(losses)
        self.attempts = 0

    def __call__(self) -> str:
        self.attempts += 1
        if self.losses:
            raise self.losses.pop(0)
        return "won"


def test_a_race_that_is_won_at_once_costs_no_time() -> None:
    clock = HandClock()
    started_ms = clock.ms
    assert retry_races(context(clock, 1), Racing()) == "won"
    assert clock.ms == started_ms


@pytest.mark.parametrize("loss", [ConditionFailed(), Contended()])
def test_a_lost_race_is_tried_again(loss: Exception) -> None:
    racing = Racing(*[loss] * 5)
    assert retry_races(context(HandClock(), 25), racing) == "won"
    assert racing.attempts == 6


def test_other_errors_are_not_tried_again() -> None:
    racing = Racing(Conflict("no"), Conflict("no"))
    with pytest.raises(Conflict):
        retry_races(context(HandClock(), 25), racing)
    assert racing.attempts == 1


def test_who_never_wins_is_told_to_slow_down() -> None:
    racing = Racing(*[Contended()] * 1000)
    with pytest.raises(Throttled) as caught:
        retry_races(context(HandClock(), 1000), racing)
    assert racing.attempts == RACE_ATTEMPTS
    assert caught.value.retry_after_s >= 1


def test_no_retry_begins_after_the_deadline() -> None:
    clock = HandClock()
    racing = Racing(*[Contended()] * 1000)
    deadline = context(clock, 0.5)
    with pytest.raises(Throttled):
        retry_races(deadline, racing)
    assert clock.monotonic_s() <= deadline.deadline_s + 0.01
    assert 1 < racing.attempts < RACE_ATTEMPTS


def test_a_deadline_that_has_passed_leaves_one_attempt() -> None:
    racing = Racing(Contended())
    with pytest.raises(Throttled):
        retry_races(context(HandClock(), -1), racing)
    assert racing.attempts == 1
