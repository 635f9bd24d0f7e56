"""What holds for every command: failures, global options, login, completion, tables."""

from __future__ import annotations

import json
import logging
import math
import stat
from pathlib import Path

import pytest

from tests.api.process import KEY
from tests.client.harness import URL, Bench
from tests.client.terminal import Terminal, completed, rows
from trialbook import config
from trialbook.cli import output
from trialbook.cli.session import Session

REFUSED = [
    (3, "runs show 01a1fd4ae9727c99ab89861df0a3b4db", "no such run"),
    (3, "experiments show nothing", "no experiment"),
    (3, "experiments delete nothing", "no experiment"),
    (1, "experiments create A", "exists (name=A)"),
    (2, "runs show", "missing argument"),
    (2, "runs lst", "Did you mean 'list'"),
    (2, "runs list a --limit 0", "--limit"),
    (2, "runs list a --status no", "--status"),
    (2, "experiments create b --goal loss=up", "METRIC=max or METRIC=min"),
    (2, "experiments create b --tag x", "KEY=VALUE"),
    (2, "experiments create b --tag x=1 --tag x=2", "twice"),
    (2, "experiments update a", "nothing to change"),
    (2, "log a --metric loss=low", "KEY=NUMBER"),
    (2, "log a --step 3", "--metric"),
    (2, "log", "--run"),
    (2, "log a b", "one experiment"),
    (2, "log --run x --name y", "--name"),
    (2, "compare a", "2 to 10"),
    (2, "compare a a", "twice"),
    (1, "runs list a --filter metrics.loss<<3", "found '<<3', at position 12"),
    (1, "runs list a --order-by nothing.x", "nothing"),
]


@pytest.fixture
def terminal(bench: Bench) -> Terminal:
    return Terminal(bench)


def test_what_cannot_be_done_is_said_in_a_line(terminal: Terminal) -> None:
    terminal.ok("experiments", "create", "A")
    for code, words, said in REFUSED:
        assert said.lower() in terminal.fails(code, *words.split()).lower()


def test_a_bad_key_is_told_from_one_that_may_not(terminal: Terminal, bench: Bench) -> None:
    assert "trialbook login" in terminal.fails(4, "experiments", "list", "--api-key", KEY)
    run = bench.service.run()["run_id"]
    other = bench.service.other.headers["x-api-key"]
    assert "denied" in terminal.fails(4, "--api-key", other, "runs", "show", run)


def test_a_service_that_is_away_or_busy_is_told_by_the_exit_code(
    terminal: Terminal, bench: Bench
) -> None:
    bench.weather.away = True
    assert "did not answer" in terminal.fails(5, "experiments", "list")
    bench.weather.away = False
    bench.weather.next.extend(["busy"] * 6)
    assert "busy" in terminal.fails(5, "experiments", "list")
    bench.weather.next.extend(["broken"] * 6)
    assert "request id" in terminal.fails(1, "experiments", "list")


def test_global_options_count_in_both_positions(terminal: Terminal, bench: Bench) -> None:
    terminal.ok("experiments", "create", "a")
    for words in (["--json", "experiments", "list"], ["experiments", "list", "--json"]):
        assert [e["slug"] for e in json.loads(terminal.ok(*words))] == ["a"]
    for words in (
        ["--url", URL, "--api-key", bench.key, "experiments", "list"],
        ["experiments", "list", "--url", URL, "--api-key", bench.key],
    ):
        assert "a" in terminal.ok(*words)


def test_a_traceback_is_shown_only_when_it_is_asked_for(terminal: Terminal) -> None:
    assert "Traceback" not in terminal.run("runs", "show", "x").stderr
    shown = terminal.run("runs", "show", "x", "--debug").stderr
    assert "Traceback" in shown
    assert shown.splitlines()[-1].startswith("trialbook: ")


def test_an_unexpected_error_is_one_line_too(terminal: Terminal) -> None:
    def connect(_: Session) -> object:
        raise KeyError("tea")

    done = terminal.run("experiments", "list", session=Session(connect))  # pyright: ignore[reportArgumentType] -- it fails before it matters
    assert done.exit_code == 1
    assert done.stderr.startswith(
        "trialbook: unexpected KeyError: 'tea'; run it again with --debug"
    )


