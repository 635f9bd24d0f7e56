"""The operator's commands for A/B results: comparing them with the logs, making them anew."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from chalicelib.core.errors import NotFound
from chalicelib.core.ids import ExperimentId, TenantId
from chalicelib.core.model.experiment import Experiment
from chalicelib.domain import variant_verification
from chalicelib.domain.variant_verification import Verified
from chalicelib.storage.experiments import experiment_of

if TYPE_CHECKING:
    from chalicelib.wiring import Services

Say: TypeAlias = Callable[[str], None]


class Found(NamedTuple):
    """An A/B experiment, and about how many logs it has."""

    tenant: TenantId
    id: ExperimentId
    slug: str
    logs: int


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the actions to the command `variants`."""
    actions = parser.add_subparsers(
        dest="ops_action", metavar="ACTION", required=True, parser_class=type(parser)
    )
    verify = actions.add_parser("verify", help="compare the results' aggregates with the logs")
    verify.add_argument("--tenant", metavar="T", help="this tenant's alone")
    verify.add_argument("--experiment", metavar="SLUG", help="this one alone; needs --tenant")
    rebuild = actions.add_parser("rebuild", help="make an experiment's aggregates anew")
    rebuild.add_argument("--tenant", required=True, metavar="T")
    rebuild.add_argument("--experiment", required=True, metavar="SLUG")
    rebuild.add_argument(
        "--no-wait",
        action="store_true",
        help="do not wait for loggers to notice; right only when nothing can be logging",
    )
    for each in (verify, rebuild):
        each.add_argument("--json", action="store_true", help="one JSON document")


def verify(options: argparse.Namespace, services: Services) -> tuple[list[dict[str, Any]], bool]:
    """Compare; what was found of each experiment, and whether all agree. Raises NotFound."""
    from chalicelib import wiring

    stores = wiring.verification(services)
    rows: list[dict[str, Any]] = []
    for one in _experiments(services, options.tenant, options.experiment):
        done = variant_verification.verify(stores, one.tenant, one.id, one.logs)
        rows.append(_row(one, done))
    return rows, not any(row["differences"] for row in rows)


def rebuild(options: argparse.Namespace, services: Services) -> dict[str, Any]:
    """Make the aggregates anew, saying on stderr how far it is. Raises NotFound, Conflict."""
    from chalicelib import wiring

    (one,) = _experiments(services, options.tenant, options.experiment)
    quiet_s = 0.0 if options.no_wait else variant_verification.QUIET_S
    done = variant_verification.rebuild(
        wiring.verification(services),
        one.tenant,
        one.id,
        one.logs,
        quiet_s=quiet_s,
        progress=_say_meanwhile,
    )
    return _row(one, done)


def _say_meanwhile(text: str) -> None:
    sys.stderr.write(f"trialbook: {text}\n")


def told(row: dict[str, Any], say: Say) -> None:
    """A row in words."""
    where = f"{row['tenant']} {row['experiment']}: {row['logs']} logs, {row['units']} units"
    say(f"{where}, {'differs' if row['differences'] else 'agrees'}")
    for line in row["differences"]:
        say(f"  {line}")


def _row(one: Found, done: Verified) -> dict[str, Any]:
    return {
        "tenant": one.tenant,
        "experiment": one.slug,
        "logs": done.logs,
        "units": done.units,
        "differences": done.differences,
    }


def _experiments(services: Services, tenant: str | None, slug: str | None) -> Iterator[Found]:
    if slug is not None:
        if tenant is None:
            raise NotFound("a slug is of one tenant; name it with --tenant")
        experiment_id = services.experiments.id_of_slug(TenantId(tenant), slug)
        if experiment_id is None:
            raise NotFound("there is no such experiment", tenant=tenant, slug=slug)
        experiment = services.experiments.get(TenantId(tenant), experiment_id)
        yield _found(services, TenantId(tenant), experiment)
        return
    tenants = [TenantId(tenant)] if tenant else [one.id for one in services.retention.tenants()]
    for each in tenants:
        for stage in ("active", "deleted"):
            for experiment in map(experiment_of, services.experiments.listed(each, stage)):
                if experiment.variants:
                    yield _found(services, each, experiment)


def _found(services: Services, tenant: TenantId, experiment: Experiment) -> Found:
    (counts,) = services.experiments.counts(tenant, [experiment])
    return Found(tenant, experiment.id, experiment.slug, counts.logs)
