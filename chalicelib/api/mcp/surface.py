"""The route of the Model Context Protocol."""

from __future__ import annotations

from typing import Any, Final

from chalice.app import Blueprint

from chalicelib.api.handler import CORS
from chalicelib.api.mcp.handler import McpHandler, NoSession

routes = Blueprint(__name__)
PATH: Final = "/mcp"


def _register(method: str, view: Any) -> None:
    decorate: Any = routes.route(
        PATH, methods=[method], name=view.__name__, cors=CORS, content_types=[]
    )
    decorate(view)


_register("POST", McpHandler(PATH))
# Clients of earlier revisions ask for a stream, and end sessions. To be told 405, which says that
# there are none, and not that there is no such path, a gateway needs a route.
_register("GET", NoSession("GET", PATH))
_register("DELETE", NoSession("DELETE", PATH))
