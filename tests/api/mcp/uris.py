"""Reading resources in tests."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import quote

import httpx

from tests.api.answers import Json
from tests.api.mcp.asking import MODERN, result_of, rpc
from tests.api.mcp.posting import modern

ROOT: Final = "trialbook://"


def uri_of(*segments: str) -> str:
    """As the templates are filled in."""
    return ROOT + "/".join(quote(one, safe="") for one in segments)


def ask(client: httpx.Client, uri: str, version: str = MODERN) -> httpx.Response:
    """For what is at a URI, whatever it is."""
    if version == MODERN:
        return modern(client, "resources/read", {"uri": uri})
    return rpc(client, "resources/read", {"uri": uri}, version=version)


def read(client: httpx.Client, uri: str, version: str = MODERN) -> list[Json]:
    """The contents, each of this URI."""
    contents: list[Json] = result_of(
        ask(client, uri, version), "resources/read", version
    )["contents"]  # fmt: skip
    assert {one["uri"] for one in contents} == {uri}
    return contents


def document(client: httpx.Client, uri: str) -> Json:
    """The JSON that comes first, and alone where there are no bytes."""
    content = read(client, uri)[0]
    assert content["mimeType"] == "application/json"
    return json.loads(content["text"])
