"""`python -m tests.conformance`: the protocol's own suite and its inspector against a server."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tests.api.process import KEY, Serving, serving
from tests.conformance.key_proxy import keyed
from tests.conformance.scenarios import HOLD, LEFT_OUT
from tools import node

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent
WAIT_S: Final = 120


def main() -> int:
    """Prints a line for each check, and how many passed and failed."""
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
        for name, problem in [*suite(server), *inspector(server)]:
            print(f"{'ok  ' if problem is None else 'FAIL'}  {name}", flush=True)
            if problem is not None:
                print(problem)
            passed, failed = passed + (problem is None), failed + (problem is not None)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def ran(program: str, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """A program of the installed packages."""
    packages = node.installed(HERE / "package.json", ROOT / ".mcp-conformance")
    return subprocess.run(
        node.command(packages / program, arguments),
        cwd=packages,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def suite(server: Serving) -> Iterator[tuple[str, str | None]]:
    """Each scenario, and what is wrong with it."""
    program = "@modelcontextprotocol/conformance/dist/index.js"
    listed = ran(program, ["list", "--server"]).stdout
    known = set(re.findall(r"^\s+- (\S+)", listed, re.MULTILINE))
    unknown = known ^ {*HOLD, *LEFT_OUT}
    yield "the list of scenarios", f"not known here, or gone: {unknown}" if unknown else None
    with keyed(server.url, KEY) as url:
        for name in HOLD:
            done = ran(program, ["server", "--url", f"{url}/mcp", "--scenario", name])
            said = done.stdout + done.stderr
            counts = re.findall(r"(\d+) passed, (\d+) failed", said) or re.findall(
                r"Passed: (\d+)/\d+, (\d+) failed", said
            )
            good = done.returncode == 0 and any(int(p) and not int(f) for p, f in counts)
            yield f"conformance: {name}", None if good else said[-2000:]


def inspector(server: Serving) -> Iterator[tuple[str, str | None]]:
    """A story told by the inspector's command line."""
    experiment, note = "experiment_id=inspected", "name=a note"
    logged = (experiment, note, "kind=text", "value=it works")
    for method, more, judge in (
        ("tools/list", [], _all_tools),
        ("tools/call", _call("create_experiment", "name=Inspected"), _is_good),
        ("tools/call", _call("log_artifact_in_experiment", *logged), _is_good),
        (
            "tools/call",
            _call("get_artifact_in_experiment", experiment, "artifact_name=a note"),
            _is_the_note,
        ),
        ("tools/call", _call("get_run", "run_id=nothing"), _is_a_tool_error),
        ("resources/list", [], _lists_the_experiment),
        ("resources/read", ["--uri", "trialbook://experiments/inspected"], _is_the_experiment),
        ("prompts/list", [], _all_prompts),
    ):
        done = ran(
            "@modelcontextprotocol/inspector/clients/launcher/build/index.js",
            [
                "--cli", f"{server.url}/mcp", "--transport", "http", "--header",
                f"x-api-key: {KEY}", "--method", method, *more,
            ],
        )  # fmt: skip
        yield f"inspector: {method} {' '.join(more)}", _judged(done.stdout, judge)


def _call(tool: str, *arguments: str) -> list[str]:
    given = [part for one in arguments for part in ("--tool-arg", one)]
    return ["--tool-name", tool, *given]


def _all_tools(found: Any) -> bool:
    return len(found["tools"]) == 12


def _all_prompts(found: Any) -> bool:
    return len(found["prompts"]) == 3


def _is_good(found: Any) -> bool:
    return not found["isError"]


def _is_the_note(found: Any) -> bool:
    return found["structuredContent"]["value"] == "it works"


def _is_a_tool_error(found: Any) -> bool:
    return found["isError"] and "search_runs" in found["content"][0]["text"]


def _lists_the_experiment(found: Any) -> bool:
    return found["resources"][0]["name"] == "inspected"


def _is_the_experiment(found: Any) -> bool:
    return '"Inspected"' in found["contents"][0]["text"]


def _judged(said: str, judge: Callable[[Any], bool]) -> str | None:
    try:
        # A tool's error is followed by the inspector's own words on it.
        found, _ = json.JSONDecoder().raw_decode(said)
        return None if judge(found) else said[:2000]
    except (ValueError, LookupError, TypeError) as error:
        return f"{error!r}: {said[:2000]}"


if __name__ == "__main__":
    sys.exit(main())
