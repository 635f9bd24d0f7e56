"""The commands about experiments and runs, `log` and `sync`: what they print."""

from __future__ import annotations

import json

import pytest

from tests.client.harness import Bench
from tests.client.terminal import Terminal, rows


@pytest.fixture
def terminal(bench: Bench) -> Terminal:
    return Terminal(bench)


@pytest.fixture
def runs(terminal: Terminal) -> list[str]:
    """Of the experiment `cifar-10`: the first with loss 0.5 and lr 0.1, the second 0.25 and 0.2."""
    terminal.ok("experiments", "create", "CIFAR 10", "--goal", "loss=min")
    made: list[str] = []
    for loss, lr in ((0.5, 0.1), (0.25, 0.2)):
        values = ["--metric", f"loss={loss}", "--metric", "acc=NaN", "--param", f"lr={lr}"]
        made.append(terminal.ok("log", "cifar-10", *values, "--end").strip())
    return made


def test_an_experiment_is_created_shown_changed_deleted_and_restored(terminal: Terminal) -> None:
    made = terminal.json(
        *("experiments", "create", "Fish & Chips", "--slug", "fish", "--description", "fried"),
        *("--tag", "team=vision", "--tag", "q=a=b", "--goal", "loss=min"),
    )
    assert made["slug"] == "fish"
    assert made["tags"] == {"team": "vision", "q": "a=b"}
    assert made["metric_goals"] == {"loss": "min"}
    assert made["created_at"].endswith("Z")
    for name in ("fish", made["id"], "Fish & Chips"):
        assert terminal.json("experiments", "show", name)["id"] == made["id"]
    changed = terminal.json(
        *("experiments", "update", "fish", "--description", "", "--remove-tag", "q"),
        *("--tag", "team=audio", "--goal", "acc=max"),
    )
    assert changed["description"] is None
    assert changed["tags"] == {"team": "audio"}
    assert "restore" in terminal.ok("experiments", "delete", "fish")
    assert terminal.json("experiments", "list") == []
    assert [e["slug"] for e in terminal.json("experiments", "list", "--deleted")] == ["fish"]
    assert terminal.json("experiments", "restore", "fish")["lifecycle_stage"] == "active"
    assert ["name", "Fish & Chips"] in rows(terminal.ok("experiments", "show", "fish"))


def test_a_list_says_when_there_is_more(terminal: Terminal) -> None:
    for name in ("one", "two", "three"):
        terminal.ok("experiments", "create", name)
    done = terminal.run("experiments", "list", "--limit", "2")
    assert [row[0] for row in rows(done.stdout)] == ["SLUG", "three", "two"]
    assert done.stderr == "trialbook: 2 are shown; ask for more with --limit\n"
    assert terminal.run("-q", "experiments", "list", "--limit", "2").stderr == ""
    assert terminal.run("experiments", "list", "--limit", "3").stderr == ""
    assert [row[0] for row in rows(terminal.ok("experiments", "list", "--search", "TW"))] == [
        "SLUG",
        "two",
    ]


def test_runs_are_filtered_ordered_and_cut_into_columns(
    terminal: Terminal, runs: list[str]
) -> None:
    first, second = runs
    listed = rows(terminal.ok("runs", "list", "cifar-10"))
    assert listed[0] == ["ID", "NAME", "STATUS", "STARTED", "DURATION", "loss", "acc"]
    assert [row[0] for row in listed[1:]] == [second, first]
    found = terminal.json("runs", "list", "CIFAR 10", "--filter", "metrics.loss < 0.3")
    assert [run["run_id"] for run in found] == [second]
    assert found[0]["metrics"] == {"loss": 0.25, "acc": "NaN"}
    columns = ["--columns", "id,loss,params.lr,tags.none", "--order-by", "metrics.loss DESC"]
    assert rows(terminal.ok("runs", "list", "cifar-10", *columns)) == [
        ["ID", "loss", "params.lr", "tags.none"],
        [first, "0.5", "0.1", ""],
        [second, "0.25", "0.2", ""],
    ]
    assert terminal.json("runs", "list", "cifar-10", "--status", "running") == []


def test_a_run_is_shown_ended_deleted_and_restored(terminal: Terminal) -> None:
    run = terminal.ok("log", "a", "--name", "dawn", "--metric", "loss=1", "--tag", "k=v").strip()
    assert terminal.json("runs", "show", run)["status"] == "running"
    shown = rows(terminal.ok("runs", "show", run))
    assert ["name", "dawn"] in shown
    assert ["tags", "k=v"] in shown
    assert ["metrics", "loss=1 (step 0, min 1, max 1, 1 points)"] in shown
    assert terminal.json("runs", "end", run, "--status", "failed")["status"] == "failed"
    assert "failed" in terminal.fails(1, "runs", "end", run)
    assert terminal.json("runs", "delete", run) == {"run_id": run, "deleted": True}
    assert terminal.json("runs", "list", "a") == []
    assert [r["name"] for r in terminal.json("runs", "list", "a", "--deleted")] == ["dawn"]
    assert terminal.json("runs", "restore", run)["run_id"] == run
    assert terminal.json("runs", "files", run) == []


