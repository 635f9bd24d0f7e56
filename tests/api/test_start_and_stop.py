"""`python -m local` as its user meets it: what it says, what it refuses, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from chalice.app import Chalice

from chalicelib.core.context import Clock, Role
from chalicelib.core.errors import Unauthenticated
from chalicelib.domain import api_keys
from chalicelib.domain.api_keys import Authenticator
from chalicelib.storage.api_keys import ApiKeyStore
from local.command import run
from local.home import Home
from local.server import Backend
from local.sqlite_table import SqliteTable

ROOT = Path(__file__).parents[2]
WAIT_S = 30
KEY = "tb_abcdefgh12_" + "s" * 40

pytestmark = pytest.mark.slow


def environment(home: Path, **more: str) -> dict[str, str]:
    """Of a process that serves on a free port unless `more` says another."""
    kept = {name: value for name, value in os.environ.items() if "TRIALBOOK" not in name}
    return {**kept, "TRIALBOOK_HOME": str(home), "TRIALBOOK_PORT": "0", **more}


def refusal(arguments: list[str], env: dict[str, str]) -> str:
    """The one line on stderr of a command that does not begin."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.startswith("trialbook: ")
    assert done.stderr.count("\n") == 1
    return done.stderr.removeprefix("trialbook: ").strip()


@contextmanager
def running(env: dict[str, str], *arguments: str) -> Generator[subprocess.Popen[str]]:
    """A server process, killed at the end if it still lives."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def last_words(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What it says from here to its end, on stdout and stderr."""
    assert process.stdout is not None
    assert process.stderr is not None
    words = process.stdout.read(), process.stderr.read()
    process.wait(WAIT_S)
    return words


def ready_url(process: subprocess.Popen[str]) -> str:
    """Waits for the line that says so."""
    line = next_line(process)
    found = re.fullmatch(r"Trialbook is ready at (http://127\.0\.0\.1:[0-9]+)\n", line)
    assert found, line + last_words(process)[1]
    return found[1]


# --- a server whose requests take as long as the test wants -----------------------------------


def slow_backend(home: Home, base_url: str, clock: Clock) -> Backend:
    """`POST /slow` says in the pipe `entered` that it is here and waits for the pipe `go`."""
    app = Chalice("slow", configure_logs=False)

    def slow() -> str:
        (home.path / "entered").write_text("here")
        (home.path / "go").read_text()
        return "finished"

    slow.runs_long = True  # type: ignore[attr-defined] # a function takes any attribute
    app.route("/slow", methods=["POST"])(slow)

    def note(line: str) -> None:
        with (home.path / "notes").open("a") as notes:
            notes.write(line + "\n")

    table = SqliteTable(home.table_file, clock)

    def close() -> None:
        note("close")
        table.close()

    return Backend(app, None, ApiKeyStore(table), None, lambda: note("start"), close)


def notes(home: Path) -> list[str]:
    """What the backend was asked to do."""
    return (home / "notes").read_text().splitlines()


@contextmanager
def slow_server(home: Path, **more: str) -> Generator[subprocess.Popen[str]]:
    home.mkdir(exist_ok=True)
    for pipe in ("entered", "go"):
        if not (home / pipe).exists():
            os.mkfifo(home / pipe)
    with running(environment(home, **more), "-m", "tests.api.test_start_and_stop") as process:
        yield process


def wait_until_refused(url: httpx.URL) -> None:
    """Returns when nobody listens there any more."""
    while True:
        try:
            socket.create_connection((url.host, url.port or 0), WAIT_S).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:  # it was closed with us in its queue
            continue


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_finishes_the_request_under_way(tmp_path: Path, stop: signal.Signals) -> None:
    home = tmp_path / "home"
    with slow_server(home) as process:
        url = httpx.URL(ready_url(process))
        with socket.create_connection((url.host, url.port or 0), WAIT_S) as connection:
            connection.sendall(b"POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
            assert (home / "entered").read_text() == "here"
            process.send_signal(stop)
            wait_until_refused(url)
            (home / "go").write_text("go")
            with connection.makefile("rb") as stream:
                answer = stream.read()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"finished")
        out, err = last_words(process)
    assert process.returncode == 0
    assert out.endswith("\nTrialbook has stopped; every request was answered.\n")
    assert err == ""
    assert notes(home)[-2:] == ["start", "close"]


