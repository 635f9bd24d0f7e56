"""`trialbook experiments …`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from trialbook.cli.completion import complete_experiment
from trialbook.cli.definitions import DEFINITION, Definition
from trialbook.cli.failures import usage
from trialbook.cli.options import command, goals, pairs
from trialbook.cli.output import Column, hint, print_details, print_json, print_table
from trialbook.cli.session import Session
from trialbook.cli.texts import local_time, number, plain_pairs
from trialbook.models import Experiment, Guardrail, WeightChange

if TYPE_CHECKING:
    from trialbook.sync import Client

_ID_OR_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

app = typer.Typer(no_args_is_help=True, help="List, create, change and delete experiments.")

Name = Annotated[
    str,
    typer.Argument(
        metavar="EXPERIMENT", help="Its slug, id or name.", autocompletion=complete_experiment
    ),
]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", metavar="K=V", help="A tag; may be repeated.")
]
Goals = Annotated[
    list[str] | None,
    typer.Option("--goal", metavar="METRIC=max|min", help="What is better; may be repeated."),
]


@command(app, "list")
def list_experiments(
    session: Session,
    search: Annotated[str | None, typer.Option(help="A part of the name.")] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that are deleted.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
) -> None:
    """List experiments, the newest first.

    \b
    Examples:
      trialbook experiments list --search cifar
      trialbook experiments list --json | jq -r '.[].slug'
    """
    with session.client() as client:
        iterator = client.experiments.iterate(
            search=search, lifecycle_stage="deleted" if deleted else "active", limit=limit + 1
        )
        found = list(islice(iterator, limit + 1))
    shown = found[:limit]
    if session.as_json:
        print_json(shown)
        return
    columns = [
        Column("SLUG", keep=True),
        Column("NAME", cut=True),
        Column("RUNS", right=True),
        Column("CREATED"),
        Column("ID"),
        Column("DESCRIPTION", cut=True),
    ]
    rows = [(e.slug, e.name, e.counts.runs, e.created_at, e.id, e.description or "") for e in shown]
    print_table(session, columns, rows, empty="no experiments")
    if len(found) > limit:
        hint(session, f"{limit} are shown; ask for more with --limit")


@command(app, "show")
def show(session: Session, experiment: Name) -> None:
    """Show an experiment."""
    with session.client() as client:
        _tell(session, client.experiments.find(experiment))


@command(app, "create", DEFINITION)
def create(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")],
    definition: Definition,
    slug: Annotated[str | None, typer.Option(help="Its slug; made from the name.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is about.")] = None,
    tag: Tags = None,
    goal: Goals = None,
) -> None:
    """Create an experiment.

    \b
    Examples:
      trialbook experiments create "CIFAR 10" --tag team=vision --goal loss=min
      trialbook experiments create checkout --variant A=50 --variant B=50 --status active
    """
    tags, metric_goals = pairs(tag, "--tag"), goals(goal)
    with session.client() as client:
        made = client.experiments.create(
            name,
            slug=slug,
            description=description,
            tags=tags or None,
            metric_goals=metric_goals or None,
            **definition.over(),
        )
    _tell(session, made)


@command(app, "update", DEFINITION)
def update(
    session: Session,
    experiment: Name,
    definition: Definition,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    description: Annotated[
        str | None, typer.Option(help="A new description; an empty one removes it.")
    ] = None,
    tag: Tags = None,
    remove_tag: Annotated[
        list[str] | None, typer.Option(metavar="K", help="A tag to remove; may be repeated.")
    ] = None,
    goal: Goals = None,
) -> None:
    """Change what is given, and nothing else. Variants that are given replace those there are.

    \b
    Examples:
      trialbook experiments update cifar-10 --tag team=vision --remove-tag draft
      trialbook experiments update checkout --variant A=10 --variant B=90
    """
    tags: dict[str, str | None] = {**pairs(tag, "--tag"), **dict.fromkeys(remove_tag or ())}
    metric_goals = goals(goal)
    texts = (name, description)
    if texts == (None, None) and not tags and not metric_goals and not definition:
        raise usage("nothing to change; give --name, --description, --tag, --status or another")
    with session.client() as client:
        found = client.experiments.find(experiment)
        changed = client.experiments.update(
            found.id,
            name=name,
            description=description,
            tags=tags or None,
            metric_goals=metric_goals or None,
            **definition.over(found.variants),
        )
    _tell(session, changed)


@command(app, "delete")
def delete(session: Session, experiment: Name) -> None:
    """Delete an experiment; `restore` brings it back. Again is fine."""
    with session.client() as client:
        found = client.experiments.find(experiment)
        client.experiments.delete(found.id)
    if session.as_json:
        print_json({"id": found.id, "slug": found.slug, "deleted": True})
    else:
        print(f"Deleted {found.slug}; `trialbook experiments restore {found.slug}` brings it back")


@command(app, "restore")
def restore(session: Session, experiment: Name) -> None:
    """Bring back a deleted experiment, by its slug or id."""
    with session.client() as client:
        _tell(session, client.experiments.restore(experiment))


def id_of(client: Client, experiment: str) -> str:
    """What the service's own routes take: a slug or an id as it is, a name looked up."""
    if _ID_OR_SLUG.fullmatch(experiment):
        return experiment
    return client.experiments.find(experiment).id


def _tell(session: Session, experiment: Experiment) -> None:
    if session.as_json:
        print_json(experiment)
        return
    variants = {v.key: f"{v.weight:g}%" for v in experiment.variants}
    fields: Mapping[str, Any] = {
        "slug": experiment.slug,
        "id": experiment.id,
        "name": experiment.name,
        "description": experiment.description,
        "stage": experiment.lifecycle_stage,
        "status": experiment.status,
        "tags": experiment.tags,
        "goals": experiment.metric_goals,
        "variants": variants,
        "payloads": {v.key: json.dumps(v.payload) for v in experiment.variants if v.payload},
        "unit key": experiment.unit_key,
        "dimensions": experiment.dimensions,
        "guardrails": {key: _margin(each) for key, each in experiment.guardrails.items()},
        "started": experiment.started_at,
        "weight changes": [_change(each) for each in experiment.weight_changes[1:]],
        "runs": experiment.counts.runs,
        "artifacts": experiment.counts.artifacts,
        "created": experiment.created_at,
        "changed": experiment.last_updated,
        "created by": experiment.created_by,
    }
    print_details(session, fields)


def _margin(guardrail: Guardrail) -> str:
    return (
        f"{100 * guardrail.margin:g}%" if guardrail.kind == "relative" else number(guardrail.margin)
    )


def _change(change: WeightChange) -> str:
    weights = plain_pairs({key: f"{weight:g}%" for key, weight in change.weights.items()})
    return f"{local_time(change.at)}  {weights}"
