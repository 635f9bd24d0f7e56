"""The suite's scenarios for servers: those that hold for any, and what the others need."""

from __future__ import annotations

from typing import Final

EXAMPLE: Final = "a tool, prompt or resource of the suite's example server"
STREAM: Final = "messages of the server to the client, which need a stream"

HOLD: Final = (
    "server-initialize",
    "ping",
    "tools-list",
    "resources-list",
    "prompts-list",
    "dns-rebinding-protection",
)
LEFT_OUT: Final = {
    "logging-set-level": "logging, which we do not declare",
    "completion-complete": "completions, which we do not declare",
    "resources-subscribe": "subscriptions, which we do not declare",
    "resources-unsubscribe": "subscriptions, which we do not declare",
    "tools-call-simple-text": EXAMPLE,
    "tools-call-image": EXAMPLE,
    "tools-call-audio": EXAMPLE,
    "tools-call-embedded-resource": EXAMPLE,
    "tools-call-mixed-content": EXAMPLE,
    "tools-call-error": EXAMPLE,
    "json-schema-2020-12": EXAMPLE,
    "resources-read-text": EXAMPLE,
    "resources-read-binary": EXAMPLE,
    "resources-templates-read": EXAMPLE,
    "prompts-get-simple": EXAMPLE,
    "prompts-get-with-args": EXAMPLE,
    "prompts-get-embedded-resource": EXAMPLE,
    "prompts-get-with-image": EXAMPLE,
    "tools-call-with-logging": STREAM,
    "tools-call-with-progress": STREAM,
    "tools-call-sampling": STREAM,
    "tools-call-elicitation": STREAM,
    "elicitation-sep1034-defaults": STREAM,
    "elicitation-sep1330-enums": STREAM,
    "server-sse-polling": STREAM,
    "server-sse-multiple-streams": STREAM,
}
