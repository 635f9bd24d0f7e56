"""`trialbook runs …`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, Final

import typer

from trialbook.cli.completion import complete_experiment, complete_run
from trialbook.cli.experiments import id_of
from trialbook.cli.history import print_history
from trialbook.cli.options import command
from trialbook.cli.output import Column, hint, print_details, print_json, print_table
from trialbook.cli.session import Session
from trialbook.cli.texts import duration, number, size
from trialbook.models import EndStatus, Run, RunStatus

app = typer.Typer(
    no_args_is_help=True, help="List, show, end and delete runs; their metrics and files."
)

RunId = Annotated[
    str, typer.Argument(metavar="RUN", help="The run's id.", autocompletion=complete_run)
]
_METRICS_SHOWN: Final = 6
_FIELDS: Final = {
    "id": "run_id",
    "name": "name",
    "status": "status",
    "started": "start_time",
    "ended": "end_time",
    "duration": "duration_ms",
    "description": "description",
    "by": "created_by",
    "parent": "parent_run_id",
}

_UNCUT: Final = {"id", "status", "started", "ended", "duration", "parent"}


@command(app, "list")
def list_runs(
    session: Session,
    experiment: Annotated[
        str,
        typer.Argument(
            metavar="EXPERIMENT", help="Its slug, id or name.", autocompletion=complete_experiment
        ),
    ],
    filter: Annotated[  # noqa: A002  # the option's name
        str | None,
        typer.Option("--filter", help="As in MLflow: metrics.loss < 0.5 and params.lr = '0.1'."),
    ] = None,
    order_by: Annotated[
        list[str] | None,
        typer.Option(metavar="ORDER", help="As in 'metrics.loss ASC'; may be repeated."),
    ] = None,
    status: Annotated[RunStatus | None, typer.Option(help="Only these.")] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that are deleted.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,…",
            help="What to show: id, name, status, started, ended, duration, description, by, "
            "parent, and metrics, params and tags by name.",
        ),
    ] = None,
) -> None:
    """List the runs of an experiment, the newest first.

    \b
    Examples:
      trialbook runs list cifar-10 --filter "metrics.loss < 0.5 and params.lr = '0.1'"
      trialbook runs list cifar-10 --order-by "metrics.acc DESC" --columns id,acc,params.lr
    """
    with session.client() as client:
        iterator = client.runs.iterate(
            id_of(client, experiment),
            status=status,
            filter=filter,
            order_by=order_by or (),
            lifecycle_stage="deleted" if deleted else "active",
            limit=limit + 1,
        )
        found = list(islice(iterator, limit + 1))
    runs = found[:limit]
    if session.as_json:
        print_json(runs)
        return
    names = _chosen(columns) if columns else [*("id", "name", "status", "started", "duration")]
    titles = [
        Column(name.upper() if name in _FIELDS else name, keep=name == "id", cut=name not in _UNCUT)
        for name in names
    ]
    if not columns:
        metrics = list(dict.fromkeys(key for run in runs for key in run.metrics))[:_METRICS_SHOWN]
        names += [f"metrics.{key}" for key in metrics]
        titles += [Column(key, right=True) for key in metrics]
    print_table(
        session,
        titles,
        [[_value(run, name) for name in names] for run in runs],
        empty="no runs",
    )
    if len(found) > limit:
        hint(session, f"{limit} are shown; ask for more with --limit")


@command(app, "show")
def show(session: Session, run: RunId) -> None:
    """Show a run: its params, tags and the last, smallest and largest value of its metrics."""
    with session.client() as client:
        _tell(session, client.runs.get(run))


@command(app, "metrics")
def metrics(
    session: Session,
    run: RunId,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The metric.")],
    max_points: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10_000,
            help="At most so many, which keep the curve's shape; on a terminal 40, else all.",
        ),
    ] = None,
) -> None:
    """Show the history of a metric, on a terminal with its curve.

    \b
    Examples:
      trialbook runs metrics 0197… loss
      trialbook runs metrics 0197… loss --json > loss.json
    """
    print_history(session, run, key, max_points)


@command(app, "end")
def end(
    session: Session,
    run: RunId,
    status: Annotated[EndStatus, typer.Option(help="How it ended.")] = "finished",
) -> None:
    """End a run. Again with the same status is fine."""
    with session.client() as client:
        _tell(session, client.runs.end(run, status))


@command(app, "delete")
def delete(session: Session, run: RunId) -> None:
    """Delete a run; `restore` brings it back. Again is fine."""
    with session.client() as client:
        client.runs.delete(run)
    if session.as_json:
        print_json({"run_id": run, "deleted": True})
    else:
        print(f"Deleted {run}; `trialbook runs restore {run}` brings it back")


@command(app, "restore")
def restore(session: Session, run: RunId) -> None:
    """Bring back a deleted run."""
    with session.client() as client:
        _tell(session, client.runs.restore(run))


@command(app, "files")
def files(
    session: Session,
    run: RunId,
    path: Annotated[str | None, typer.Argument(metavar="PATH", help="A folder.")] = None,
) -> None:
    """List the files of a run, one level, folders first."""
    with session.client() as client:
        if path:
            found = client.runs.files(run, path)
        else:
            client.runs.get(run)  # no files is an answer only for a run that is there
            found = client.runs.files(run)
    if session.as_json:
        print_json(found)
        return
    columns = [
        Column("PATH", cut=True),
        Column("SIZE", right=True),
        Column("CREATED"),
        Column("SHA256"),
    ]
    rows = [
        (f.path + "/", "", None, "")
        if f.is_dir
        else (f.path, size(f.size_bytes), f.created_at, f.sha256)
        for f in found
    ]
    print_table(session, columns, rows, empty="no files")


def _chosen(columns: str) -> list[str]:
    return [name.strip() for name in columns.split(",") if name.strip()]


def _value(run: Run, name: str) -> object:
    """Of a field, of `metrics.x`, `params.x` or `tags.x`, or of the first that has an `x`."""
    if name in _FIELDS:
        value: object = getattr(run, _FIELDS[name])
        return duration(run.duration_ms) if name == "duration" else value
    kinds: Mapping[str, Mapping[str, Any]] = {
        "metrics": run.metrics,
        "params": run.params,
        "tags": run.tags,
    }
    kind, _, key = name.partition(".")
    if kind in kinds and key:
        return kinds[kind].get(key)
    return next((values[name] for values in kinds.values() if name in values), None)


def _tell(session: Session, run: Run) -> None:
    if session.as_json:
        print_json(run)
        return
    fields: dict[str, Any] = {
        "id": run.run_id,
        "name": run.name,
        "description": run.description,
        "experiment": run.experiment_id,
        "status": run.status,
        "stage": run.lifecycle_stage,
        "started": run.start_time,
        "ended": run.end_time,
        "took": duration(run.duration_ms),
        "parent": run.parent_run_id,
        "by": run.created_by,
        "tags": run.tags,
        "params": run.params,
        "metrics": _summaries(run),
    }
    print_details(session, fields)


def _summaries(run: Run) -> Sequence[str]:
    told: list[str] = []
    for key, value in run.metrics.items():
        line = f"{key}={number(value)}"
        if summary := run.metric_summary.get(key):
            line += (
                f" (step {summary.step}, min {number(summary.min)}, max {number(summary.max)}, "
                f"{summary.count} points)"
            )
        told.append(line)
    return told
