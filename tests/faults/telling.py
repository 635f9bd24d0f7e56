"""Telling a story in full: from a seed, or with one process that stops at a given request."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.api.transports import quiet_logs
from tests.faults import ending
from tests.faults.faults import Faults
from tests.faults.story import Story
from tests.faults.world import World

STEPS: Final = 40
RATES: Final = (0.01, 0.03, 0.08, 0.15)
SHOWN: Final = 60


def told(folder: Path, seed: int) -> Faults:
    """The story of a seed, and whether it ends well. The same seed, the same requests and faults.
    A failure names the seed."""
    chance = random.Random(f"kind {seed}")
    faults = Faults(seed, rate=chance.choice(RATES))
    with _opened(folder, faults, is_pulled=chance.random() < 0.5) as story:
        _tell(story, lambda: story.tell(STEPS), f"seed {seed}")
    return faults


def stopped(folder: Path, after: int | None, *, is_pulled: bool) -> Faults:
    """One of everything, and whether it ends well when the process dies after so many requests."""
    faults = Faults(0, stop_after=after)
    with _opened(folder, faults, is_pulled=is_pulled) as story:
        _tell(story, story.tell_everything, f"a stop after {after} requests")
    return faults


@contextmanager
def _opened(folder: Path, faults: Faults, *, is_pulled: bool) -> Generator[Story]:
    quiet_logs()
    folder.mkdir(exist_ok=True)
    world = World(folder, faults)
    try:
        yield Story(world, is_pulled=is_pulled)
    finally:
        world.close()


def _tell(story: Story, tell: Callable[[], None], what: str) -> None:
    try:
        tell()
        story.deliver_all()
        ending.check(story)
    except Exception as error:
        last = "\n".join(story.world.faults.trace[-SHOWN:])
        raise AssertionError(f"{what}: {error!r}, after the requests\n{last}") from error
