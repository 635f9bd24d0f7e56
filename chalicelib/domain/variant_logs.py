"""A/B experiments in production: which variant a unit gets, and what came of it.

Assigning asks nobody: the definition is kept in the process, and the variant follows from it and
the unit's name. A log is one write. What a log is the first to name (a variant, a metric, a value
of a dimension) goes into the experiment's register before it, so that a variant with logs cannot be
removed and the number of metrics is bounded; after that it costs nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import orjson

from chalicelib.core.context import Context, retry_races
from chalicelib.core.errors import (
    ConditionFailed,
    Conflict,
    Invalid,
    NotFound,
    TrialbookError,
    Unavailable,
)
from chalicelib.core.ids import ExperimentId
from chalicelib.core.log_ids import LogId, log_id, time_of
from chalicelib.core.model.experiment import Variant
from chalicelib.core.model.variant_log import (
    Definition,
    Facts,
    LogContent,
    MetricValue,
    Register,
    VariantLog,
)
from chalicelib.domain import assignment, variant_rules
from chalicelib.domain.stored_bytes import Spread, in_turn
from chalicelib.storage.table import MAX_TRANSACTION_BYTES, MAX_TRANSACTION_WRITES
from chalicelib.storage.variant_definitions import DefinitionStore
from chalicelib.storage.variant_exports import ExportStore
from chalicelib.storage.variant_logs import INLINE_BYTES, VariantLogStore, packed

MAX_METRICS: Final = 100
"""Names of metrics that the logs of an experiment may have between them."""
MAX_METRICS_OF_A_LOG: Final = 50
MAX_VALUES: Final = 50
"""Values of a dimension that are told apart; others are added up as `OTHER`."""
OTHER: Final = "(other)"
MAX_VALUE_CHARACTERS: Final = 100
MAX_UNIT_CHARACTERS: Final = 250
MAX_AHEAD_MS: Final = 24 * 3600 * 1000
"""A clock may be ahead of ours, and in another zone by mistake."""
TRANSACTION_BYTES: Final = MAX_TRANSACTION_BYTES * 7 // 8
_ITEM_BYTES: Final = 2048
"""A log's item but for its content and numbers, with room."""
_NUMBER_BYTES: Final = 32

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class VariantStores:
    """The stores that A/B experiments log to."""

    definitions: DefinitionStore
    logs: VariantLogStore
    exports: ExportStore
    spread: Spread = in_turn


@dataclass(frozen=True, slots=True)
class NewLog:
    """What is to be logged. The unit is `unit_id`, or what the context has under the experiment's
    unit key. A client that makes the id itself can send it again: it counts once."""

    variant: str
    content: LogContent = field(default_factory=LogContent)
    metrics: Mapping[str, MetricValue] = field(default_factory=dict[str, MetricValue])
    covariates: Mapping[str, float] = field(default_factory=dict[str, float])
    unit_id: str | None = None
    log_id: LogId | None = None
    timestamp_ms: int | None = None


def assign(stores: VariantStores, context: Context, slug: str, unit: str) -> Variant:
    """The variant of a unit: the same for the same definition, whoever asks and how often. No
    request while the definition is kept. Raises NotFound when there is no such experiment, or it is
    not active."""
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


def no_such_experiment(slug: str) -> NotFound:
    """Another tenant's is not told from one that does not exist."""
    return NotFound("there is no such experiment", slug=slug)


def find(stores: VariantStores, context: Context, slug: str) -> Definition:
    """The experiment of a slug, as it is now. Two reads. Raises NotFound, also when deleted."""
    definition = stores.definitions.fresh(context.tenant, slug)
    if definition is None or definition.experiment.lifecycle_stage == "deleted":
        raise no_such_experiment(slug)
    return definition


