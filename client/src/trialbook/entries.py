"""What is queued for the recorder, and how fast it works."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from trialbook.outbox import Outbox


@dataclass(frozen=True)
class Pace:
    """Seconds and attempts: how soon what is logged is sent, and how the service is asked."""

    batch_age_s: float = 1.0
    attempts: int = 3
    first_probe_s: float = 1.0
    last_probe_s: float = 60.0
    exit_s: float = 60.0
    """At most so long an exiting process waits for what is on disk already to be sent."""


class Kind(IntEnum):
    METRICS = 0
    PARAMS = 1
    TAGS = 2
    RECORD = 3
    FLUSH = 4
    END = 5
    LOG = 6


class Entry(NamedTuple):
    """Something that was logged. `value` depends on the kind."""

    outbox: Outbox
    kind: Kind
    value: Any
    step: int = 0
    timestamp: int = 0
