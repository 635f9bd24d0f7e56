"""`trialbook mcp`: the service's MCP endpoint for clients that start a process.

A bridge: each JSON-RPC message from stdin is posted to the service, and its answer is a line on
stdout. Tools, prompts and resources are the service's, so they are the same on both ways.
"""
