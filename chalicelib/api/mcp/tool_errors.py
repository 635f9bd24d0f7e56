"""What an assistant is told when a tool could not do what it was asked: what is wrong, and what to
do about it."""

from __future__ import annotations

from typing import Final

from chalicelib.api.errors import MAX_FIELDS_SHOWN
from chalicelib.api.mcp.tool import Tool
from chalicelib.core import errors
from chalicelib.core.errors import Invalid, TrialbookError

_REMEDIES: Final[dict[type[TrialbookError], str]] = {
    errors.Invalid: "Correct the arguments and call the tool again.",
    errors.Forbidden: "This cannot be done with this key: ask the user for one with that role.",
    errors.TooLarge: "Send less, or ask for less, at once.",
}
_AGAIN: Final = "Wait {seconds} s and call the tool again with the same arguments."
_PERHAPS: Final = (
    "It is not known whether it was written: look first, and call the tool again only if it is not"
    " there."
)


def told(tool: Tool, error: TrialbookError) -> str:
    """In plain words, for a reader."""
    own = {tool.own_name(name): value for name, value in error.details.items()}
    lines = [_sentence(TrialbookError(error.message, **own).in_words())]
    if isinstance(error, Invalid) and len(error.fields) > 1:
        lines += [f"- {one.path}: {one.message}" for one in error.fields[:MAX_FIELDS_SHOWN]]
    remedy = _remedy(tool, error)
    if remedy is not None:
        lines.append(remedy)
    return "\n".join(lines)


def _remedy(tool: Tool, error: TrialbookError) -> str | None:
    if isinstance(error, errors.NotFound):
        return tool.missing
    seconds = getattr(error, "retry_after_s", None)
    if seconds is None and isinstance(error, errors.Conflict):
        return tool.conflict
    if seconds is None:
        return _REMEDIES.get(type(error))
    is_unsure = tool.writes and isinstance(error, errors.Unavailable)
    return _PERHAPS if is_unsure else _AGAIN.format(seconds=seconds)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
