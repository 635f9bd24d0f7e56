"""Who asks, what time it is, and how long there is to answer."""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TypeVar

from chalicelib.core.errors import ConditionFailed, Contended, Throttled
from chalicelib.core.ids import TenantId, UserId, uuid7_hex

T = TypeVar("T")


class Role(IntEnum):
    """What a key may do; a higher role may do all that a lower one may."""

    READ = 1
    WRITE = 2
    ADMIN = 3

    @property
    def label(self) -> str:
        """The spelling of the API."""
        return self.name.lower()

    @classmethod
    def of(cls, label: str) -> Role:
        """Raises KeyError for an unknown label."""
        return cls[label.upper()]


@dataclass(frozen=True, slots=True)
class Principal:
    """The tenant and user that an API key stands for."""

    tenant: TenantId
    user: UserId
    role: Role


class Clock:
    """Time and randomness, injected so that tests are exact. This one is the real one."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds that only ever grow, for caches and deadlines."""
        return time.monotonic()

    def sleep_s(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def random_bytes(self, count: int) -> bytes:
        """Cryptographically strong random bytes."""
        return os.urandom(count)

    def new_id(self) -> str:
        """A time-ordered 32-hex-character id (UUIDv7)."""
        return uuid7_hex(self.now_ms(), self.random_bytes(10))

    def fresh_id(self) -> str:
        """An id that nothing had before, also where ids are settled."""
        return self.new_id()


class SettledClock(Clock):
    """A clock whose ids and random bytes follow from a seed: what is done again with the same seed
    makes the same ids, and so meets what it made before. Time goes on as that of `clock`."""

    def __init__(self, clock: Clock, seed: bytes, at_ms: int) -> None:
        """Ids are of the time `at_ms`."""
        self._clock = clock
        self._seed = seed
        self._at_ms = at_ms
        self._asked = 0

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def monotonic_s(self) -> float:
        return self._clock.monotonic_s()

    def sleep_s(self, seconds: float) -> None:
        self._clock.sleep_s(seconds)

    def random_bytes(self, count: int) -> bytes:
        """The next `count` bytes of this seed, the same in every process."""
        self._asked += 1
        return hashlib.shake_256(self._asked.to_bytes(8, "big") + self._seed).digest(count)

    def new_id(self) -> str:
        return uuid7_hex(self._at_ms, self.random_bytes(10))

    def fresh_id(self) -> str:
        return self._clock.fresh_id()


@dataclass(frozen=True, slots=True)
class Context:
    """What every domain call needs besides its arguments."""

    principal: Principal
    clock: Clock
    deadline_s: float
    """On `clock.monotonic_s`; past it, retries stop."""
    is_repeat: bool = False
    """Whether this may have been done before, with the same ids."""

    @property
    def tenant(self) -> TenantId:
        return self.principal.tenant

    @property
    def user(self) -> UserId:
        return self.principal.user

    def settled(self, seed: bytes, at_ms: int, *, is_repeat: bool = False) -> Context:
        """The same, with ids that follow from the seed (`SettledClock`)."""
        clock = SettledClock(self.clock, seed, at_ms)
        return replace(self, clock=clock, is_repeat=is_repeat)

    def now_ms(self) -> int:
        return self.clock.now_ms()

    def new_id(self) -> str:
        return self.clock.new_id()

    def fresh_id(self) -> str:
        return self.clock.fresh_id()


RACE_ATTEMPTS = 60


def jitter_s(attempt: int) -> float:
    """How long to wait after a lost race, `attempt` from 0: full jitter up to 0.2 s."""
    return random.uniform(0, min(0.2, 0.002 * 2**attempt))


def retry_races(context: Context, attempt: Callable[[], T]) -> T:
    """Call `attempt` again with full jitter while it loses races, until the context's deadline.

    `attempt` must read afresh each time. Raises Throttled when it never won.
    """
    for round_number in range(RACE_ATTEMPTS):
        try:
            return attempt()
        except (ConditionFailed, Contended):
            pause_s = jitter_s(round_number)
            if context.clock.monotonic_s() + pause_s > context.deadline_s:
                break
            context.clock.sleep_s(pause_s)
    raise Throttled("too many writers on the same item; slow down and send it again")
