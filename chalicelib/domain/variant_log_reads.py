"""Reading logs of variants: the newest first, out of all partitions at once."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple

from chalicelib.core.context import Context
from chalicelib.core.errors import Invalid
from chalicelib.core.ids import ExperimentId
from chalicelib.core.log_ids import LogId, before, first_at, last_at
from chalicelib.core.model.variant_log import LogContent, VariantLog
from chalicelib.domain.variant_intake import VariantStores
from chalicelib.storage.variant_keys import LOG_SHARDS

ROUNDS: Final = 8
"""A page that finds too little comes back short after this many looks at all partitions."""
MOST_AT_ONCE: Final = 200
"""Logs that one query asks a partition for."""

CONTENTS_AT_ONCE: Final = 8

_COMPARISON: Final = re.compile(r"\s*(.+?)\s*(>=|<=|!=|==|=|>|<)\s*([^<>=!]+?)\s*", re.DOTALL)
_OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A metric beside a number; a log without the metric does not fit."""

    metric: str
    operator: str
    number: float

    def fits(self, log: VariantLog) -> bool:
        value = log.facts.metrics.get(self.metric)
        return value is not None and _OPERATORS[self.operator](float(value), self.number)


def comparison_of(text: str) -> Comparison:
    """`latency_ms>100`. Raises Invalid."""
    match = _COMPARISON.fullmatch(text)
    number: float | None = None
    if match is not None:
        with suppress(ValueError):
            number = float(match[3])
    if match is None or number is None:
        raise Invalid.field(
            "metric", f"{text[:100]!r} is no comparison; write name>number, with > >= < <= = or !="
        )
    return Comparison(match[1], match[2], number)


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What logs are wanted; times are milliseconds since the epoch, both included."""

    variant: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    comparisons: tuple[Comparison, ...] = ()

    def fits(self, log: VariantLog) -> bool:
        """The times are looked after by what is read."""
        if self.variant is not None and log.facts.variant != self.variant:
            return False
        return all(comparison.fits(log) for comparison in self.comparisons)

    @property
    def first(self) -> LogId:
        return first_at(self.from_ms or 0)

    @property
    def last(self) -> LogId:
        return last_at(MAX_MS if self.to_ms is None else self.to_ms)


MAX_MS: Final = 2**48 - 1
"""The last millisecond that an id can spell."""


class LogSlice(NamedTuple):
    """Logs that fit, newest first; the next slice begins before `before` (None: there is none)."""

    logs: list[VariantLog]
    before: LogId | None


def read(
    stores: VariantStores,
    context: Context,
    experiment_id: ExperimentId,
    wanted: LogFilter,
    limit: int,
    start: LogId | None = None,
) -> LogSlice:
    """At most `limit` logs before the id `start`. A query for each partition and round, in
    parallel on AWS; what finds few among many comes back short, with where to go on."""
    last = wanted.last if start is None else before(start)
    # two and a half times a partition's share, so that one look mostly finds all
    ask = min(limit * 5 // (2 * LOG_SHARDS) + 1, MOST_AT_ONCE)
    found: list[VariantLog] = []
    complete_from: LogId | None = None
    for _ in range(ROUNDS):
        if last is None or last < wanted.first:
            return LogSlice(found, None)
        some, complete_from = _look(stores, context, experiment_id, wanted.first, last, ask)
        for log in some:
            if not wanted.fits(log):
                continue
            if len(found) == limit:
                return LogSlice(found, found[-1].facts.log_id)
            found.append(log)
        if complete_from is None:
            return LogSlice(found, None)
        last, ask = before(complete_from), min(ask * 2, MOST_AT_ONCE)
    return LogSlice(found, complete_from)


def _look(
    stores: VariantStores,
    context: Context,
    experiment_id: ExperimentId,
    first: LogId,
    last: LogId,
    ask: int,
) -> tuple[list[VariantLog], LogId | None]:
    """The newest logs from `first` to `last`, newest first, and from which id on they are all there
    are; None when that is `first`."""

    def page(shard: int) -> tuple[list[VariantLog], bool]:
        return stores.logs.page(
            context.tenant, experiment_id, shard, first=first, last=last, limit=ask
        )

    found: list[VariantLog] = []
    complete_from: LogId | None = None
    for logs, more in stores.spread(page, range(LOG_SHARDS)):
        found += logs
        if more and logs:
            oldest = logs[-1].facts.log_id
            complete_from = oldest if complete_from is None else max(complete_from, oldest)
    found.sort(key=lambda log: log.facts.log_id, reverse=True)
    if complete_from is not None:
        found = [log for log in found if log.facts.log_id >= complete_from]
    return found, complete_from


def contents(
    stores: VariantStores, logs: Sequence[VariantLog]
) -> Iterator[tuple[VariantLog, LogContent]]:
    """Each log with what went in and came out. A blob for each long one, a few at a time: each may
    be of 4 MiB."""
    for start in range(0, len(logs), CONTENTS_AT_ONCE):
        some = logs[start : start + CONTENTS_AT_ONCE]
        yield from zip(some, stores.spread(stores.logs.content, some), strict=True)
