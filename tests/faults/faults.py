"""What befalls the requests of a process, drawn from a seed: the same seed, the same faults.

A fate depends on nothing but the seed and how many requests there were before, so it is the same in
every replay as long as the code under test asks for the same things in the same order.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from chalicelib.core.errors import Contended, Throttled, Unavailable

T = TypeVar("T")

THROTTLED, UNREACHED, LOST = "throttled", "unreached", "lost"
CONTENDED, REPEATED = "contended", "repeated"
DIED, DIED_AFTER = "died", "died after"
OF_READS: Final = (THROTTLED, UNREACHED, DIED)
OF_WRITES: Final = (THROTTLED, UNREACHED, LOST, LOST, LOST, CONTENDED, REPEATED, DIED, DIED_AFTER)
"""Lost answers more often than others: they are what is easily done twice."""
OF_DONE: Final = (LOST, DIED_AFTER)
"""What befalls after the work: whoever asked cannot tell it from what befalls before."""


class Died(BaseException):
    """The process is no more: nothing of it may catch this and go on."""


class Fates(Protocol):
    """What befalls the requests of faulty stores."""

    def request(self, name: str, call: Callable[[], T], among: tuple[str, ...]) -> T: ...
    def portion(self, limit: int | None) -> int | None: ...
    def is_broken(self, what: str) -> bool: ...


@dataclass
class Faults:
    """The fates of one process after another on the same stores.

    `rate` is the share of requests that something befalls; `stop_after` has the process die once,
    before the request that follows so many. `are_on` switches everything but that off.
    `spares_done` has nothing befall a write that is made, and what comes after it.
    """

    seed: int
    rate: float = 0.0
    stop_after: int | None = None
    are_on: bool = True
    spares_done: bool = False
    made: int = 0
    wrote: bool = False
    """Whether a write was made."""
    trace: list[str] = field(default_factory=list[str])
    """Every request, and what befell it."""
    is_dead: bool = False

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def request(self, name: str, call: Callable[[], T], among: tuple[str, ...]) -> T:
        """The call's answer, unless one of the fates befalls it. Raises Throttled, Unavailable,
        Contended, Died, and what the call raises."""
        if self.is_dead:
            raise Died(name)
        fate = self._fate(name, among)
        if fate is not None:
            self._before(fate)
        try:
            answer = call()
            self._made(among)
            if fate == REPEATED:  # by the vendor's client, which did not get the first answer
                answer = call()
        finally:
            self._after(fate)
        return answer

    def portion(self, limit: int | None) -> int | None:
        """How many items a page may have that may have `limit`: now and then fewer."""
        if self._is_drawn():
            return max(1, self.chance.randrange(min(8, limit or 8)))
        return limit

    def is_broken(self, what: str) -> bool:
        """Whether this connection breaks here."""
        is_broken = self._is_drawn()
        if is_broken:
            self.trace.append(f"{what}: broken")
        return is_broken

    def restart(self) -> None:
        """Another process takes over."""
        self.is_dead = False

    def _made(self, among: tuple[str, ...]) -> None:
        if among != OF_READS:
            self.wrote = True
            self.are_on = self.are_on and not self.spares_done

    def _is_drawn(self) -> bool:
        return self.are_on and self.chance.random() < self.rate

    def _fate(self, name: str, among: tuple[str, ...]) -> str | None:
        fate = self.chance.choice(among) if self._is_drawn() else None
        if self.spares_done and fate in OF_DONE:
            fate = None
        if self.made == self.stop_after:
            fate = DIED
        self.made += 1
        self.trace.append(f"{name}: {fate}" if fate else name)
        return fate

    def _before(self, fate: str) -> None:
        match fate:
            case "throttled":
                raise Throttled("the store asks to slow down")
            case "unreached":
                raise Unavailable("the store was not reached")
            case "contended":
                raise Contended("another transaction holds the item")
            case "died":
                self.is_dead = True
                raise Died
            case _:
                pass

    def _after(self, fate: str | None) -> None:
        if fate == LOST:
            raise Unavailable("the store's answer was lost")
        if fate == DIED_AFTER:
            self.is_dead = True
            raise Died
