"""`trialbook log`: one value, or a stream of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from trialbook.cli.completion import complete_experiment, complete_run
from trialbook.cli.failures import ExitCode, Failed, say, usage
from trialbook.cli.options import command, numbers, pairs
from trialbook.cli.output import print_json
from trialbook.cli.session import Session
from trialbook.errors import Conflict, Invalid

if TYPE_CHECKING:
    from trialbook.run import ActiveRun
    from trialbook.sync import Client

_STDIN: Final = "-"
_TOLD: Final = 5
"""Bad lines that are told one by one."""


def register(app: typer.Typer, panel: str) -> None:
    command(app, "log", panel=panel)(log)


def log(
    session: Session,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="EXPERIMENT [-]",
            help="Its slug, id or name; it is created when it is missing. Then - to read stdin.",
            autocompletion=complete_experiment,
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN", help="A run that is there; else a new one.", autocompletion=complete_run
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the new run.")] = None,
    metric: Annotated[
        list[str] | None, typer.Option(metavar="K=NUMBER", help="May be repeated.")
    ] = None,
    param: Annotated[list[str] | None, typer.Option(metavar="K=V", help="May be repeated.")] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="K=V", help="May be repeated.")] = None,
    step: Annotated[
        int | None, typer.Option(help="Step of the metrics; one more than the last.")
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="End the run; else it stays open.")] = False,
) -> None:
    """Log metrics, params and tags to a run, and print the run's id.

    With - every line of stdin is a JSON object of metrics, with "step" and "timestamp" (ms) if it
    likes; it is sent as it comes. Lines that cannot be logged are told, and the rest goes on. While
    the service is away everything is kept on this machine, for `trialbook sync`.

    \b
    Examples:
      trialbook log cifar-10 --metric loss=0.3 --param lr=0.1 --end
      python train.py | trialbook log cifar-10 --name night --end -
      RUN=$(trialbook log cifar-10); trialbook log --run $RUN --metric loss=0.2 --step 7
    """
    experiment, reads = _words(words or [], run, name)
    values, params = numbers(metric, "--metric"), pairs(param, "--param")
    tags = pairs(tag, "--tag")
    if step is not None and not values:
        raise usage("--step is of the metrics; give --metric too")
    _check(values, params, tags, step)
    with session.client() as client:
        active = _started(client, experiment, run, name)
        if not end:
            active.release()
        if not session.as_json:
            _print_id(active.id)
        active.log_params(params)
        active.set_tags(tags)
        if values:
            active.log(values, step=step)
        bad = _Lines(active).read() if reads else None
        sent = active.end() if end else active.flush()
    if session.as_json:
        print_json({"run_id": active.id, "name": active.name, "sent": sent})
    if not sent:
        raise Failed(
            "the service is away; what was logged is kept on this machine, "
            "and `trialbook sync` sends it",
            ExitCode.AWAY,
        )
    if bad:
        raise Failed(bad)


def _check(
    values: Mapping[str, float],
    params: Mapping[str, str],
    tags: Mapping[str, str],
    step: int | None,
) -> None:
    """Raises Invalid before a run is made that nothing could be logged to."""
    from trialbook.batches import check_step, metric_values, texts

    metric_values(values)
    texts("param", params)
    texts("tag", tags)
    if step is not None:
        check_step(step)


def _print_id(run_id: str) -> None:
    """At once, for whoever waits for it. Nobody may: that is no reason to log nothing."""
    try:
        print(run_id, flush=True)
    except BrokenPipeError:
        return


def _words(words: list[str], run: str | None, name: str | None) -> tuple[str | None, bool]:
    """The experiment, and whether to read stdin."""
    reads = words[-1:] == [_STDIN]
    rest = words[:-1] if reads else words
    if len(rest) > 1:
        raise usage(f"one experiment, and - to read stdin; not {' '.join(words)!r}")
    if not rest and run is None:
        raise usage("name an experiment, or a run with --run")
    if run is not None and name is not None:
        raise usage("--name is of a new run; leave out --run, or --name")
    return (rest[0] if rest else None), reads


def _started(
    client: Client, experiment: str | None, run: str | None, name: str | None
) -> ActiveRun:
    if run is None:
        return client.start_run(experiment or "", name=name)
    active = client.attach(run)
    if experiment is not None and client.experiments.find(experiment).id != active.experiment:
        raise Conflict(f"run {run} is not of the experiment {experiment}; leave that out")
    return active


class _Lines:
    """JSON Lines from stdin, logged as they come."""

    def __init__(self, run: ActiveRun) -> None:
        self._run = run
        self._bad = 0

    def read(self) -> str | None:
        """Until the end of stdin; what is to be said of the lines that could not be logged."""
        count = 0
        for count, line in enumerate(sys.stdin.buffer, 1):
            if line.strip():
                self._log(count, line)
        return f"{self._bad} of {count} lines could not be logged" if self._bad else None

    def _log(self, number: int, line: bytes) -> None:
        try:
            found: Any = _parsed(line)
            if not isinstance(found, dict):
                raise Invalid("not a JSON object")
            fields = {k: _value(v) for k, v in cast("Mapping[str, Any]", found).items()}
            step, timestamp = fields.pop("step", None), fields.pop("timestamp", None)
            self._run.log(fields, step=step, timestamp=timestamp)
        except (Invalid, ValueError, RecursionError) as error:
            self._bad += 1
            if self._bad <= _TOLD:
                say(f"line {number}: {error}")


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise Invalid(f"not JSON: {getattr(error, 'msg', error)}") from None


def _value(value: Any) -> Any:
    """JSON has no NaN, so it is often a string."""
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value
