"""`trialbook variants …`."""

from __future__ import annotations

import json
from itertools import islice
from typing import Annotated, Any, Final, cast

import typer

from trialbook.cli.completion import complete_experiment, complete_variant
from trialbook.cli.failures import ExitCode, Failed, usage
from trialbook.cli.history import moment_of
from trialbook.cli.options import Shared, command, numbers, pairs
from trialbook.cli.output import Column, hint, print_json, print_table
from trialbook.cli.session import Session
from trialbook.cli.texts import one_line, plain_pairs, size
from trialbook.variant_logs import variant_log

app = typer.Typer(no_args_is_help=True, help="Assign, log and export variants of an experiment.")

Slug = Annotated[
    str,
    typer.Argument(
        metavar="SLUG", help="The experiment's slug.", autocompletion=complete_experiment
    ),
]
Metrics = Annotated[
    list[str] | None, typer.Option("--metric", metavar="K=NUMBER", help="May be repeated.")
]
Context = Annotated[
    list[str] | None,
    typer.Option("--context", metavar="K=V", help="What is known of it; may be repeated."),
]

WHICH: Final = Shared(
    "which",
    {
        "variant": Annotated[
            str | None,
            typer.Option("--variant", help="Only of this one.", autocompletion=complete_variant),
        ],
        "since": Annotated[
            str | None,
            typer.Option("--since", metavar="TIME", help="From this day, time or ms on."),
        ],
        "until": Annotated[
            str | None,
            typer.Option("--until", metavar="TIME", help="To this day, time or ms, inclusive."),
        ],
        "where": Annotated[
            list[str] | None,
            typer.Option(
                "--where",
                metavar="METRIC>NUMBER",
                help="Only where a metric is so: > >= < <= = !=; of several, all of them.",
            ),
        ],
    },
    lambda given: {**given, "where": given["where"] or ()},
)


@command(app, "assign")
def assign(
    session: Session,
    slug: Slug,
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's id.")],
    context: Context = None,
) -> None:
    """Show the variant of a user. It is always the same one.

    \b
    Examples:
      VARIANT=$(trialbook variants assign checkout ada)
    """
    known = pairs(context, "--context")
    with session.client() as client:
        found = client.experiment(slug).assign(user, known)
    if session.as_json:
        print_json(found)
    else:
        print(one_line(found.variant))


@command(app, "log")
def log(
    session: Session,
    slug: Slug,
    variant: Annotated[
        str,
        typer.Argument(metavar="VARIANT", help="Its key.", autocompletion=complete_variant),
    ],
    metric: Metrics = None,
    unit: Annotated[
        str | None, typer.Option(metavar="ID", help="Whom it was shown to: a user, a session.")
    ] = None,
    context: Context = None,
    covariate: Annotated[
        list[str] | None,
        typer.Option(metavar="K=NUMBER", help="Known of the unit before; may be repeated."),
    ] = None,
    input: Annotated[  # noqa: A002  # the option's name
        str | None, typer.Option("--input", metavar="JSON", help="What went in: a JSON object.")
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", metavar="JSON", help="What came out: a JSON object.")
    ] = None,
    timestamp: Annotated[
        int | None, typer.Option(metavar="MS", help="When, in ms since the epoch; now.")
    ] = None,
    log_id: Annotated[
        str | None, typer.Option(metavar="ID", help="That of a log which may have been sent.")
    ] = None,
) -> None:
    """Log an execution of a variant, and print its id.

    While the service is away it is kept on this machine, for `trialbook sync`.

    \b
    Examples:
      trialbook variants log checkout B --unit ada --metric latency_ms=212
    """
    fields: dict[str, Any] = {
        "metrics": numbers(metric, "--metric"),
        "unit": unit,
        "context": pairs(context, "--context"),
        "covariates": numbers(covariate, "--covariate"),
        "input": _object(input, "--input"),
        "output": _object(output, "--output"),
        "timestamp": timestamp,
        "log_id": log_id,
    }
    variant_log(variant, **fields)  # what cannot be logged is told before anything begins
    with session.client() as client:
        handle = client.experiment(slug)
        made = handle.log(variant, **fields)
        sent = handle.flush()
    if session.as_json:
        print_json({"log_id": made, "sent": sent})
    else:
        print(made)
    if not sent:
        raise Failed(
            "the service is away; what was logged is kept on this machine, "
            "and `trialbook sync` sends it",
            ExitCode.AWAY,
        )


@command(app, "outcome")
def outcome(
    session: Session,
    slug: Slug,
    log_id: Annotated[str, typer.Argument(metavar="LOG", help="The log's id.")],
    metric: Metrics = None,
) -> None:
    """Add metrics to a log that became known later.

    \b
    Examples:
      trialbook variants outcome checkout log_01K… --metric user_rating=5
    """
    metrics = numbers(metric, "--metric")
    if not metrics:
        raise usage("give what became known with --metric")
    with session.client() as client:
        client.experiment(slug).outcome(log_id, metrics)
    if session.as_json:
        print_json({"log_id": log_id, "metrics": metrics})
    else:
        print(log_id)


@command(app, "logs", WHICH)
def logs(
    session: Session,
    slug: Slug,
    which: dict[str, Any],
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
) -> None:
    """List the logs of variants, the newest first.

    \b
    Examples:
      trialbook variants logs checkout --variant B --where "latency_ms>500" --since 2026-11-01
    """
    with session.client() as client:
        iterator = client.experiment(slug).logs(**which, limit=limit + 1)
        found = list(islice(iterator, limit + 1))
    shown = found[:limit]
    if session.as_json:
        print_json(shown)
        return
    columns = [
        Column("LOG", keep=True),
        Column("VARIANT"),
        Column("TIME"),
        Column("UNIT", cut=True),
        Column("METRICS", cut=True),
        Column("CONTEXT", cut=True),
    ]
    rows = [
        (
            each.log_id,
            each.variant,
            moment_of(each.timestamp),
            each.unit or "",
            plain_pairs(dict(each.metrics)),
            plain_pairs(each.context),
        )
        for each in shown
    ]
    print_table(session, columns, rows, empty="no logs")
    if len(found) > limit:
        hint(session, f"{limit} are shown; ask for more with --limit, or for all with `export`")


@command(app, "export", WHICH)
def export(
    session: Session,
    slug: Slug,
    file: Annotated[str, typer.Argument(metavar="FILE", help="It is replaced.")],
    which: dict[str, Any],
) -> None:
    """Write logs to a file as JSON Lines, however many there are.

    \b
    Examples:
      trialbook variants export checkout checkout.jsonl --since 2026-11-01
    """
    with session.client() as client:
        path = client.experiment(slug).export(file, **which)
    size_bytes = path.stat().st_size
    if session.as_json:
        print_json({"path": path, "size_bytes": size_bytes})
    else:
        print(f"{one_line(str(path))}  {size(size_bytes)}")


def _object(text: str | None, option: str) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found: object = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise usage(f"{option} takes a JSON object, not {text!r}")
    return cast("dict[str, Any]", found)