def test_a_second_interrupt_cuts_the_request_off(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with slow_server(home) as process:
        url = httpx.URL(ready_url(process))
        with socket.create_connection((url.host, url.port or 0), WAIT_S) as connection:
            connection.sendall(b"POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
            assert (home / "entered").read_text() == "here"
            process.send_signal(signal.SIGINT)
            wait_until_refused(url)
            process.send_signal(signal.SIGINT)
            _, err = last_words(process)
    assert process.returncode == 1
    assert err.endswith("trialbook: stopped with requests unanswered\n")
    assert notes(home)[-1] == "close"


def role_of(home: Path, api_key: str) -> Role | None:
    """Of a key that the home's table lets in, None when it does not."""
    table = SqliteTable(Home(home).table_file, Clock())
    try:
        principal = Authenticator(ApiKeyStore(table), Clock()).authenticate(api_key)
    except Unauthenticated:
        return None
    finally:
        table.close()
    assert (principal.tenant, principal.user) == ("default", "default")
    return principal.role


def start_and_stop(home: Path, **more: str) -> str:
    """What the server says meanwhile."""
    with slow_server(home, **more) as process:
        ready_url(process)
        said = next_line(process)
        process.send_signal(signal.SIGTERM)
        out, err = last_words(process)
    assert process.returncode == 0
    return said + out + err


def test_the_first_start_makes_a_key_and_the_second_keeps_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    said = start_and_stop(home)
    assert f"The API key is in {home}/api-key." in said
    key = (home / "api-key").read_text().strip()
    assert key not in said
    assert role_of(home, key) is Role.ADMIN
    start_and_stop(home)
    assert (home / "api-key").read_text().strip() == key
    assert role_of(home, key) is Role.ADMIN


def test_the_kept_key_is_installed_in_a_new_table_but_stays_revoked(tmp_path: Path) -> None:
    Home(tmp_path).keep_api_key(KEY)
    start_and_stop(tmp_path)
    assert role_of(tmp_path, KEY) is Role.ADMIN
    table = SqliteTable(Home(tmp_path).table_file, Clock())
    api_keys.revoke(ApiKeyStore(table), Clock(), None, KEY.split("_")[1])
    table.close()
    start_and_stop(tmp_path)
    assert role_of(tmp_path, KEY) is None


def test_a_key_of_the_environment_is_installed_and_kept_nowhere(tmp_path: Path) -> None:
    for _ in range(2):
        said = start_and_stop(tmp_path, TRIALBOOK_API_KEY=KEY)
        assert "The API key is in TRIALBOOK_API_KEY." in said
        assert KEY not in said
        assert role_of(tmp_path, KEY) is Role.ADMIN
    assert not (tmp_path / "api-key").exists()


def test_a_key_file_that_holds_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "api-key").write_text("hello")
    line = refusal(["-m", "tests.api.test_start_and_stop"], environment(tmp_path))
    assert line == f"{tmp_path}/api-key holds no API key; remove it to have one made"


# --- what is refused --------------------------------------------------------------------------


def test_a_home_in_use_is_refused(tmp_path: Path) -> None:
    with slow_server(tmp_path) as process:
        ready_url(process)
        line = refusal(["-m", "local"], environment(tmp_path))
    assert line == (
        f"{tmp_path} is in use by another server (process {process.pid}); "
        "stop it or set TRIALBOOK_HOME"
    )


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refusal(["-m", "local"], environment(tmp_path, TRIALBOOK_PORT=str(port)))
    assert line == f"port {port} is taken; stop what uses it or set TRIALBOOK_PORT"


def test_an_unwritable_home_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = refusal(["-m", "local"], environment(tmp_path / "file" / "home"))
    assert line == (
        f"cannot write to {tmp_path}/file/home (not a directory); "
        "set TRIALBOOK_HOME to another folder"
    )


@pytest.mark.parametrize("port", ["http", "-1", "65536", "8000.5", "٣"])
def test_a_bad_port_is_refused(tmp_path: Path, port: str) -> None:
    line = refusal(["-m", "local"], environment(tmp_path, TRIALBOOK_PORT=port))
    assert line == f"TRIALBOOK_PORT must be a number from 0 to 65535: {port!r}"


def test_a_form_of_the_log_that_there_is_not_is_refused(tmp_path: Path) -> None:
    line = refusal(["-m", "local"], environment(tmp_path, TRIALBOOK_LOG="xml"))
    assert line == "TRIALBOOK_LOG must be text or json: 'xml'"


def test_a_malformed_key_is_refused_and_not_shown(tmp_path: Path) -> None:
    line = refusal(["-m", "local"], environment(tmp_path, TRIALBOOK_API_KEY="tb_oops_1"))
    assert line.startswith("TRIALBOOK_API_KEY is malformed; it is tb_")
    assert "oops" not in line


def test_an_unknown_command_is_refused(tmp_path: Path) -> None:
    assert "see python -m local --help" in refusal(["-m", "local", "sing"], environment(tmp_path))


def test_an_old_python_is_told_what_it_lacks(tmp_path: Path) -> None:
    pretend = (
        "import runpy, sys; sys.version_info = (3, 9, 2); "
        "runpy.run_module('local', run_name='__main__')"
    )
    line = refusal(["-c", pretend], environment(tmp_path))
    assert line == "Python 3.11 or later is needed, this is 3.9"


def test_help_names_the_environment() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "local", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=True,
    ).stdout
    for word in ("TRIALBOOK_PORT", "TRIALBOOK_HOME", "TRIALBOOK_API_KEY", "keys"):
        assert word in shown


