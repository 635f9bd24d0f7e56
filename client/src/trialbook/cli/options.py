"""What commands share: the global options in every position, and ways to read values."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, Final, ParamSpec, cast

import typer

from trialbook.cli.failures import OutputClosed, usage
from trialbook.cli.session import Session

P = ParamSpec("P")
_GLOBAL: Final = "Global options"


@dataclass(frozen=True)
class Shared:
    """Options that several commands have. `make` turns their values into the argument `name`."""

    name: str
    options: Mapping[str, Any]
    """Name to annotation; every one of them is None when it is not given."""
    make: Callable[[dict[str, Any]], Any]


_GLOBALS: Final[Mapping[str, Any]] = {
    "url": Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="Address of the service; else TRIALBOOK_URL, else that of `trialbook login`.",
            rich_help_panel=_GLOBAL,
        ),
    ],
    "api_key": Annotated[
        str | None,
        typer.Option(
            "--api-key",
            metavar="KEY",
            help="API key; better in TRIALBOOK_API_KEY, where other users do not see it.",
            rich_help_panel=_GLOBAL,
        ),
    ],
    "as_json": Annotated[
        bool | None,
        typer.Option("--json", help="JSON on stdout, and nothing else.", rich_help_panel=_GLOBAL),
    ],
    "quiet": Annotated[
        bool | None,
        typer.Option("--quiet", "-q", help="No progress bars, no hints.", rich_help_panel=_GLOBAL),
    ],
    "no_color": Annotated[
        bool | None,
        typer.Option("--no-color", help="No colors; NO_COLOR too.", rich_help_panel=_GLOBAL),
    ],
    "debug": Annotated[
        bool | None,
        typer.Option("--debug", help="Show where an error came from.", rich_help_panel=_GLOBAL),
    ],
}


def command(
    app: typer.Typer, name: str, *shared: Shared, panel: str | None = None
) -> Callable[[Callable[Concatenate[Session, P], None]], Callable[Concatenate[Session, P], None]]:
    """Register a function as a command: it gets the session, and its help is its docstring."""

    def register(
        function: Callable[Concatenate[Session, P], None],
    ) -> Callable[Concatenate[Session, P], None]:
        app.command(name, rich_help_panel=panel)(with_session(function, *shared))
        return function

    return register


def with_session(
    function: Callable[Concatenate[Session, P], None], *shared: Shared
) -> Callable[..., None]:
    """The function as typer calls it: with the global options, and those of `shared`, added."""

    @functools.wraps(function)
    def called(**given: Any) -> None:
        context: typer.Context = given.pop("ctx")
        session = cast("Session", context.obj)
        session.take(**{name: given.pop(name) for name in _GLOBALS})
        for each in shared:
            given[each.name] = each.make({name: given.pop(name) for name in each.options})
        try:
            cast("Callable[..., None]", function)(session, **given)
        except BrokenPipeError as error:
            raise OutputClosed from error

    own = inspect.signature(function)
    hints = typing.get_type_hints(function, include_extras=True)
    made = {each.name for each in shared}
    parameters = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in list(own.parameters.items())[1:]
        if name not in made
    ]
    for options in (*(each.options for each in shared), _GLOBALS):
        parameters += [_keyword(name, kind, None) for name, kind in options.items()]
    parameters.insert(0, _keyword("ctx", typer.Context, inspect.Parameter.empty))
    called.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {each.name: each.annotation for each in parameters}
    return called


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, annotation=annotation, default=default)


def pairs(texts: Sequence[str] | None, option: str) -> dict[str, str]:
    """`k=v` texts as a dict. Raises a usage error for anything else, and for a key twice."""
    found: dict[str, str] = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise usage(f"{option} takes KEY=VALUE, not {text!r}")
        if key in found:
            raise usage(f"{option} has {key!r} twice")
        found[key] = value
    return found


def numbers(texts: Sequence[str] | None, option: str) -> dict[str, float]:
    """`k=number` texts as a dict; NaN and the infinities are numbers here."""
    found: dict[str, float] = {}
    for key, text in pairs(texts, option).items():
        try:
            found[key] = float(text)
        except ValueError:
            raise usage(f"{option} takes KEY=NUMBER, not '{key}={text}'") from None
    return found


def goals(texts: Sequence[str] | None) -> dict[str, Any]:
    """`metric=max` and `metric=min`."""
    found = pairs(texts, "--goal")
    for metric, goal in found.items():
        if goal not in {"max", "min"}:
            raise usage(f"--goal takes METRIC=max or METRIC=min, not '{metric}={goal}'")
    return found