def test_what_the_service_holds_cannot_steer_the_terminal(terminal: Terminal) -> None:
    name = "a\x1b[31m\u202ered\tx [bold]y[/bold]"
    done = terminal.run("experiments", "create", name, "--slug", "s")
    if done.exit_code:
        assert "\x1b" not in done.stderr
        return
    printed = terminal.ok("experiments", "list")
    assert "\x1b" not in printed
    assert "\u202e" not in printed
    assert len(rows(printed)[1]) == 6
    assert "[bold]y[/bold]" in printed


# -- login ----------------------------------------------------------------------------------------


def test_login_checks_the_key_before_it_is_stored(terminal: Terminal, bench: Bench) -> None:
    path = config.config_path()
    words = ["login", "--url", URL, "--api-key-stdin"]
    assert terminal.run(*words, answers=KEY).exit_code == 4
    assert not path.exists()
    told = terminal.ok(*words, answers=bench.key + "\n")
    assert told == f"Logged in to {URL}; kept in {path}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert config.load_config() == config.Config(URL, bench.key)
    assert terminal.json("logout") == {"path": str(path), "removed": True}
    assert not path.exists()
    assert terminal.ok("logout") == "Nobody was logged in\n"


def test_login_asks_for_what_it_was_not_given(terminal: Terminal, bench: Bench) -> None:
    done = terminal.run("login", answers=f"{URL}\n{bench.key}\n", interactive=True)
    assert done.exit_code == 0, done.output
    assert bench.key not in done.output
    assert config.load_config().api_key == bench.key
    done = terminal.run("login", answers=f"\n{bench.key}\n", interactive=True)
    assert config.load_config().url == URL
    for answers in ("", f"{URL}\n"):
        assert terminal.run("login", answers=answers, interactive=True).exit_code == 130


def test_login_without_anybody_to_ask_says_which_options_are_missing(terminal: Terminal) -> None:
    assert "--url" in terminal.fails(2, "login")
    assert "--api-key-stdin" in terminal.fails(2, "login", "--url", URL)
    words = ["login", "--url", URL, "--api-key-stdin"]
    assert "no key on stdin" in terminal.fails(2, *words, answers="")
    assert "not with both" in terminal.fails(2, *words, "--api-key", "x", answers="y")


def test_without_a_key_the_line_names_the_way_out(terminal: Terminal) -> None:
    done = terminal.run("experiments", "list", session=Session())
    assert done.exit_code == 4
    assert "trialbook login" in done.stderr


# -- completion -----------------------------------------------------------------------------------


def test_experiments_and_runs_are_completed_from_the_service(
    terminal: Terminal, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [terminal.ok("log", "cifar-10", "--name", name).strip() for name in "ab"]
    terminal.ok("experiments", "create", "Other")
    assert completed(terminal, monkeypatch, "trialbook ru") == ["runs"]
    assert completed(terminal, monkeypatch, "trialbook runs list ci") == ["cifar-10"]
    assert set(completed(terminal, monkeypatch, "trialbook log ")) == {"cifar-10", "other"}
    assert set(completed(terminal, monkeypatch, "trialbook runs show ")) == set(runs)
    assert set(completed(terminal, monkeypatch, f"trialbook compare {runs[0]} ")) == set(runs)
    assert "--json" in completed(terminal, monkeypatch, "trialbook runs list --j")
    bench.weather.away = True
    assert completed(terminal, monkeypatch, "trialbook runs list ci") == []


# -- what people see ------------------------------------------------------------------------------


def test_a_table_fits_the_terminal_and_keeps_ids_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    columns = [
        output.Column("ID", keep=True),
        output.Column("NAME", cut=True),
        output.Column("loss", right=True),
        output.Column("acc", right=True),
    ]
    values = [
        ("f" * 32, "a very long name of a run [x]", 1 / 3, math.nan),
        ("e" * 32, "b", 12.0, None),
    ]
    for width in (20, 46, 60, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        output.print_table(Session(quiet=True), columns, values)
        printed = capsys.readouterr().out
        assert "f" * 32 in printed
        longest = max(len(line) for line in printed.splitlines())
        assert longest <= max(width, 34)
        assert ("0.333333" in printed) == (width >= 60)
        assert ("NAME" in printed) == (width >= 46)
        assert ("name of a run [x]" in printed) == (width == 200)


def test_the_clients_log_is_not_kept_from_others(terminal: Terminal, tmp_path: Path) -> None:
    before = list(logging.getLogger("trialbook.client").handlers)
    terminal.run("experiments", "list")
    assert logging.getLogger("trialbook.client").handlers == before
    assert list(tmp_path.glob("spool/*")) == []
