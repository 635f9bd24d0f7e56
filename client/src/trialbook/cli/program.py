"""The program: its commands, and how all of them end."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from trialbook.cli import (
    account,
    artifacts,
    compare,
    download,
    experiments,
    importing,
    ingest,
    log,
    mcp,
    results,
    runs,
    sync,
    upload,
    variants,
)
from trialbook.cli.failures import ExitCode, OutputClosed, report, say
from trialbook.cli.options import with_session
from trialbook.cli.session import Session
from trialbook.version import __version__

_EPILOG: Final = (
    "Exit codes: 0 done · 1 refused by the service, or failed · 2 wrong usage · 3 not found · "
    "4 no key, a bad one, or not allowed · 5 the service did not answer · 130 interrupted"
)


class Program(TyperGroup):
    """Ends every command with an exit code and, when it failed, one line on stderr."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        del standalone_mode  # there is no other
        session = extra.setdefault("obj", Session())
        for stream in (sys.stdout, sys.stderr):
            # a name in another alphabet is no reason to fail
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="replace")
        spoken = _Spoken(session)
        logger = logging.getLogger("trialbook.client")
        logger.addHandler(spoken)
        try:
            ended = super().main(
                args,
                prog_name,
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
            code = ended if isinstance(ended, int) else ExitCode.DONE
            try:
                sys.stdout.flush()
            except BrokenPipeError as error:
                raise OutputClosed from error
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # each has its code
            code = report(error, debug=session.debug)
        finally:
            logger.removeHandler(spoken)
        sys.exit(code)


class _Spoken(logging.Handler):
    """What the client logs, said as errors are."""

    def __init__(self, session: Session) -> None:
        super().__init__(logging.WARNING)
        self._session = session

    def emit(self, record: logging.LogRecord) -> None:
        if not self._session.quiet:
            say(record.getMessage())


app = typer.Typer(
    cls=Program,
    name="trialbook",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog=_EPILOG,
)


def _version(asked: bool) -> None:
    if asked:
        print(f"trialbook {__version__}")
        raise typer.Exit


def _root(
    session: Session,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Trialbook: experiments, runs, metrics, artifacts and A/B variants, from the command line.

    Begin with `trialbook login`. Then, for example:

    \b
      trialbook experiments list
      trialbook runs list my-experiment --filter "metrics.loss < 0.5"
      trialbook log my-experiment --metric loss=0.3 --param lr=0.1 --end
      trialbook results my-ab-test
      trialbook download trialbook://artifacts/0197… -o model.bin

    Every command takes --json, before or after its name, and --help.
    """


app.callback()(with_session(_root))
_LOOK: Final = "Look"
_WRITE: Final = "Write"
_SETUP: Final = "Set up"
app.add_typer(experiments.app, name="experiments", rich_help_panel=_LOOK)
app.add_typer(runs.app, name="runs", rich_help_panel=_LOOK)
compare.register(app, _LOOK)
results.register(app, _LOOK)
app.add_typer(artifacts.app, name="artifacts", rich_help_panel=_LOOK)
download.register(app, _LOOK)
app.add_typer(ingest.app, name="ingestions", rich_help_panel=_LOOK)
log.register(app, _WRITE)
app.add_typer(variants.app, name="variants", rich_help_panel=_WRITE)
upload.register(app, _WRITE)
ingest.register(app, _WRITE)
app.add_typer(importing.app, name="import", rich_help_panel=_WRITE)
sync.register(app, _WRITE)
account.register(app, _SETUP)
mcp.register(app, _SETUP)
