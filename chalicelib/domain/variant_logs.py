"""A/B experiments in production: which variant a unit gets, and what came of it.

Assigning asks nobody: the definition is kept in the process, and the variant follows from it and
the unit's name. A log is one write. What a log is the first to name (a variant, a metric, a value
of a dimension) goes into the experiment's register before it, so that a variant with logs cannot be
removed and the number of metrics is bounded; after that it costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

import orjson

from chalicelib.core.context import Context, retry_races
from chalicelib.core.errors import (
    ConditionFailed,
    Conflict,
    NotFound,
    TrialbookError,
)
from chalicelib.core.ids import ExperimentId
from chalicelib.core.log_ids import LogId
from chalicelib.core.model.experiment import Variant
from chalicelib.core.model.variant_log import (
    Definition,
    MetricValue,
    VariantLog,
)
from chalicelib.domain import assignment
from chalicelib.domain.variant_intake import (
    MAX_METRICS_OF_A_LOG,
    NewLog,
    VariantStores,
    check_metrics,
    check_slug,
    definition_for,
    no_such_experiment,
    prepared,
)
from chalicelib.storage.table import MAX_TRANSACTION_BYTES, MAX_TRANSACTION_WRITES
from chalicelib.storage.variant_logs import INLINE_BYTES

TRANSACTION_BYTES: Final = MAX_TRANSACTION_BYTES * 7 // 8
_ITEM_BYTES: Final = 2048
"""A log's item but for its content and numbers, with room."""
_NUMBER_BYTES: Final = 32

E = TypeVar("E")


def assign(stores: VariantStores, context: Context, slug: str, unit: str) -> Variant:
    """The variant of a unit: the same for the same definition, whoever asks and how often. No
    request while the definition is kept. Raises NotFound when there is no such experiment, or it is
    not active."""
    check_slug(slug)
    definition = stores.definitions.get(context.tenant, slug)
    if definition is None or not _assigns(definition):
        definition = stores.definitions.fresh(context.tenant, slug)
    if definition is None or definition.experiment.lifecycle_stage == "deleted":
        raise no_such_experiment(slug)
    if not _assigns(definition):
        raise NotFound(
            "the experiment is not active, or has no variants",
            slug=slug, status=definition.experiment.status,
        )  # fmt: skip
    variants = definition.experiment.variants
    weights = [variant.weight for variant in variants]
    return variants[assignment.assign(slug, unit, weights)]


def _assigns(definition: Definition) -> bool:
    experiment = definition.experiment
    return (
        experiment.status == "active"
        and experiment.lifecycle_stage == "active"
        and bool(experiment.variants)
    )


def log(stores: VariantStores, context: Context, slug: str, new: NewLog) -> LogId:
    """Log one execution of a variant. One write, and a blob for long content; two reads when the
    definition is not kept; a read and a transaction when the log is the first to name something.

    The same log sent again under its id is answered as the first time and counts once. Raises
    NotFound; Conflict in draft, or when another log has the id; Invalid for an unknown variant, a
    time that is not the id's, and too many metrics; Unavailable while aggregates are rebuilt.
    """
    definition = definition_for(stores, context, slug, [new])
    found = prepared(definition, context, new)
    _put(stores, context, definition.experiment.id, found)
    return found.facts.log_id


def log_many(
    stores: VariantStores, context: Context, slug: str, new: Sequence[NewLog | TrialbookError]
) -> list[LogId | TrialbookError]:
    """Log many; each on its own is logged or refused, and what is an error already stays one. A
    transaction for each 100 or 3.5 MB, and a blob for each long content. Raises what concerns them
    all: NotFound, Conflict in draft, Unavailable."""
    wanted = [one for one in new if isinstance(one, NewLog)]
    definition = definition_for(stores, context, slug, wanted)
    results: list[LogId | TrialbookError | None] = [
        one if isinstance(one, TrialbookError) else None for one in new
    ]
    by_id: dict[LogId, VariantLog] = {}
    places: dict[LogId, list[int]] = {}
    for place, one in enumerate(new):
        if isinstance(one, TrialbookError):
            continue
        try:
            found = prepared(definition, context, one)
            known = by_id.setdefault(found.facts.log_id, found)
            if known.digest != found.digest:
                raise _taken(found)
        except TrialbookError as error:
            results[place] = error
        else:
            places.setdefault(found.facts.log_id, []).append(place)

    def put(logs: list[VariantLog]) -> list[LogId | TrialbookError]:
        try:
            return _put_together(stores, context, definition.experiment.id, logs)
        except TrialbookError as error:
            return [error] * len(logs)

    parts = _parts(list(by_id.values()))
    for part, answers in zip(parts, stores.spread(put, parts), strict=True):
        for one, answer in zip(part, answers, strict=True):
            for place in places.get(one.facts.log_id, ()):
                results[place] = answer
    assert all(result is not None for result in results)
    return [result for result in results if result is not None]


