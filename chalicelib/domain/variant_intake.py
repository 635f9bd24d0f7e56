"""Whether and how a log is taken: by its experiment, and by what it is the first to name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import orjson

from chalicelib.core.context import Context, retry_races
from chalicelib.core.errors import (
    Conflict,
    Invalid,
    NotFound,
    Unavailable,
)
from chalicelib.core.ids import made_ms
from chalicelib.core.log_ids import LogId, log_id, time_of
from chalicelib.core.model.variant_log import (
    Definition,
    Facts,
    LogContent,
    MetricValue,
    Register,
    VariantLog,
)
from chalicelib.domain import names, variant_rules
from chalicelib.domain.stored_bytes import Spread, in_turn
from chalicelib.storage.variant_definitions import DefinitionStore
from chalicelib.storage.variant_exports import ExportStore
from chalicelib.storage.variant_logs import VariantLogStore, packed

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


def no_such_experiment(slug: str) -> NotFound:
    """Another tenant's is not told from one that does not exist."""
    return NotFound("there is no such experiment", slug=slug)


def check_slug(slug: str) -> None:
    """Before any store is asked: what is no slug may make no key. Raises NotFound."""
    if not names.is_slug(slug):
        raise no_such_experiment(slug)


def find(stores: VariantStores, context: Context, slug: str) -> Definition:
    """The experiment of a slug, as it is now. Two reads. Raises NotFound, also when deleted."""
    check_slug(slug)
    definition = stores.definitions.fresh(context.tenant, slug)
    if definition is None or definition.experiment.lifecycle_stage == "deleted":
        raise no_such_experiment(slug)
    return definition


# -- the definition, and what is named for the first time ----------------------------------------


def definition_for(
    stores: VariantStores, context: Context, slug: str, new: Sequence[NewLog]
) -> Definition:
    """A definition by which these logs can be taken or refused."""
    check_slug(slug)
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


def prepared(definition: Definition, context: Context, new: NewLog) -> VariantLog:
    """Raises Invalid."""
    experiment, register = definition.experiment, definition.register
    found = _id_of(context, new)  # also for what is refused: the others keep theirs in a repeat
    if new.variant not in {variant.key for variant in experiment.variants}:
        known = ", ".join(variant.key for variant in experiment.variants) or "none"
        raise Invalid.field("variantKey", f"is no variant of the experiment; it has {known}"[:500])
    check_metrics(register, new.metrics, "metrics.")
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


def check_metrics(register: Register, metrics: Mapping[str, MetricValue], path: str) -> None:
    for name in metrics:
        if name not in register.metrics:
            raise Invalid.field(
                f"{path}{name}",
                f"an experiment's logs have at most {MAX_METRICS} metrics between them",
            )


def _id_of(context: Context, new: NewLog) -> LogId:
    latest_ms = context.now_ms() + MAX_AHEAD_MS
    if new.log_id is None:
        chance, asked_ms = context.clock.random_bytes(10), made_ms(context.new_id())
        time_ms = asked_ms if new.timestamp_ms is None else new.timestamp_ms
        if time_ms > latest_ms:
            raise Invalid.field("timestamp", "is more than a day ahead of this service's clock")
        return log_id(time_ms, chance)
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
