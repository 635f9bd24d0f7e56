"""The command line of `python -m local`, and the environment it reads."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib import ops
from chalicelib.core.context import Clock
from chalicelib.core.errors import TrialbookError
from chalicelib.domain.api_keys import parse
from chalicelib.ops import OneLineParser
from chalicelib.settings import BadSetting, mcp_origins, retention_days
from local import keys_command
from local.home import Home, HomeError

if TYPE_CHECKING:
    from local.server import Backend, OpenBackend

_HELP = """\
environment:
  TRIALBOOK_PORT     port to listen on at 127.0.0.1 (8000); 0 picks a free one
  TRIALBOOK_HOME     folder that holds all state (.trialbook)
  TRIALBOOK_API_KEY  installed as the admin key of tenant and user `default`, as
                     tb_<key id>_<secret>; without it one is made at the first start
                     and kept in <home>/api-key
  TRIALBOOK_LOG      `text` for what goes wrong, `json` for a line of JSON a request, both on
                     stderr (text)
  TRIALBOOK_RETENTION_DAYS
                     days after which artifacts that are not pinned are removed (never)
"""


class UsageError(Exception):
    """The command cannot begin; the message is one line."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment of a local server."""

    port: int
    home: Path
    api_key: str | None
    retention_days: int | None
    is_log_json: bool
    mcp_origins: frozenset[str]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """Raises UsageError; an empty variable counts as unset."""
        port = environment.get("TRIALBOOK_PORT") or "8000"
        if not (port.isascii() and port.isdigit() and int(port) <= 65535):
            raise UsageError(f"TRIALBOOK_PORT must be a number from 0 to 65535: {port!r}")
        api_key = environment.get("TRIALBOOK_API_KEY") or None
        if api_key is not None and parse(api_key) is None:
            raise UsageError(
                "TRIALBOOK_API_KEY is malformed; it is tb_<8-32 of a-z0-9>_"
                "<32-200 of A-Za-z0-9_->, or unset to have one made"
            )
        try:
            days = retention_days(environment)
            origins = mcp_origins(environment)
        except BadSetting as error:
            raise UsageError(str(error)) from None
        log = environment.get("TRIALBOOK_LOG") or "text"
        if log not in ("text", "json"):
            raise UsageError(f"TRIALBOOK_LOG must be text or json: {log!r}")
        home = Path(environment.get("TRIALBOOK_HOME") or ".trialbook")
        return cls(int(port), home, api_key, days, log == "json", origins)


def run(arguments: Sequence[str], open_backend: OpenBackend | None = None) -> int:
    """Run one command and return its exit status: what it refuses is one line on stderr, and 2
    when it could not begin, 1 when it failed. Another backend may be served instead of ours."""
    parser = OneLineParser(
        prog="python -m local",
        description="Start Trialbook on this machine, manage its API keys, or operate it.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(
        title="commands", metavar="[keys | ops]", parser_class=OneLineParser
    )
    keys_command.add_to(commands.add_parser)
    ops.add_to(commands.add_parser("ops", help="retention, and removal of what deletions left"))
    options = parser.parse_args(arguments)
    # Whatever is written from here on is for its owner's eyes alone.
    os.umask(0o077)
    try:
        settings = Settings.of(os.environ)
        if "keys_action" in options:
            return keys_command.run(options, Home(settings.home), Clock())
        if "ops_command" in options:
            from local import ops_command

            return ops_command.run(options, Home(settings.home), Clock(), settings.retention_days)
        # Imported late: the other commands need neither the app nor a web server.
        from chalicelib.api import request_log
        from local.server import serve

        request_log.on_laptop(is_json=settings.is_log_json)
        backend = open_backend or partial(_trialbook, settings)
        return serve(settings.port, settings.home, settings.api_key, Clock(), backend)
    except (UsageError, HomeError) as error:
        sys.stderr.write(f"trialbook: {error}\n")
        return 2
    except TrialbookError as error:
        sys.stderr.write(f"trialbook: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _trialbook(settings: Settings, home: Home, base_url: str, clock: Clock) -> Backend:
    from local.services import open_backend

    return open_backend(home, base_url, clock, settings.retention_days, settings.mcp_origins)
