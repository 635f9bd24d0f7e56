"""The commands that define, assign, log, list and export variants."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.client.harness import Bench
from tests.client.terminal import Terminal, completed, rows

REFUSED = [
    (2, "experiments create x --variant A", "KEY=VALUE"),
    (2, "experiments create x --variant A=half", "KEY=NUMBER"),
    (2, "experiments create x --variant A=100 --payload B={}", "a variant that there is not: B"),
    (2, "experiments create x --variant A=100 --payload A=blue", "JSON object"),
    (2, "experiments create x --guardrail latency_ms=much", "5% or 20"),
    (2, "experiments create x --status running", "--status"),
    (1, "experiments create x --variant A=60 --variant B=60", "100"),
    (1, "experiments update checkout --status draft", "draft"),
    (1, "experiments update checkout --unit-key session_id", "fixed once"),
    (3, "variants assign nothing ada", "no such experiment"),
    (2, "variants log checkout A --metric latency_ms=low", "KEY=NUMBER"),
    (2, "variants log checkout A --input [1]", "JSON object"),
    (1, "variants log checkout A --log-id log_1", "ULID"),
    (1, "variants log checkout A --timestamp -1", "timestamp"),
    (2, "variants outcome checkout log_1", "--metric"),
    (3, "variants outcome checkout log_00000000000000000000000000 --metric a=1", "no such log"),
    (3, "variants logs nothing", "no such experiment"),
    (1, "variants logs checkout --where latency_ms", "name>number"),
    (1, "variants logs checkout --since yesterday", "RFC 3339"),
    (3, "variants export nothing logs.jsonl", "no such experiment"),
    (3, "results nothing", ""),
    (2, "results checkout --confidence 95", "--confidence"),
]


@pytest.fixture
def terminal(bench: Bench) -> Terminal:
    terminal = Terminal(bench)
    terminal.ok(
        *("experiments", "create", "Checkout", "--variant", "A=50", "--variant", "B=50"),
        *("--payload", 'B={"color": "blue"}', "--status", "active", "--goal", "revenue=max"),
        *("--unit-key", "user_id", "--dimension", "country", "--dimension", "device"),
        *("--guardrail", "latency_ms=5%", "--guardrail", "errors=2", "--planned-units", "1000"),
    )
    return terminal


def test_an_ab_test_is_defined_by_options(terminal: Terminal) -> None:
    made = terminal.json("experiments", "show", "checkout")
    assert [(v["key"], v["weight"], v["payload"]) for v in made["variants"]] == [
        ("A", 50.0, {}),
        ("B", 50.0, {"color": "blue"}),
    ]
    assert (made["status"], made["unit_key"], made["planned_units"]) == ("active", "user_id", 1000)
    assert made["dimensions"] == ["country", "device"]
    assert made["guardrails"] == {
        "latency_ms": {"margin": 0.05, "kind": "relative"},
        "errors": {"margin": 2.0, "kind": "absolute"},
    }
    shown = rows(terminal.ok("experiments", "show", "checkout"))
    for row in (
        ["variants", "A=50%"],
        ["payloads", 'B={"color": "blue"}'],
        ["guardrails", "latency_ms=5%"],
        ["guardrails", "errors=2"],
        ["dimensions", "device"],
        ["unit key", "user_id"],
    ):
        assert row in shown


def test_new_weights_keep_what_variants_have(terminal: Terminal) -> None:
    changed = terminal.json(
        *("experiments", "update", "checkout", "--variant", "A=10", "--variant", "B=90"),
        *("--status", "paused"),
    )
    assert [(v["weight"], v["payload"]) for v in changed["variants"]] == [
        (10.0, {}),
        (90.0, {"color": "blue"}),
    ]
    assert changed["status"] == "paused"
    shown = rows(terminal.ok("experiments", "show", "checkout"))
    assert [row[1].split("  ")[1] for row in shown if row[0] == "weight changes"] == ["A=10% B=90%"]
    changed = terminal.json("experiments", "update", "checkout", "--payload", 'A={"n": 1}')
    assert [(v["weight"], v["payload"]) for v in changed["variants"]] == [
        (10.0, {"n": 1}),
        (90.0, {"color": "blue"}),
    ]


@pytest.mark.parametrize("code, words, said", REFUSED)
def test_what_cannot_be_done_is_said_in_a_line(
    terminal: Terminal, code: int, words: str, said: str
) -> None:
    assert said.lower() in terminal.fails(code, *words.split()).lower()


def test_a_user_is_assigned_and_a_log_written_and_completed(terminal: Terminal) -> None:
    variant = terminal.ok("variants", "assign", "checkout", "ada").strip()
    found = terminal.json("variants", "assign", "checkout", "ada", "--context", "country=DE")
    assert found == {"variant": variant, "payload": {"color": "blue"} if variant == "B" else {}}
    log_id = terminal.ok(
        *("variants", "log", "checkout", variant, "--unit", "ada", "--metric", "latency_ms=212"),
        *("--context", "country=DE", "--covariate", "latency_ms=200", "--input", '{"q": [1]}'),
        *("--output", '{"ok": true}'),
    ).strip()
    again = terminal.json(
        "variants", "log", "checkout", "B", "--unit", "bob", "--metric", "latency_ms=NaN"
    )
    assert again == {"log_id": again["log_id"], "sent": True}
    assert terminal.json("variants", "outcome", "checkout", log_id, "--metric", "rating=5") == {
        "log_id": log_id,
        "metrics": {"rating": 5.0},
    }
    [log] = terminal.json("variants", "logs", "checkout", "--where", "latency_ms>100")
    assert (log["logId"], log["variantKey"], log["unitId"]) == (log_id, variant, "ada")
    assert log["metrics"] == {"latency_ms": 212.0, "rating": 5.0}
    assert (log["input"], log["output"], log["context"], log["covariates"]) == (
        *({"q": [1]}, {"ok": True}, {"country": "DE"}, {"latency_ms": 200.0}),
    )
    printed = rows(terminal.ok("variants", "logs", "checkout", "--variant", variant))
    assert printed[0] == ["LOG", "VARIANT", "TIME", "UNIT", "METRICS", "CONTEXT"]
    assert [log_id, variant, "ada", "country=DE"] in [[*row[:2], row[3], row[5]] for row in printed]


def test_a_list_of_logs_says_when_there_is_more(terminal: Terminal) -> None:
    for number in range(3):
        terminal.ok("variants", "log", "checkout", "A", "--metric", f"n={number}")
    done = terminal.run("variants", "logs", "checkout", "--limit", "2")
    assert len(rows(done.stdout)) == 3
    assert "2 are shown" in done.stderr
    assert terminal.run("variants", "logs", "checkout", "--limit", "3").stderr == ""


def test_a_log_that_the_service_refuses_is_told(terminal: Terminal) -> None:
    done = terminal.run("variants", "log", "checkout", "C")
    assert done.exit_code == 1
    assert "it has A, B" in done.stderr.splitlines()[-1]
    assert "no such experiment" in terminal.run("variants", "log", "nothing", "A").stderr


def test_what_is_logged_while_the_service_is_away_is_kept_and_synced(
    terminal: Terminal, bench: Bench
) -> None:
    bench.weather.away = True
    done = terminal.run("variants", "log", "checkout", "A", "--unit", "ada")
    assert done.exit_code == 5
    assert "`trialbook sync` sends it" in done.stderr.splitlines()[-1]
    bench.weather.away = False
    assert terminal.ok("sync") == "Sent 1 logs of variants in 1 batches; 1 files are done\n"
    [log] = terminal.json("variants", "logs", "checkout")
    assert log["logId"] == done.stdout.strip()


def test_logs_are_exported_to_a_file(terminal: Terminal, bench: Bench, tmp_path: Path) -> None:
    stamps = [str(bench.service.clock.now_ms() - 1000 + n) for n in range(3)]
    ids = [
        terminal.ok("variants", "log", "checkout", "A", "--timestamp", stamp).strip()
        for stamp in stamps
    ]
    path = tmp_path / "logs.jsonl"
    told = terminal.ok("variants", "export", "checkout", str(path), "--since", stamps[1])
    assert told.startswith(f"{path}  ")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["logId"] for line in lines] == [ids[2], ids[1]]
    assert terminal.json("variants", "export", "checkout", str(path), "--variant", "B") == {
        "path": str(path),
        "size_bytes": 0,
    }


def test_slugs_and_variants_are_completed(
    terminal: Terminal, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert completed(terminal, monkeypatch, "trialbook variants logs ch") == ["checkout"]
    assert completed(terminal, monkeypatch, "trialbook results ch") == ["checkout"]
    log = "trialbook variants log checkout "
    assert completed(terminal, monkeypatch, log) == ["A", "B"]
    results = "trialbook results checkout --baseline "
    assert completed(terminal, monkeypatch, results) == ["A", "B"]
    bench.weather.away = True
    assert completed(terminal, monkeypatch, log) == []
