"""`trialbook` as a program: its exit codes, pipes, signals and terminals, before a real server."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest

from tests.api.process import KEY, Serving, serving
from tests.client.terminal import TRIALBOOK, command

pytestmark = [pytest.mark.slow, pytest.mark.integration]
PATIENCE_S: Final = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Serving]:
    with serving(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def env(server: Serving) -> dict[str, str]:
    return {"TRIALBOOK_URL": server.url, "TRIALBOOK_API_KEY": KEY}


def test_a_run_is_logged_from_a_pipe_as_its_lines_come(env: dict[str, str]) -> None:
    with subprocess.Popen(
        [TRIALBOOK, "log", "piped", "--end", "-"],
        env={**os.environ, **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        run = process.stdout.readline().strip()
        process.stdin.write('{"loss": 0.5}\n')
        process.stdin.flush()
        # the line arrives while the pipe is open
        deadline = time.monotonic() + PATIENCE_S
        while not (shown := json.loads(command("runs", "show", run, "--json", env=env).stdout))[
            "metrics"
        ]:
            assert time.monotonic() < deadline
        assert (shown["status"], shown["metrics"]) == ("running", {"loss": 0.5})
        process.stdin.write('{"loss": 0.25}\n')
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0
    shown = json.loads(command("runs", "show", run, "--json", env=env).stdout)
    assert (shown["status"], shown["metrics"]) == ("finished", {"loss": 0.25})


def test_an_interrupted_stream_keeps_what_came_and_ends_with_130(env: dict[str, str]) -> None:
    for options, status in ((["--end"], "killed"), ([], "running")):
        with subprocess.Popen(
            [TRIALBOOK, "log", "interrupted", *options, "-"],
            env={**os.environ, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            run = process.stdout.readline().strip()
            # the second line is bad, and is told when the first has been logged
            process.stdin.write('{"loss": 0.5}\nbad\n')
            process.stdin.flush()
            assert "line 2" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 130
            assert "Traceback" not in process.stderr.read()
        shown = json.loads(command("runs", "show", run, "--json", env=env).stdout)
        assert (shown["status"], shown["metrics"]) == (status, {"loss": 0.5})


def test_a_reader_that_leaves_ends_the_command_quietly(env: dict[str, str]) -> None:
    run = command(
        *("log", "long", "-"), env=env, stdin="".join(f'{{"x": {n}}}\n' for n in range(20_000))
    ).stdout.strip()
    with subprocess.Popen(
        [TRIALBOOK, "runs", "metrics", run, "x"],
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "STEP\tVALUE\tTIME\n"
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr.read() == ""


def test_each_kind_of_failure_has_its_exit_code(env: dict[str, str]) -> None:
    nobody = {"TRIALBOOK_URL": "http://127.0.0.1:1", "TRIALBOOK_API_KEY": KEY}
    stranger = {**env, "TRIALBOOK_API_KEY": "tb_stranger_" + "s" * 40}
    keyless = {"TRIALBOOK_URL": env["TRIALBOOK_URL"], "TRIALBOOK_API_KEY": ""}
    for code, environment, words in (
        (0, env, "experiments list"),
        (1, env, "experiments create x --slug runs"),
        (2, env, "experiments lisst"),
        (3, env, "experiments show nothing"),
        (4, stranger, "experiments list"),
        (4, keyless, "experiments list"),
        (5, nobody, "experiments list"),
    ):
        done = command(*words.split(), env=environment)
        assert done.returncode == code, done.stderr
        assert len(done.stderr.splitlines()) == (code != 0)
        assert (done.stdout == "") == (code != 0)


def test_help_names_every_command_and_every_exit_code() -> None:
    done = command("--help", env={"COLUMNS": "200"})
    assert done.returncode == 0
    for word in (
        *("login", "logout", "experiments", "runs", "compare", "log", "upload", "download"),
        *("artifacts", "sync", "--json", "--url", "130 interrupted", "5 the service did not"),
    ):
        assert word in done.stdout
    version = command("--version", env={})
    assert re.fullmatch(r"trialbook \d+\.\d+\.\d+\n", version.stdout)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_is_a_script_that_it_takes(shell: str) -> None:
    done = command(
        "--show-completion", shell, env={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    )
    assert done.returncode == 0
    assert "_TRIALBOOK_COMPLETE" in done.stdout
    if shutil.which(shell):
        checked = subprocess.run([shell, "-n"], input=done.stdout, text=True, check=False)
        assert checked.returncode == 0


def test_bash_completes_from_the_service(env: dict[str, str]) -> None:
    command("experiments", "create", "Tab Key", env=env)
    asked = {"_TRIALBOOK_COMPLETE": "complete_bash", "COMP_CWORD": "3"}
    line = {"COMP_WORDS": "trialbook runs list tab"}
    done = command(env={**env, **asked, **line})
    assert (done.stdout, done.stderr) == ("tab-key\n", "")
    away = {"TRIALBOOK_URL": "http://127.0.0.1:1"}
    done = command(env={**env, **asked, **line, **away})
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_a_terminal_gets_colors_and_a_curve_unless_it_does_not_want_them(
    env: dict[str, str],
) -> None:
    run = command(
        *("log", "drawn", "-"), env=env, stdin='{"x": 1}\n{"x": 2}\n{"x": 3}\n'
    ).stdout.strip()
    colored = at_terminal(["runs", "metrics", run, "x"], env)
    assert "█" in colored
    assert "\x1b[1m" in colored
    words = ["runs", "metrics", run, "x", "--no-color"]
    for plain in (at_terminal(words, env), at_terminal(words[:-1], {**env, "NO_COLOR": "1"})):
        assert "█" in plain
        assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", plain)


def test_login_at_a_terminal_does_not_show_the_key(server: Serving, home: Path) -> None:
    environment = {"TRIALBOOK_API_KEY": "", "TRIALBOOK_URL": ""}
    shown = at_terminal(["login"], environment, answers=[("]: ", server.url), ("API key: ", KEY)])
    assert "Logged in" in shown
    assert KEY not in shown
    assert command("experiments", "list", env=environment).returncode == 0
    assert (home / ".config" / "trialbook" / "config.json").stat().st_mode & 0o777 == 0o600


def at_terminal(
    words: list[str], env: dict[str, str], answers: list[tuple[str, str]] | None = None
) -> str:
    """What a command shows on a terminal of 100 columns; answers are typed after their prompts."""
    ours, theirs = pty.openpty()
    shown = ""
    waiting = list(answers or [])
    try:
        with subprocess.Popen(
            [TRIALBOOK, *words],
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **env},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        ) as process:
            os.close(theirs)
            deadline = time.monotonic() + PATIENCE_S
            while True:
                if time.monotonic() > deadline:
                    process.kill()
                    raise AssertionError(shown)
                if select.select([ours], [], [], 1)[0]:
                    try:
                        part = os.read(ours, 65536)
                    except OSError:  # Linux's way to say that nobody has the other end
                        break
                    if not part:
                        break
                    shown += part.decode()
                if waiting and waiting[0][0] in shown:
                    os.write(ours, f"{waiting.pop(0)[1]}\n".encode())
            assert process.wait(PATIENCE_S) == 0, shown
    finally:
        os.close(ours)
    return shown


def test_importing_the_command_brings_no_tables_and_no_connections() -> None:
    unwanted = "{'rich', 'httpx', 'chalicelib', 'boto3'}"
    code = f"import sys, trialbook.cli.program; print({unwanted} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
