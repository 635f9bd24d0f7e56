"""Exit codes, and what goes wrong as one line on stderr."""

from __future__ import annotations

import os
import sys
import traceback
from enum import IntEnum
from typing import Any, Final, cast

import typer

from trialbook.cli.texts import one_line
from trialbook.errors import (
    ConnectionFailed,
    Forbidden,
    NotConfigured,
    NotFound,
    Throttled,
    TrialbookError,
    Unauthenticated,
    Unavailable,
)

# both are ClickException and UsageError, wherever this version of typer keeps them
_USAGE: Final[type[Exception]] = typer.BadParameter.__bases__[0]
_ANY_OF_TYPER: Final[type[Exception]] = _USAGE.__bases__[0]
_SHORT: Final = 100


class ExitCode(IntEnum):
    """How a command ends."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_ALLOWED = 4
    AWAY = 5
    INTERRUPTED = 130


class Failed(Exception):
    """A command that did what it could and tells how it ended."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code


class OutputClosed(Exception):
    """Nobody reads stdout any more: `trialbook … | head`."""


def usage(message: str) -> Exception:
    """A wrong option or argument: `raise usage("…")`."""
    return _USAGE(message)


def report(error: BaseException, *, debug: bool = False) -> ExitCode:
    """Say on stderr what went wrong; the exit code."""
    if isinstance(error, OutputClosed):
        _stop_writing()
        return ExitCode.DONE
    if debug:
        traceback.print_exception(error)
    message = _message(error)
    if message:
        say(message)
    return code_of(error)


def say(message: str) -> None:
    """One line on stderr. A stderr that nobody reads is no failure."""
    try:
        print(f"trialbook: {one_line(message)}", file=sys.stderr, flush=True)
    except BrokenPipeError:
        return


def code_of(error: BaseException) -> ExitCode:
    """The exit code that a failure has."""
    match error:
        case Failed():
            return error.code
        case typer.Abort() | KeyboardInterrupt():
            return ExitCode.INTERRUPTED
        case NotFound() | FileNotFoundError():
            return ExitCode.NOT_FOUND
        case Unauthenticated() | Forbidden() | NotConfigured():
            return ExitCode.NOT_ALLOWED
        case ConnectionFailed() | Unavailable() | Throttled():
            return ExitCode.AWAY
        case _ if isinstance(error, _USAGE):
            return ExitCode.USAGE
        case _:
            return ExitCode.FAILED


def _message(error: BaseException) -> str:
    match error:
        case typer.Abort() | KeyboardInterrupt():
            return "interrupted"
        case Unauthenticated():
            return f"{error}; log in with `trialbook login`, or give --api-key"
        case NotConfigured() if "trialbook login" not in str(error):
            return f"{error}; see `trialbook login --help`"
        case TrialbookError() if error.status >= 500 and error.request_id:
            return f"{error}; its request id is {error.request_id}"
        case TrialbookError():
            return f"{error}{_details(error)}"
        case Failed() | ValueError() | FileNotFoundError():
            return str(error)
        case OSError():
            where = f": {error.filename}" if error.filename else ""
            return f"{error.strerror or error}{where}"
        case _ if isinstance(error, _ANY_OF_TYPER):
            return _wrong_usage(error)
        case _:
            told = f"{type(error).__name__}: {error}"
            return f"unexpected {told}; run it again with --debug and report what that shows"


def _details(error: TrialbookError) -> str:
    """What the service said of the values, as far as it is short: ` (param=lr old=1 new=2)`."""
    told = {
        name: str(value)
        for name, value in error.details.items()
        if isinstance(value, str | int) and len(str(value)) <= _SHORT
    }
    shown = " ".join(f"{name}={value}" for name, value in told.items() if value not in str(error))
    return f" ({shown})" if shown else ""


def _wrong_usage(error: Exception) -> str:
    """As typer words it, with the help that explains it; its own help when nothing was asked."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        cast("Any", error).show()
        return ""
    told = str(getattr(error, "format_message", error.__str__)())
    told = told[:1].lower() + told[1:]
    help_of = "" if context is None else f"; see `{context.command_path} --help`"
    return f"{told.rstrip('.')}{help_of}"


def _stop_writing() -> None:
    """What is still buffered goes nowhere, so that the interpreter's exit is quiet too."""
    if sys.stdout is sys.__stdout__:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