def log(stores: VariantStores, context: Context, slug: str, new: NewLog) -> LogId:
    """Log one execution of a variant. One write, and a blob for long content; two reads when the
    definition is not kept; a read and a transaction when the log is the first to name something.

    The same log sent again under its id is answered as the first time and counts once. Raises
    NotFound; Conflict in draft, or when another log has the id; Invalid for an unknown variant, a
    time that is not the id's, and too many metrics; Unavailable while aggregates are rebuilt.
    """
    definition = _definition_for(stores, context, slug, [new])
    found = _prepared(definition, context, new)
    _put(stores, context, definition.experiment.id, found)
    return found.facts.log_id


def log_many(
    stores: VariantStores, context: Context, slug: str, new: Sequence[NewLog | TrialbookError]
) -> list[LogId | TrialbookError]:
    """Log many; each on its own is logged or refused, and what is an error already stays one. A
    transaction for each 100 or 3.5 MB, and a blob for each long content. Raises what concerns them
    all: NotFound, Conflict in draft, Unavailable."""
    wanted = [one for one in new if isinstance(one, NewLog)]
    definition = _definition_for(stores, context, slug, wanted)
    results: list[LogId | TrialbookError | None] = [
        one if isinstance(one, TrialbookError) else None for one in new
    ]
    by_id: dict[LogId, VariantLog] = {}
    places: dict[LogId, list[int]] = {}
    for place, one in enumerate(new):
        if isinstance(one, TrialbookError):
            continue
        try:
            found = _prepared(definition, context, one)
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
    definition = _definition_for(stores, context, slug, [asked])
    _check_metrics(definition.register, metrics, "")
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


# -- the definition, and what is named for the first time ----------------------------------------


def _definition_for(
    stores: VariantStores, context: Context, slug: str, new: Sequence[NewLog]
) -> Definition:
    """A definition by which these logs can be taken or refused."""
    # What is kept may be stale, which a write of the register would notice; only for refusing
    # something it is too old.
    usable: list[Definition] = []
    kept = stores.definitions.get(context.tenant, slug)
    if kept is not None and _takes_logs(kept, context) and _knows_variants(kept, new):
        if not _unnamed(kept, new):
            return kept
        usable.append(kept)

    def attempt() -> Definition:
        definition = usable.pop() if usable else find(stores, context, slug)
        _check_takes_logs(definition, context)
        register = _with_names(definition, new)
        if register == definition.register:
            return definition
        return stores.definitions.register(context.tenant, definition, register)

    return retry_races(context, attempt)


def _takes_logs(definition: Definition, context: Context) -> bool:
    experiment = definition.experiment
    return (
        experiment.status != "draft"
        and experiment.lifecycle_stage == "active"
        and definition.register.rebuilt_until_ms <= context.now_ms()
    )


def _check_takes_logs(definition: Definition, context: Context) -> None:
    if definition.experiment.status == "draft":
        raise Conflict(
            "a draft takes no logs; set the experiment's status to active", status="draft"
        )
    if not _takes_logs(definition, context):
        raise Unavailable("the experiment's results are being rebuilt; send it again", 5)


def _knows_variants(definition: Definition, new: Sequence[NewLog]) -> bool:
    keys = {"", *(variant.key for variant in definition.experiment.variants)}
    return all(one.variant in keys for one in new)


def _unnamed(definition: Definition, new: Sequence[NewLog]) -> bool:
    """Whether a log names what the register lacks."""
    return _with_names(definition, new) != definition.register


def _with_names(definition: Definition, new: Sequence[NewLog]) -> Register:
    """The register with what the logs name besides, up to its bounds."""
    register, experiment = definition.register, definition.experiment
    keys = {variant.key for variant in experiment.variants}
    variants = {one.variant for one in new} & keys
    metrics = {name for one in new for name in one.metrics}
    if not metrics <= register.metrics:
        room = MAX_METRICS - len(register.metrics)
        metrics = set(sorted(metrics - register.metrics)[:room])
    dimensions = dict(register.dimensions)
    for dimension in experiment.dimensions:
        known = dimensions.get(dimension, frozenset())
        values = {
            value for one in new if (value := _value(one.content.context, dimension)) is not None
        }
        if not values <= known:
            room = MAX_VALUES - len(known)
            dimensions[dimension] = known | set(sorted(values - known)[:room])
    return replace(
        register,
        variants=register.variants | variants,
        metrics=register.metrics | metrics,
        dimensions=dimensions,
    )