# --- the real thing ---------------------------------------------------------------------------


def test_the_example_that_it_prints_logs_a_metric(tmp_path: Path) -> None:
    with running(environment(tmp_path), "-m", "local") as process:
        url = ready_url(process)
        said = [next_line(process) for _ in range(5)]
        example = "".join(said[2:]) + "printf %s $run"
        run_id = subprocess.run(
            ["bash", "-c", example], capture_output=True, text=True, timeout=WAIT_S, check=True
        ).stdout[-32:]
        key = (tmp_path / "api-key").read_text().strip()
        answer = httpx.get(
            f"{url}/api/v1/experiments/runs/{run_id}", headers={"x-api-key": key}, timeout=WAIT_S
        )
        assert answer.json()["metrics"] == {"loss": 0.25}
        process.send_signal(signal.SIGTERM)
        out, err = last_words(process)
    assert process.returncode == 0
    assert out == "\nTrialbook has stopped; every request was answered.\n"
    assert err == ""


# --- python -m local keys ---------------------------------------------------------------------


def keys(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One `keys` command."""
    return subprocess.run(
        [sys.executable, "-m", "local", "keys", *arguments],
        env=environment(home),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def created_key(home: Path, *arguments: str) -> str:
    """The key that `keys create` printed, alone."""
    done = keys(home, "create", "--tenant", "default", "--user", "default", *arguments)
    assert done.returncode == 0, done
    assert done.stderr == ""
    assert api_keys.parse(done.stdout.strip()) is not None
    assert done.stdout.count("\n") == 1
    return done.stdout.strip()


def test_keys_come_and_go_while_the_server_runs(tmp_path: Path) -> None:
    with slow_server(tmp_path) as process:
        ready_url(process)
        key = created_key(tmp_path, "--role", "write", "--expires-days", "7")
        assert role_of(tmp_path, key) is Role.WRITE
        key_id = key.split("_")[1]
        listed = json.loads(keys(tmp_path, "list", "--json").stdout)["keys"]
        assert [(one["key_id"], one["role"], one["state"]) for one in listed][:1] == [
            (key_id, "write", "valid")
        ]
        assert len(listed) == 2
        assert key.split("_", 2)[2] not in json.dumps(listed)
        assert listed[0]["expires_at"].endswith("Z")
        revoked = keys(tmp_path, "revoke", key_id)
        assert revoked.stdout == f"revoked {key_id} of default in tenant default\n"
        assert role_of(tmp_path, key) is None
        table = keys(tmp_path, "list").stdout.splitlines()
        assert table[0].split() == [
            *("key_id", "user", "role", "state", "created_at", "expires_at", "name")
        ]
        assert table[1].split()[:4] == [key_id, "default", "write", "revoked"]


def test_keys_work_before_the_first_start(tmp_path: Path) -> None:
    key = created_key(tmp_path / "home", "--role", "read")
    assert role_of(tmp_path / "home", key) is Role.READ
    assert stat.S_IMODE((tmp_path / "home" / "trialbook.sqlite").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "--tenant", "t", "--user", "u"],
        ["create", "--tenant", "t", "--user", "u", "--role", "god"],
        ["create", "--tenant", "t", "--user", "u", "--role", "read", "--expires-days", "0"],
        ["revoke"],
        [],
    ],
)
def test_a_keys_command_that_makes_no_sense_is_refused(
    tmp_path: Path, arguments: list[str]
) -> None:
    refusal(["-m", "local", "keys", *arguments], environment(tmp_path))


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "--tenant", "no/tenant", "--user", "u", "--role", "read"],
        ["revoke", "abcdefgh12"],
        ["revoke", "not a key id"],
    ],
)
def test_a_keys_command_that_fails_says_why_in_a_line(tmp_path: Path, arguments: list[str]) -> None:
    done = keys(tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("trialbook: ")
    assert done.stderr.count("\n") == 1


def test_another_tenants_key_is_not_revoked_by_mistake(tmp_path: Path) -> None:
    key = created_key(tmp_path, "--role", "read")
    done = keys(tmp_path, "revoke", key.split("_")[1], "--tenant", "other")
    assert done.returncode == 1
    assert role_of(tmp_path, key) is Role.READ


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:], slow_backend))
