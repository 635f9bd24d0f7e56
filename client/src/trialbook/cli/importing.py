"""`trialbook import mlflow`: runs of an MLflow server or folder."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trialbook.cli.failures import Failed
from trialbook.cli.options import command
from trialbook.cli.output import hint, print_json
from trialbook.cli.session import Session
from trialbook.cli.texts import one_line, size

if TYPE_CHECKING:
    from trialbook._http import Api
    from trialbook.imports.report import ImportReport, Wanted

app = typer.Typer(no_args_is_help=True, help="Copy runs of another tracker.")


@command(app, "mlflow")
def mlflow(
    session: Session,
    uri: Annotated[
        str, typer.Argument(metavar="URI", help="Address of a server, or a folder such as mlruns.")
    ],
    experiment: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this one, by name or id; may be repeated."),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN", help="Of the MLflow server; better in MLFLOW_TRACKING_TOKEN."
        ),
    ] = None,
    no_artifacts: Annotated[
        bool, typer.Option("--no-artifacts", help="Leave out the files of runs.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be copied.")
    ] = False,
) -> None:
    """Copy experiments and runs from MLflow: params, tags, times, whole histories, files.

    Runs keep their ids. Each is read back and compared before it counts as copied; the same
    command again copies what is missing, and what is new. Ends with 1 when a run could not be
    copied. The mlflow package is not needed.

    \b
    Examples:
      trialbook import mlflow http://localhost:5000 --dry-run
      trialbook import mlflow https://ada:secret@mlflow.example.org --experiment digits
      trialbook import mlflow ./mlruns
    """
    from trialbook.imports.report import Wanted
    from trialbook.imports.source import SourceFailed

    wanted = Wanted(tuple(experiment or ()), not no_artifacts, dry_run)
    token = token or os.environ.get("MLFLOW_TRACKING_TOKEN")
    with session.client() as client, _Watch(session) as watch:
        try:
            report = client.portal.call(_import(client.api, uri, token, wanted, watch))
        except SourceFailed as error:
            raise Failed(str(error)) from error
    if session.as_json:
        print_json(report)
    else:
        _tell(session, report)
    if report.failed:
        raise Failed(f"runs that were not copied: {len(report.failed)}")


async def _import(
    api: Api, uri: str, token: str | None, wanted: Wanted, watch: _Watch
) -> ImportReport:
    from trialbook.imports.copying import import_runs
    from trialbook.imports.opening import opened

    source = await opened(uri, token)
    try:
        return await import_runs(api, source, wanted, watch)
    finally:
        await source.close()


class _Watch:
    """On a terminal, a line that says how far it is."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._status: Any = None

    def __call__(self, report: ImportReport, experiment: str) -> None:
        if self._session.quiet or not sys.stderr.isatty():
            return
        if self._status is None:
            from rich.console import Console

            console = Console(stderr=True, no_color=self._session.is_plain, markup=False)
            self._status = console.status("")
            self._status.start()
        done = report.copied + report.there_already
        told = f"{one_line(experiment)}: {done} runs, {size(report.counts.bytes)}"
        self._status.update(f"{told}, {len(report.failed)} failed" if report.failed else told)

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()


def _tell(session: Session, report: ImportReport) -> None:
    for name, found in report.experiments.items():
        print(f"{one_line(name)}  {found or 'is not there yet'}")
    counts = report.counts
    verb = "would be copied" if report.dry_run else "copied and compared"
    told = f"{report.copied} runs {verb}, {report.there_already} were there"
    if not report.dry_run:
        told += f"; {counts.points} points, {counts.files} files, {size(counts.bytes)}"
    print(told)
    for run_id, reason in report.failed.items():
        print(f"  {one_line(run_id)}: {one_line(reason)}")
    if report.failed:
        hint(session, "the same command again goes on with those that were not copied")
