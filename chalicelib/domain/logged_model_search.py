"""Searching the logged models of experiments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chalicelib.core.context import Context
from chalicelib.core.ids import ExperimentId
from chalicelib.core.model.logged_model import LoggedModel, ModelPoint
from chalicelib.domain import default_experiment
from chalicelib.domain.filter_parser import Field, parse_clauses
from chalicelib.domain.model_filters import LOGGED_MODELS, arranged, kept, parse_orders
from chalicelib.storage import model_keys
from chalicelib.storage.logged_models import LoggedModelRows


@dataclass(frozen=True, slots=True)
class OnDataset:
    """Points on the datasets of this name, and digest when it is given."""

    name: str
    digest: str | None = None

    def covers(self, point: ModelPoint) -> bool:
        return self.name == point.dataset_name and self.digest in (None, point.dataset_digest)


@dataclass(frozen=True, slots=True)
class ModelOrder:
    """An attribute, or a metric by its latest value, on a dataset when one is given."""

    field_name: str
    descending: bool = False
    on: OnDataset | None = None


@dataclass(frozen=True, slots=True)
class ModelQuery:
    """Metrics count as measured on one of `datasets` when there are any; without a clause on
    metrics, models that have a point on one are meant."""

    experiment_ids: Sequence[ExperimentId]
    filter: str = ""
    datasets: Sequence[OnDataset] = ()
    order_by: Sequence[ModelOrder] = ()
    offset: int = 0
    limit: int = 100


def search(
    rows: LoggedModelRows, context: Context, query: ModelQuery
) -> tuple[list[LoggedModel], bool]:
    """A slice of those that are not deleted, newest first where nothing else orders them, and
    whether more come after it. Per experiment one small request, or, the first time, a query per
    MB. Raises Invalid."""
    clauses = parse_clauses(query.filter, LOGGED_MODELS)
    orders = [_order(one) for one in query.order_by]
    found = [
        model
        for experiment_id in dict.fromkeys(query.experiment_ids)
        for model in rows.rows(model_keys.logged_models(context.tenant, experiment_id))
        if model.lifecycle_stage == "active"
    ]
    datasets = query.datasets

    def read(model: LoggedModel, field: Field) -> Sequence[str | float]:
        if field.kind == "metric":
            return [p.value for p in model.points if p.key == field.key and _is_on(p, datasets)]
        if (field.kind, field.key) == ("attribute", "experiment_id"):
            return [default_experiment.spelled(context.tenant, model.experiment_id)]
        return values_of(model, field)

    if datasets and not any(clause.field.kind == "metric" for clause in clauses):
        found = [m for m in found if any(_is_on(point, datasets) for point in m.points)]
    found = arranged(kept(clauses, found, read), [*orders, *_TIE_BREAKERS])
    end = query.offset + query.limit
    return found[query.offset : end], len(found) > end


_TIE_BREAKERS: Sequence[tuple[Callable[[LoggedModel], str | float | None], bool]] = (
    (lambda model: model.created_at_ms, True),
    (lambda model: model.model_id, False),
)


def values_of(model: LoggedModel, field: Field) -> Sequence[str | float]:
    """The model's value of a field other than a metric, if it has one."""
    key = field.key
    if field.kind in ("param", "tag"):
        value: str | float | None = (model.params if field.kind == "param" else model.tags).get(key)
    else:
        value = {
            "model_id": model.model_id,
            "name": model.name,
            "model_type": model.model_type,
            "status": model.status,
            "source_run_id": model.source_run_id,
            "experiment_id": model.experiment_id,
            "creation_timestamp": model.created_at_ms,
            "last_updated_timestamp": model.last_updated_ms,
        }[key]
    return [] if value is None else [value]


def _is_on(point: ModelPoint, datasets: Sequence[OnDataset]) -> bool:
    return not datasets or any(one.covers(point) for one in datasets)


def _order(asked: ModelOrder) -> tuple[Callable[[LoggedModel], str | float | None], bool]:
    kind, _, key = asked.field_name.partition(".")
    if kind == "metrics" and key:  # whatever is in it: no clause ends here
        return lambda model: _latest(model, key.strip("`"), asked.on), asked.descending
    ((field, _),) = parse_orders([asked.field_name], LOGGED_MODELS)
    return lambda model: next(iter(values_of(model, field)), None), asked.descending


def _latest(model: LoggedModel, key: str, on: OnDataset | None) -> float | None:
    points = [p for p in model.points if p.key == key and (on is None or on.covers(p))]
    return max(points, key=lambda p: (p.timestamp, p.step)).value if points else None
