"""Run by test_package.py in a Python that has nothing installed: the unpacked code, as Lambda runs
it.

Arguments: the folders of the code and of what Lambda brings, an API key, and the handlers.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any


def main(folders: list[str], key: str, handlers: list[str]) -> None:
    sys.path[:0] = folders
    for name in handlers:
        module, _, attribute = name.rpartition(".")
        assert callable(getattr(importlib.import_module(module), attribute)), name
    app: Any = vars(sys.modules["app"])["app"]
    statuses = [
        ask(app, key, "GET", "/health"),
        ask(app, key, "POST", "/api/v1/experiments", {"name": "packaged"}),
        ask(app, key, "GET", "/api/v1/experiments"),
        ask(app, key, "POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}),
    ]
    assert "numpy" not in sys.modules, "only a search by text has to pay for it"
    statuses.append(ask(app, key, "POST", "/api/v1/artifacts/search", {"query": "a vision model"}))
    print(json.dumps(statuses))
    places = [getattr(module, "__file__", None) or "" for module in sys.modules.values()]
    outside = sorted(place for place in places if "site-packages" in place)
    assert not outside, outside


def ask(app: Any, key: str, method: str, path: str, body: object = None) -> int:
    """The status of an answer."""
    event = {
        "requestContext": {"resourcePath": path, "httpMethod": method, "requestId": "1"},
        "headers": {"x-api-key": key, "content-type": "application/json"},
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
        "stageVariables": None,
    }
    return app(event, None)["statusCode"]


if __name__ == "__main__":
    main(sys.argv[1:3], sys.argv[3], sys.argv[4:])
