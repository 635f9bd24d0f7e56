"""Docs checks: `python -m tools.check_docs` prints what is wrong, a line each, and exits 1.

Every route, error code and setting of the application is mentioned in README.md or docs/, relative
links lead somewhere, openapi.json is what the routes generate, and no file that is or would be
committed names a path of somebody's machine. What cannot be checked is a failure, never a pass.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, cast

ROOT = Path(__file__).resolve().parent.parent


class Endpoint(Protocol):
    """What this check knows of `chalicelib.api.endpoint.Endpoint`."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...


_SETTING = re.compile(r"""["'](TRIALBOOK_[A-Z0-9_]+)["']""")
_FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_MACHINE_PATH = re.compile(
    r"(?<![\w.}/-])(?:/(?:root|tmp|opt|mnt|var/folders)/|/(?:home|Users)/\w|[A-Z]:\\Users\\)"
)
_MACHINE_PATH_ALLOWED: frozenset[tuple[str, str]] = frozenset()
"""(file, line without its margins) that must show such a path all the same."""


def main() -> int:
    docs = {path: path.read_text(encoding="utf-8") for path in _documents()}
    manual = "\n".join(docs.values())
    problems = [
        *undocumented_routes(manual),
        *undocumented_error_codes(manual),
        *undocumented_settings(manual),
        *broken_links(docs),
        *openapi_drift(),
        *machine_paths(_committed_files()),
    ]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"docs: {len(docs)} pages, {len(problems)} problems")
    return 1 if problems else 0


def undocumented_routes(manual: str) -> Iterator[str]:
    """A route counts as documented where `METHOD /its/whole/path` is written."""
    try:
        importlib.import_module("app")  # importing the app declares every endpoint
        declared = importlib.import_module("chalicelib.api.endpoint").ENDPOINTS
    except (ModuleNotFoundError, AttributeError) as error:
        yield f"routes: not checked: {error}"
        return
    endpoints = cast("Iterable[Endpoint]", declared)
    routes = sorted({(each.path, each.method) for each in endpoints})
    if not routes:
        yield "routes: not checked: chalicelib.api.endpoint.ENDPOINTS is empty"
    for path, method in routes:
        if not re.search(rf"\b{method} {re.escape(path)}(?![\w/{{-])", manual):
            yield f"routes: undocumented: {method} {path}"


def undocumented_error_codes(manual: str) -> Iterator[str]:
    """An error code counts as documented where `` `code` `` is written."""
    try:
        declared = importlib.import_module("chalicelib.api.errors").CODE_OF
    except (ModuleNotFoundError, AttributeError) as error:
        yield f"error codes: not checked: {error}"
        return
    for code in cast("dict[int, str]", declared).values():
        if f"`{code}`" not in manual:
            yield f"error codes: undocumented: {code}"


def undocumented_settings(manual: str) -> Iterator[str]:
    """Every TRIALBOOK_* variable that the code or its configuration names in quotes."""
    sources = [ROOT / "app.py", ROOT / ".chalice" / "config.json"]
    for package in ("chalicelib", "local", "demo", "bench"):
        sources += (ROOT / package).rglob("*.py")
    named: dict[str, Path] = {}
    for source in sources:
        if source.is_file():
            for setting in _SETTING.findall(source.read_text(encoding="utf-8")):
                named.setdefault(setting, source)
    for setting, source in sorted(named.items()):
        if not re.search(rf"\b{setting}\b", manual):
            yield f"settings: undocumented: {setting} ({source.relative_to(ROOT)})"


def broken_links(docs: dict[Path, str]) -> Iterator[str]:
    """Relative links, and anchors of pages among `docs`."""
    for page, text in docs.items():
        for target in _LINK.findall(_FENCE.sub("", text)):
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            path, _, anchor = target.partition("#")
            linked = (page.parent / path).resolve() if path else page
            where = f"links: {page.relative_to(ROOT)}: {target}"
            if not linked.exists():
                yield f"{where}: there is no such file"
            elif anchor and linked in docs and anchor not in _anchors(docs[linked]):
                yield f"{where}: there is no such heading"


def _anchors(text: str) -> set[str]:
    """Anchors as GitHub makes them: lower case, no punctuation, dashes for spaces."""
    headings = _HEADING.findall(_FENCE.sub("", text))
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def openapi_drift() -> Iterator[str]:
    """openapi.json against the routes and models it is generated from."""
    module = "chalicelib.api.openapi"
    if importlib.util.find_spec(module) is None:
        yield f"openapi.json: not checked: there is no {module}"
        return
    command = [sys.executable, "-m", module, "--check"]
    check = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if check.returncode:
        yield f"openapi.json: {(check.stderr or check.stdout).strip()}"


def machine_paths(files: Iterable[Path]) -> Iterator[str]:
    """Temporary and home directories, and where this checkout itself lies."""
    own_places = [ROOT, Path.home(), Path(tempfile.gettempdir())]
    # A place of one part, such as /app, may well be a word of the docs.
    own = [f"{place}/" for place in own_places if len(place.parts) > 2]
    for path in files:
        name = str(path.relative_to(ROOT))
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, start=1):
            found = _MACHINE_PATH.search(line) or any(place in line for place in own)
            if found and (name, line.strip()) not in _MACHINE_PATH_ALLOWED:
                yield f"machine paths: {name}:{number}: {line.strip()[:80]}"


def _documents() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def _committed_files() -> list[Path]:
    """Files under version control and new ones that are not ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


if __name__ == "__main__":
    sys.exit(main())
