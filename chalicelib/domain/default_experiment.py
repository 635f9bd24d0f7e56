"""Each tenant's default experiment, which MLflow's clients know as `0`.

Its id follows from the tenant, so that it is known without asking; it is made when it is first
needed.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

from chalicelib.core.context import Context
from chalicelib.core.errors import ConditionFailed, Conflict, NotFound
from chalicelib.core.ids import ExperimentId, TenantId
from chalicelib.core.model.experiment import Experiment
from chalicelib.domain import experiments
from chalicelib.domain.experiments import NewExperiment
from chalicelib.storage.experiments import ExperimentStore

ALIAS: Final = "0"
NAMES: Final = ("Default", "Default (0)", "Default of MLflow")
"""The first that is free when it is made."""


@lru_cache(1024)
def id_of(tenant: TenantId) -> ExperimentId:
    """The id of a tenant's default experiment."""
    return ExperimentId(hashlib.sha256(f"default experiment\n{tenant}".encode()).hexdigest()[:32])


def meant(tenant: TenantId, experiment_id: str) -> ExperimentId:
    """The id that an id, or `0`, stands for."""
    return id_of(tenant) if experiment_id == ALIAS else ExperimentId(experiment_id)


def spelled(tenant: TenantId, experiment_id: ExperimentId) -> str:
    """The inverse, for what is answered."""
    return ALIAS if experiment_id == id_of(tenant) else experiment_id


def ensure(store: ExperimentStore, context: Context, experiment_id: str) -> ExperimentId:
    """As `meant`; the default experiment is there after it. A read for `0`, and the first time a
    transaction."""
    found = meant(context.tenant, experiment_id)
    if experiment_id == ALIAS:
        get(store, context)
    return found


def read(store: ExperimentStore, context: Context, experiment_id: str) -> Experiment:
    """The experiment of an id, or of `0`, deleted ones too. One read, and for `0` the first time a
    transaction. Raises NotFound, Forbidden."""
    if experiment_id == ALIAS:
        return get(store, context)
    return store.get(context.tenant, experiments.resolve(store, context, experiment_id))


def named(store: ExperimentStore, context: Context, name: str) -> Experiment | None:
    """The experiment of a name, deleted ones too, None when there is none. Two reads; for the
    default's name it is there after them."""
    found = store.id_of_name(context.tenant, name)
    if found is not None:
        return store.get(context.tenant, found)
    return get(store, context) if name == NAMES[0] else None


def get(store: ExperimentStore, context: Context) -> Experiment:
    """The tenant's default experiment. One read, and the first time a transaction. Raises
    Conflict when every name for it is taken."""
    found = id_of(context.tenant)
    try:
        return store.get(context.tenant, found)
    except NotFound:
        pass
    for name in NAMES:
        try:
            return experiments.create(store, context, NewExperiment(name=name, id=found))
        except (Conflict, ConditionFailed):
            # Made by another meanwhile, or the name is that of another experiment.
            try:
                return store.get(context.tenant, found)
            except NotFound:
                continue
    raise Conflict(f"the experiment {ALIAS} needs one of these names: {', '.join(NAMES)}")
