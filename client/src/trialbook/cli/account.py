"""`login` and `logout`: the address and the key that other commands use."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from trialbook.cli.failures import Failed, usage
from trialbook.cli.options import command
from trialbook.cli.output import hint, print_json
from trialbook.cli.session import Session


def register(app: typer.Typer, panel: str) -> None:
    command(app, "login", panel=panel)(login)
    command(app, "logout", panel=panel)(logout)


def login(
    session: Session,
    api_key_stdin: Annotated[
        bool, typer.Option("--api-key-stdin", help="Read the key from stdin.")
    ] = False,
) -> None:
    """Keep the address of a service and an API key for the commands and clients of this user.

    Both are tried before they are stored, in a file that only this user can read. Without options
    they are asked for.

    \b
    Examples:
      trialbook login
      trialbook login --url https://… --api-key-stdin < key.txt
    """
    from trialbook.config import DEFAULT_URL, Config, save_config

    key = session.api_key
    if api_key_stdin:
        if key:
            raise usage("give the key with --api-key or with --api-key-stdin, not with both")
        key = sys.stdin.readline().strip()
        if not key:
            raise usage("--api-key-stdin found no key on stdin")
    session.url = session.url or _asked_url(session, DEFAULT_URL)
    session.api_key = key or _asked_key(session)
    with session.client() as client:
        client.experiments.list(limit=1)
        url = client.api.url
    path = save_config(Config(url, session.api_key))
    if session.as_json:
        print_json({"url": url, "path": path})
    else:
        print(f"Logged in to {url}; kept in {path}")
    if os.environ.get("TRIALBOOK_URL") or os.environ.get("TRIALBOOK_API_KEY"):
        hint(session, "TRIALBOOK_URL or TRIALBOOK_API_KEY is set, and comes before what is kept")


def logout(session: Session) -> None:
    """Forget the address and the key that `login` stored. Again is fine."""
    from trialbook.config import config_path

    path = config_path()
    was_there = path.exists()
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise Failed(f"cannot remove {path} ({error.strerror}); remove it by hand") from None
    if session.as_json:
        print_json({"path": path, "removed": was_there})
    elif was_there:
        print(f"Logged out: {path} is removed")
    else:
        print("Nobody was logged in")


def _asked_url(session: Session, default: str) -> str:
    from trialbook.config import load_config
    from trialbook.errors import NotConfigured

    given = os.environ.get("TRIALBOOK_URL")
    if not session.may_ask:
        if given:
            return given
        raise usage("give the address with --url: nobody is here to be asked")
    try:
        kept = load_config().url
    except NotConfigured:
        kept = None
    return str(typer.prompt("Address", default=given or kept or default, err=True))


def _asked_key(session: Session) -> str:
    if not session.may_ask:
        raise usage("give the key with --api-key-stdin or --api-key: nobody is here to be asked")
    return str(typer.prompt("API key", hide_input=True, err=True)).strip()
