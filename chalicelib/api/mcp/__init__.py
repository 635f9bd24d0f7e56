"""The Model Context Protocol: `POST /mcp`, for assistants."""