def add_metrics(
    stores: VariantStores,
    context: Context,
    slug: str,
    of: LogId,
    metrics: Mapping[str, MetricValue],
) -> None:
    """Add metrics that became known later, or replace those of the log. A read and a write; nothing
    is written when nothing changes. Raises as `log` does, and NotFound for an unknown log."""
    asked = NewLog("", metrics=metrics)
    definition = definition_for(stores, context, slug, [asked])
    check_metrics(definition.register, metrics, "")
    experiment_id = definition.experiment.id

    def attempt() -> None:
        old = stores.logs.get(context.tenant, experiment_id, of)
        if old is None:
            raise NotFound("there is no such log", log_id=of)
        merged: dict[str, MetricValue] = {**old.facts.metrics, **metrics}
        if _same(merged, old.facts.metrics):
            return
        if len(merged) > MAX_METRICS_OF_A_LOG:
            raise Conflict(f"a log has at most {MAX_METRICS_OF_A_LOG} metrics", log_id=of)
        facts = replace(old.facts, metrics=merged, generation=definition.register.generation)
        put = stores.logs.replaced(context.tenant, experiment_id, old, replace(old, facts=facts))
        stores.logs.table.put(put.item, put.when)

    retry_races(context, attempt)


def _same(one: Mapping[str, MetricValue], other: Mapping[str, MetricValue]) -> bool:
    return orjson.dumps(one) == orjson.dumps(other)


# -- writing -----------------------------------------------------------------------------------


def _put(
    stores: VariantStores, context: Context, experiment_id: ExperimentId, found: VariantLog
) -> None:
    placed = stores.logs.put_content(context.tenant, experiment_id, found)
    put = stores.logs.added(context.tenant, experiment_id, placed)

    def attempt() -> bool:
        try:
            stores.logs.table.put(put.item, put.when)
        except ConditionFailed:
            return False
        return True

    if not retry_races(context, attempt):
        (answer,) = _answers_of_known(stores, context, experiment_id, [placed])
        if isinstance(answer, TrialbookError):
            raise answer


def _put_together(
    stores: VariantStores, context: Context, experiment_id: ExperimentId, logs: list[VariantLog]
) -> list[LogId | TrialbookError]:
    placed = [stores.logs.put_content(context.tenant, experiment_id, one) for one in logs]
    answers: dict[LogId, LogId | TrialbookError] = {}
    left = placed

    def attempt() -> None:
        nonlocal left
        if not left:
            return
        writes = [stores.logs.added(context.tenant, experiment_id, one) for one in left]
        try:
            stores.logs.table.transact(writes)
        except ConditionFailed as error:
            known = [left[at] for at in error.failed]
            found = _answers_of_known(stores, context, experiment_id, known)
            for one, answer in zip(known, found, strict=True):
                answers[one.facts.log_id] = answer
            left = [one for one in left if one.facts.log_id not in answers]
            raise

    retry_races(context, attempt)
    return [answers.get(one.facts.log_id, one.facts.log_id) for one in logs]


def _answers_of_known(
    stores: VariantStores, context: Context, experiment_id: ExperimentId, logs: list[VariantLog]
) -> list[LogId | TrialbookError]:
    """For logs whose ids are taken: their ids when they are the same logs, else a conflict."""
    ids = [one.facts.log_id for one in logs]
    kept = stores.logs.get_many(context.tenant, experiment_id, ids)
    answers: list[LogId | TrialbookError] = []
    for one, known in zip(logs, kept, strict=True):
        if known is not None and known.digest != one.digest:
            if one.blob_key is not None:
                stores.logs.blobs.delete(one.blob_key)
            answers.append(_taken(one))
        else:
            answers.append(one.facts.log_id)
    return answers


def _taken(one: VariantLog) -> Conflict:
    return Conflict("another log has this id; make a new one", log_id=one.facts.log_id)


def _parts(logs: list[VariantLog]) -> list[list[VariantLog]]:
    """What fits in a transaction each."""
    parts: list[list[VariantLog]] = []
    size = 0
    for one in logs:
        named = [*one.facts.metrics, *one.facts.covariates]
        needs = _ITEM_BYTES + min(len(one.content), INLINE_BYTES)
        needs += sum(_NUMBER_BYTES + 4 * len(name) for name in named)
        is_full = parts and len(parts[-1]) == MAX_TRANSACTION_WRITES
        if not parts or is_full or size + needs > TRANSACTION_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(one)
        size += needs
    return parts
