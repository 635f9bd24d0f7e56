"""Completion from the service: quick, and silent when it is away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import typer

from trialbook.cli.session import Session

if TYPE_CHECKING:
    from trialbook.sync import Client

_TIMEOUT_S: Final = 2.0
_SHOWN: Final = 50
_EXPERIMENTS: Final = 20
"""As many of the newest have their runs completed."""


def complete_experiment(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Slugs that begin so, each with its name."""
    try:
        with _client(ctx) as client:
            found = client.experiments.list(limit=1000)
    except Exception:  # noqa: BLE001  # the shell's line is no place for an error
        return []
    return [(e.slug, e.name) for e in found if e.slug.startswith(incomplete)][:_SHOWN]


def complete_variant(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Keys of the variants of the experiment on the line, each with its name."""
    try:
        # after an option that lacks its value, words are not yet arguments
        slug = ctx.params.get("slug") or ctx.args[0]
        with _client(ctx) as client:
            found = client.experiment(slug).get().variants
    except Exception:  # noqa: BLE001  # as above
        return []
    return [(v.key, v.name or "") for v in found if v.key.startswith(incomplete)][:_SHOWN]


def complete_run(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Ids of recent runs that begin so, each with its name."""
    try:
        with _client(ctx) as client:
            experiments = client.experiments.list(limit=_EXPERIMENTS)
            if not experiments:
                return []
            found = client.runs.search([e.id for e in experiments], limit=1000)
    except Exception:  # noqa: BLE001  # as above
        return []
    named = [(r.run_id, f"{r.name} ({r.status})") for r in found]
    return [each for each in named if each[0].startswith(incomplete)][:_SHOWN]


def _client(ctx: typer.Context) -> Client:
    """One attempt, and not for long. The options on the line so far count."""
    from trialbook import config
    from trialbook._http import Api
    from trialbook.sync import Client

    session = ctx.obj if isinstance(ctx.obj, Session) else Session()
    given: dict[str, Any] = {}
    here: Any = ctx
    while here is not None:
        given = {name: value for name, value in here.params.items() if value} | given
        here = here.parent
    session.take(url=given.get("url"), api_key=given.get("api_key"))
    if session.connect is not None:
        return session.connect(session)
    found = config.connection(session.url, session.api_key)
    return Client(api=Api(found.url, found.api_key, timeout_s=_TIMEOUT_S, attempts=1))
