"""What is asked of histories: pages of one metric, or charts of many, downsampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.core.context import Context
from chalicelib.core.errors import Invalid, NotFound
from chalicelib.core.ids import RunId
from chalicelib.core.model.run import Run
from chalicelib.domain import history
from chalicelib.domain.downsample import band, lttb_indices
from chalicelib.domain.history import ALL_STEPS, Position, Steps
from chalicelib.storage import packing
from chalicelib.storage.packing import Series
from chalicelib.storage.points import PointStore
from chalicelib.storage.runs import RunStore

MAX_POINTS_IN_ALL = 100_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One metric: downsampled to `max_points`, or without it the page after `after`, of at most
    `page_size` points."""

    key: str
    steps: Steps = ALL_STEPS
    max_points: int | None = None
    after: Position | None = None
    page_size: int = history.PAGE_POINTS


@dataclass(frozen=True, slots=True)
class History:
    """`total` counts the points in the range; where an answer shows only a page of them, it counts
    all that were logged under the key. `lows` and `highs` are the band of a thinned history, where
    it was asked for: a value a point."""

    run_id: RunId
    key: str
    pieces: list[Series]
    total: int
    next: Position | None = None
    lows: list[float] | None = None
    highs: list[float] | None = None


def of_metric(
    runs: RunStore, points: PointStore, context: Context, run_id: RunId, asked: Asked
) -> History:
    """One read (two of a run that spilled), and a query per MB of the chunks that the answer
    overlaps. Raises NotFound when the run has no such metric, Forbidden."""
    summary = runs.open(context.tenant, run_id, [asked.key]).metric(asked.key)
    if summary is None:
        raise NotFound("the run has no such metric", key=asked.key[:250])
    if asked.max_points is not None:
        found = history.whole(points, context.tenant, run_id, frozenset([asked.key]), asked.steps)[
            asked.key
        ]
        return _downsampled(run_id, asked.key, found, asked.max_points)
    page = history.page(
        points, context.tenant, run_id, asked.key, asked.steps, asked.after, asked.page_size
    )
    shown = sum(len(piece.steps) for piece in page.pieces)
    is_whole = asked.after is None and page.next is None
    total = shown if is_whole else summary.count
    return History(run_id, asked.key, page.pieces, total, page.next)


def of_runs(
    runs: RunStore,
    points: PointStore,
    context: Context,
    run_ids: Sequence[RunId],
    metric_keys: Sequence[str],
    steps: Steps,
    max_points: int,
    *,
    with_band: bool = False,
) -> list[History]:
    """A history a run and metric that exists, in the order asked for. One batch read, and a query
    per MB of chunks. Raises Invalid when it would be more than 100,000 points, or half as many with
    their bands, which make twice as long an answer; NotFound, Forbidden.
    """
    found = runs.get_many(context.tenant, run_ids)
    expected = sum(_expected(run, key, max_points) for run in found for key in metric_keys)
    most = MAX_POINTS_IN_ALL // 2 if with_band else MAX_POINTS_IN_ALL
    if expected > most:
        raise Invalid(
            "too many points for one answer; ask for fewer runs, keys or max_points",
            points=expected, max_points=most,
        )  # fmt: skip
    histories: list[History] = []
    for run in found:
        wanted = [key for key in metric_keys if key in run.metrics]
        if wanted:
            whole = history.whole(points, context.tenant, run.run_id, frozenset(wanted), steps)
            histories.extend(
                _downsampled(run.run_id, key, whole[key], max_points, with_band=with_band)
                for key in wanted
            )
    return histories


def _expected(run: Run, key: str, max_points: int) -> int:
    summary = run.metrics.get(key)
    return 0 if summary is None else min(summary.count, max_points)


def _downsampled(
    run_id: RunId, key: str, pieces: list[Series], max_points: int, *, with_band: bool = False
) -> History:
    total = sum(len(piece.steps) for piece in pieces)
    if total <= max_points:
        return History(run_id, key, pieces, total)
    whole = packing.joined_series(pieces)
    kept = lttb_indices(whole.steps, whole.values, max_points)
    lows, highs = band(whole.values, kept) if with_band else (None, None)
    shown = [packing.picked(whole, kept)]
    return History(run_id, key, shown, total, lows=lows, highs=highs)
