"""ES modules into one file, so that a page is there after three requests, without a build step.

A module becomes a function that is called once, in the order in which modules need each other, and
gives an object of what it exports. The modules are ours, so only the forms that we use are known:
named imports at the top, before anything else but comments, `export` before a function, class or
constant at the beginning of a line, and the `export{a as b}` at the end of a minified library. Any
other form of either, also within a template literal, is an error, never a guess; a line of another
language that begins with one of the two words is not such a form.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_IMPORT: Final = re.compile(r'^import\s*\{([^}]*)\}\s*from\s*"([^"]+)";', re.MULTILINE)
_TOP: Final = re.compile(
    rf"(?:\s|//[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/|{_IMPORT.pattern})*", re.MULTILINE
)
_EXPORT: Final = re.compile(
    r"^export\s+((?:async\s+)?function\*?|class|const)\s+([A-Za-z_$][\w$]*)", re.MULTILINE
)
_EXPORT_LIST: Final = re.compile(r"\bexport\s*\{([^}]*)\};?\s*$")
_LEFT_OVER: Final = re.compile(
    r"""^\s*(?:
        import\s*(?:[({*"'./]|[\w$]+\s*(?:,|from\s*["'/]))
        | export\s*(?:[{*/]|(?:default|let|var|const|class|function|async|enum)\b)
    ).*$""",
    re.MULTILINE | re.VERBOSE,
)


class CannotPack(Exception):
    """A module has a form that is not known here."""


def packed(entry: str, read: Callable[[str], str]) -> str:
    """A script of the module `entry` and all that it imports; `read` gives a module's source by the
    name that it is imported by. Raises CannotPack."""
    done: list[str] = []
    parts: list[str] = []

    def add(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise CannotPack(f"modules import each other: {' -> '.join((*path, name))}")
        if name in done:
            return
        source = read(name)
        for match in _IMPORT.finditer(_top(source)):
            add(match[2], (*path, name))
        body = _as_function(name, source)
        parts.append(f"// {name}\nconst {_variable(name)} = (() => {{\n{body}\n}})();\n")
        done.append(name)

    add(entry, ())
    return '"use strict";\n' + "".join(parts)


def _as_function(name: str, source: str) -> str:
    top = _top(source)
    source = _IMPORT.sub(_destructured, top) + source[len(top) :]
    exported: list[str] = []
    listed = _EXPORT_LIST.search(source)
    if listed is not None:
        exported += [_listed(one) for one in listed[1].split(",") if one.strip()]
        source = source[: listed.start()]

    def kept(match: re.Match[str]) -> str:
        exported.append(match[2])
        return f"{match[1]} {match[2]}"

    source = _EXPORT.sub(kept, source)
    left_over = _LEFT_OVER.search(source)
    if left_over is not None:
        raise CannotPack(f"{name}: {left_over[0].strip()[:80]}")
    return f"{source.rstrip()}\nreturn {{ {', '.join(exported)} }};"


def _top(source: str) -> str:
    """The comments and imports before anything else."""
    match = _TOP.match(source)
    assert match is not None
    return match[0]


def _destructured(match: re.Match[str]) -> str:
    names = [one.strip().replace(" as ", ": ") for one in match[1].split(",") if one.strip()]
    # As many lines as before, so that lines in errors are those of the module, moved.
    return f"const {{ {', '.join(names)} }} = {_variable(match[2])};" + "\n" * match[0].count("\n")


def _listed(text: str) -> str:
    """`a as b` of an export, as an object spells it."""
    own, _, other = text.strip().partition(" as ")
    return f"{other.strip()}: {own}" if other else own


def _variable(name: str) -> str:
    return "$" + re.sub(r"\W", "_", name.removeprefix("./").removesuffix(".js"))