def _value(given: Mapping[str, object], dimension: str) -> str | None:
    """A value of a dimension as text; None for what has none."""
    value = given.get(dimension)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)[:MAX_VALUE_CHARACTERS] or None
    return None


# -- from what was sent to what is stored --------------------------------------------------------


def _prepared(definition: Definition, context: Context, new: NewLog) -> VariantLog:
    """Raises Invalid."""
    experiment, register = definition.experiment, definition.register
    if new.variant not in {variant.key for variant in experiment.variants}:
        known = ", ".join(variant.key for variant in experiment.variants) or "none"
        raise Invalid.field("variantKey", f"is no variant of the experiment; it has {known}"[:500])
    _check_metrics(register, new.metrics, "metrics.")
    found = _id_of(context, new)
    content = packed(new.content)
    facts = Facts(
        log_id=found,
        variant=new.variant,
        unit=_unit(experiment.unit_key, new),
        epoch=variant_rules.epoch_of(experiment, time_of(found)),
        dimensions=_dimensions(definition, new),
        metrics=new.metrics,
        covariates=new.covariates,
        generation=register.generation,
    )
    return VariantLog(facts, _digest(new), context.now_ms(), context.user, content)


def _check_metrics(register: Register, metrics: Mapping[str, MetricValue], path: str) -> None:
    for name in metrics:
        if name not in register.metrics:
            raise Invalid.field(
                f"{path}{name}",
                f"an experiment's logs have at most {MAX_METRICS} metrics between them",
            )


def _id_of(context: Context, new: NewLog) -> LogId:
    latest_ms = context.now_ms() + MAX_AHEAD_MS
    if new.log_id is None:
        time_ms = context.now_ms() if new.timestamp_ms is None else new.timestamp_ms
        if time_ms > latest_ms:
            raise Invalid.field("timestamp", "is more than a day ahead of this service's clock")
        return log_id(time_ms, context.clock.random_bytes(10))
    time_ms = time_of(new.log_id)
    if time_ms > latest_ms:
        raise Invalid.field("logId", "its time is more than a day ahead of this service's clock")
    if new.timestamp_ms not in (None, time_ms):
        raise Invalid.field("logId", f"its time is {time_ms}, which is not the timestamp")
    return new.log_id


def _unit(unit_key: str | None, new: NewLog) -> str | None:
    if new.unit_id is not None or unit_key is None:
        return new.unit_id
    named = new.content.context.get(unit_key)
    if isinstance(named, bool) or not isinstance(named, str | int | float):
        return None
    unit = str(named)
    if len(unit) > MAX_UNIT_CHARACTERS:
        raise Invalid.field(
            f"context.{unit_key}", f"names the unit: at most {MAX_UNIT_CHARACTERS} characters"
        )
    return unit or None


def _dimensions(definition: Definition, new: NewLog) -> dict[str, str]:
    found: dict[str, str] = {}
    for dimension in definition.experiment.dimensions:
        value = _value(new.content.context, dimension)
        if value is not None:
            known = definition.register.dimensions.get(dimension, frozenset[str]())
            found[dimension] = value if value in known else OTHER
    return found


def _digest(new: NewLog) -> bytes:
    """Of what was sent, so that the same is told from another."""
    sent = [
        new.variant, new.unit_id, new.timestamp_ms, new.metrics, new.covariates,
        new.content.input, new.content.output, new.content.context,
    ]  # fmt: skip
    return hashlib.sha256(orjson.dumps(sent, option=orjson.OPT_SORT_KEYS)).digest()


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