def test_the_history_of_a_metric_is_a_table(terminal: Terminal) -> None:
    lines = "".join(f'{{"step": {n}, "loss": {1 / n}, "timestamp": {n}}}\n' for n in range(1, 101))
    run = terminal.ok("log", "a", "-", answers=lines).strip()
    printed = rows(terminal.ok("runs", "metrics", run, "loss"))
    assert [row[:2] for row in printed[:4]] == [
        ["STEP", "VALUE"],
        ["1", "1.0"],
        ["2", "0.5"],
        ["3", repr(1 / 3)],
    ]
    assert len(printed) == 101
    points = terminal.json("runs", "metrics", run, "loss", "--max-points", "10")
    assert 2 < len(points) <= 10
    assert points[0] == {"step": 1, "timestamp": 1, "value": 1.0}
    assert terminal.fails(3, "runs", "metrics", run, "acc")


def test_runs_are_compared_with_the_best_value_marked(terminal: Terminal, runs: list[str]) -> None:
    first, second = runs
    printed = terminal.ok("compare", first, second)
    tables = [rows(table) for table in printed.split("\n\n")]
    assert [row[1] for row in tables[0]] == ["ID", first, second]
    assert ["loss", "min", "0.5", "0.25*"] in tables[1]
    assert tables[2][1] == ["lr", "0.1", "0.2"]
    turned = terminal.json("compare", first, second, "--metric", "loss", "--goal", "loss=max")
    comparison = turned["comparison"]["metric_comparison"]
    assert list(comparison) == ["loss"]
    assert comparison["loss"]["best_run_id"] == first


def test_a_stream_is_logged_and_its_bad_lines_are_told(terminal: Terminal) -> None:
    lines = [
        b'{"loss": 0.5, "step": 3}',
        b"Epoch 1 of 3",
        b'{"loss": NaN, "acc": "Infinity"}',
        b"",
        b"[1]",
        b'{"loss": "low"}',
        b"\xff\xfe",
        b'{"eval": {"loss": 0.25}, "step": 9}',
    ]
    done = terminal.run("log", "a", "--end", "-", answers=b"\n".join(lines))
    assert done.exit_code == 1
    told = done.stderr.splitlines()
    assert told[0] == "trialbook: line 2: not JSON: Expecting value"
    assert [line.split(": ")[1] for line in told[:-1]] == ["line 2", "line 5", "line 6", "line 7"]
    assert told[-1] == "trialbook: 4 of 8 lines could not be logged"
    run = terminal.json("runs", "show", done.stdout.strip())
    assert run["status"] == "finished"
    assert run["metrics"] == {"loss": "NaN", "acc": "Infinity", "eval/loss": 0.25}
    assert {key: s["step"] for key, s in run["metric_summary"].items()} == {
        "loss": 4,
        "acc": 4,
        "eval/loss": 9,
    }


def test_what_cannot_be_logged_makes_no_run(terminal: Terminal) -> None:
    terminal.ok("experiments", "create", "a")
    for words in (("--metric", f"{'k' * 251}=1"), ("--param", f"k={'v' * 8001}")):
        assert "long" in terminal.fails(1, "log", "a", *words)
    assert terminal.json("runs", "list", "a") == []


def test_a_run_is_logged_to_again_and_its_steps_go_on(terminal: Terminal) -> None:
    run = terminal.ok("log", "a", "--metric", "loss=3").strip()
    assert terminal.ok("log", "a", "--run", run, "--metric", "loss=2").strip() == run
    terminal.ok("log", "--run", run, "--metric", "loss=1", "--step", "7")
    told = terminal.json("log", "--run", run, "--metric", "loss=0.5", "--param", "lr=1", "--end")
    assert told == {"run_id": run, "name": told["name"], "sent": True}
    points = terminal.json("runs", "metrics", run, "loss")
    assert [(p["step"], p["value"]) for p in points] == [(0, 3.0), (1, 2.0), (7, 1.0), (8, 0.5)]
    assert terminal.json("runs", "show", run)["status"] == "finished"
    terminal.ok("experiments", "create", "b")
    assert "not of the experiment" in terminal.fails(1, "log", "b", "--run", run)
    assert "lr" in terminal.run("log", "--run", run, "--param", "lr=2").stderr
    assert terminal.fails(3, "log", "--run", "0" * 32, "--metric", "x=1")
    assert terminal.fails(3, "log", "--run", "../x", "--metric", "x=1")


def test_what_is_logged_while_the_service_is_away_is_kept_and_synced(
    terminal: Terminal, bench: Bench
) -> None:
    run = terminal.ok("log", "a", "--metric", "loss=3").strip()
    bench.weather.away = True
    for words in (("log", "--run", run), ("log", "a", "--name", "late")):
        done = terminal.run(*words, "--metric", "loss=2")
        assert done.exit_code == 5
        assert "`trialbook sync` sends it" in done.stderr.splitlines()[-1]
        assert all(line.startswith("trialbook: ") for line in done.stderr.splitlines())
    done = terminal.run("sync")
    assert done.exit_code == 1
    assert "2 files are left" in done.stderr.splitlines()[-1]
    bench.weather.away = False
    assert "Sent 2 points" in terminal.ok("sync")
    assert terminal.ok("sync") == "Nothing is waiting\n"
    assert len(terminal.json("runs", "metrics", run, "loss")) == 2
    assert "late" in {r["name"] for r in terminal.json("runs", "list", "a")}


def test_sync_fails_when_something_was_refused(terminal: Terminal, bench: Bench) -> None:
    run = terminal.ok("log", "a", "--param", "lr=1").strip()
    bench.weather.away = True
    assert terminal.run("log", "--run", run, "--param", "lr=2").exit_code == 5
    bench.weather.away = False
    done = terminal.run("sync", "--json")
    assert done.exit_code == 1
    report = json.loads(done.stdout)
    assert (report["rejected"], report["left"]) == (1, 0)
    assert report["rejected_files"][0] in done.stderr
