"""The official client before a real server, and what every answer that it gets is checked for."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final, cast

import httpx2
from mcp import Client
from mcp.client.client import ConnectMode
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ContentBlock, TextContent

from tests.api.answers import Json
from tests.api.process import KEY, Serving

MODES: Final[tuple[ConnectMode, ...]] = ("auto", "legacy")
TIMEOUT_S: Final = 30


@asynccontextmanager
async def connected(server: Serving, mode: ConnectMode, key: str = KEY) -> AsyncGenerator[Client]:
    """Has listed the tools, so that it checks what they find against what they declare."""
    headers = {"x-api-key": key}
    async with httpx2.AsyncClient(headers=headers, timeout=TIMEOUT_S) as http:
        transport = streamable_http_client(f"{server.url}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            await client.list_tools()
            yield client


async def result(client: Client, tool: str, **arguments: Any) -> CallToolResult:
    """Of a tool that could do it; its last text is the JSON of what is structured."""
    found = await client.call_tool(tool, arguments)
    assert not found.is_error, found.content
    last = found.content[-1]
    assert isinstance(last, TextContent)
    assert json.loads(last.text) == found.structured_content
    return found


async def call(client: Client, tool: str, **arguments: Any) -> Json:
    """What a tool finds."""
    return structured(await result(client, tool, **arguments))


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    """What a tool says that could not do it."""
    found = await client.call_tool(tool, arguments)
    assert found.is_error
    assert found.structured_content is None
    return text_of(found.content[0])


def structured(found: CallToolResult) -> Json:
    return cast("Json", found.structured_content)


def text_of(block: ContentBlock) -> str:
    assert isinstance(block, TextContent)
    return block.text


async def experiment(client: Client, mode: str, name: str, **fields: Any) -> Json:
    """One of this test."""
    return await call(client, "create_experiment", name=f"{name} {mode}", **fields)
