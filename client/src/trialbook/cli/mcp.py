"""`trialbook mcp`: the service's tools for MCP clients on this machine."""

from __future__ import annotations

import sys
from typing import Final

import typer

from trialbook.cli.failures import say
from trialbook.cli.options import command
from trialbook.cli.output import hint
from trialbook.cli.session import Session

_STDIN: Final = 0
_STDOUT: Final = 1


def register(app: typer.Typer, panel: str) -> None:
    command(app, "mcp", panel=panel)(mcp)


def mcp(session: Session) -> None:
    """Serve the tools of Trialbook to an MCP client that starts this command: Claude Desktop,
    Cursor, VS Code.

    JSON-RPC messages on stdin are sent to the service, with its address and key as of any command;
    answers go to stdout, and nothing else. It ends when stdin does. A client that can be given
    an address needs no command: it connects to the service's /mcp itself.

    \b
    In the client's configuration:
      {"mcpServers": {"trialbook": {"command": "trialbook", "args": ["mcp"]}}}

    \b
    Without `trialbook login`, the address and the key are set there too:
      {"mcpServers": {"trialbook": {"command": "trialbook", "args": ["mcp"],
        "env": {"TRIALBOOK_URL": "https://…", "TRIALBOOK_API_KEY": "tb_…"}}}}
    """
    from trialbook.errors import NotConfigured
    from trialbook.mcp.bridge import Configured, explained, serve

    if sys.stdin is not None and sys.stdin.isatty():
        hint(
            session,
            "this speaks MCP on stdin and stdout, for a client that starts it; how to add it to "
            "one is in `trialbook mcp --help`",
        )
    service = Configured(session.url, session.api_key)
    try:
        service.api()
    except NotConfigured as error:
        # it goes on, and tells the client the same
        say(explained(error))
    serve(service, _STDIN, _STDOUT)
