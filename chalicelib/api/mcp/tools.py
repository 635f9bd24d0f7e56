"""All tools, in the order in which assistants are told of them."""

from __future__ import annotations

from typing import Final

from chalicelib.api.mcp import artifact_tools, experiment_tools, run_tools, variant_tools
from chalicelib.api.mcp.tool import Tool

TOOLS: Final[tuple[Tool, ...]] = (
    *experiment_tools.TOOLS,
    *artifact_tools.TOOLS,
    *run_tools.TOOLS,
    *variant_tools.TOOLS,
)
BY_NAME: Final = {one.name: one for one in TOOLS}
