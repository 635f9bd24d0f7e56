"""The YAML of MLflow's meta.yaml: one mapping of names to scalars, as PyYAML writes it.

It is read here so that reading a folder needs no YAML package. A value that is no scalar is None.
"""

from __future__ import annotations

import re
from typing import Final

_ESCAPES: Final = dict(
    zip('0abtnvfre "\\/N_LP', '\0\a\b\t\n\v\f\r\x1b "\\/\x85\xa0\u2028\u2029', strict=True)
)
_ESCAPE: Final = re.compile(r"\\(?:x(..)|u(.{4})|U(.{8})|(.))")
_ENTRY: Final = re.compile(r"([A-Za-z_]\w*):(?: (.*))?")
_BREAK: Final = "\x00"
"""Stands for the end of a line until quotes are known; YAML has no such character."""


def read(text: str) -> dict[str, str | None]:
    """Raises ValueError for what is no such mapping."""
    entries: dict[str, str] = {}
    name = None
    for line in text.split("\n"):
        entry = _ENTRY.fullmatch(line)
        if entry is not None:
            name = entry[1]
            entries[name] = entry[2] or ""
        elif name is not None and (not line.strip() or line[0] in " -"):
            entries[name] += _BREAK + line.strip(" ")
        elif line.strip() and not line.startswith("#"):
            raise ValueError("not a mapping of scalars")
    return {name: _scalar(value.rstrip(_BREAK)) for name, value in entries.items()}


def _scalar(text: str) -> str | None:
    if text[:1] == "'":
        return _folded(text[1:-1]).replace("''", "'")
    if text[:1] == '"':
        return _unescaped(text[1:-1])
    if text in ("", "~", "null", "[]", "{}") or text[0] in f"{_BREAK}[{{|>":
        return None
    return _folded(text)


def _folded(text: str) -> str:
    """A break is a space, and n of them in a row are n - 1 ends of lines."""
    return re.sub(f" *({_BREAK}+) *", lambda at: "\n" * (len(at[1]) - 1) or " ", text)


def _unescaped(text: str) -> str:
    # a break after a backslash is nothing
    joined = re.sub(r"(?<!\\)((?:\\\\)*)\\" + _BREAK, r"\1", text)
    return _ESCAPE.sub(_escape, _folded(joined))


def _escape(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3]
    return chr(int(code, 16)) if code else _ESCAPES.get(found[4], found[4])
