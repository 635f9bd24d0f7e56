"""Uploads, downloads and the index of artifacts from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.client.harness import Bench
from tests.client.terminal import Terminal, rows


@pytest.fixture
def terminal(bench: Bench) -> Terminal:
    return Terminal(bench)


@pytest.fixture
def folder(home: Path) -> Path:
    """`plots`, with a file, and a file in a folder."""
    plots = home / "plots"
    (plots / "deep").mkdir(parents=True)
    (plots / "one.txt").write_text("one")
    (plots / "deep" / "two.txt").write_text("two")
    return plots


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_file_goes_to_a_run_and_comes_back(terminal: Terminal, home: Path) -> None:
    run = terminal.ok("log", "a").strip()
    (home / "model.bin").write_bytes(b"weights")
    terminal.ok("upload", run, "model.bin")
    sent = terminal.json("upload", run, "model.bin", "--path", "models/best.bin")
    assert (sent["path"], sent["size_bytes"]) == ("models/best.bin", 7)
    assert [f["path"] for f in terminal.json("runs", "files", run)] == ["models", "model.bin"]
    listed = terminal.ok("runs", "files", run, "models").splitlines()[1].split("\t")
    assert listed[:2] == ["models/best.bin", "7 B"]
    assert terminal.ok("download", run, "models/best.bin") == "best.bin  7 B\n"
    assert (home / "best.bin").read_bytes() == b"weights"
    uri = f"trialbook://runs/{run}/artifacts/models/best.bin"
    (home / "into").mkdir()
    for place, file in (("into", "into/best.bin"), ("new/", "new/best.bin"), ("x/y", "x/y")):
        told = terminal.json("download", uri, "-o", place)
        assert told == {"path": file, "is_dir": False, "files": 1, "fetched": 1, "size_bytes": 7}
        assert (home / file).read_bytes() == b"weights"


def test_a_file_with_other_bytes_is_replaced_only_by_force(terminal: Terminal, home: Path) -> None:
    run = terminal.ok("log", "a").strip()
    (home / "notes.txt").write_text("theirs")
    terminal.ok("upload", run, "notes.txt")
    assert terminal.ok("download", run, "notes.txt") == "notes.txt  6 B, it was there\n"
    (home / "notes.txt").write_text("mine")
    assert "--force" in terminal.fails(1, "download", run, "notes.txt")
    assert (home / "notes.txt").read_text() == "mine"
    terminal.ok("download", run, "notes.txt", "--force")
    assert (home / "notes.txt").read_text() == "theirs"
    (home / "folder" / "notes.txt").mkdir(parents=True)
    words = ("download", run, "notes.txt", "-o", "folder", "--force")
    assert "a folder is where" in terminal.fails(1, *words)
    (home / "secret").write_text("secret")
    (home / "link").symlink_to("secret")
    assert "--force" in terminal.fails(1, "download", run, "notes.txt", "-o", "link")
    terminal.ok("download", run, "notes.txt", "-o", "link", "--force")
    assert (home / "secret").read_text() == "secret"


def test_a_folder_goes_to_a_run_and_comes_back_whole_or_in_part(
    terminal: Terminal, folder: Path, home: Path
) -> None:
    run = terminal.ok("log", "a").strip()
    assert len(terminal.json("upload", run, "plots")) == 2
    terminal.ok("upload", run, "plots/deep", "--path", "other/")
    assert terminal.ok("download", run, "plots", "-o", "back") == "back  2 files, 6 B\n"
    assert tree(home / "back") == tree(folder)
    assert terminal.json("download", run, "plots/deep")["path"] == "deep"
    assert tree(home / "deep") == {"two.txt": "two"}
    terminal.ok("download", run, ".", "-o", "all")
    assert tree(home / "all") == {
        "plots/one.txt": "one",
        "plots/deep/two.txt": "two",
        "other/two.txt": "two",
    }
    assert terminal.fails(3, "download", run, "nothing")
    assert terminal.fails(3, "download", "0" * 32, "nothing")


def test_a_folder_is_completed_and_nothing_of_it_replaced_without_force(
    terminal: Terminal, folder: Path, home: Path
) -> None:
    made = terminal.json("upload", "--kind", "plots", "plots")
    assert (made["is_dir"], made["name"], made["file_count"]) == (True, "plots", 2)
    back = home / "back"
    back.mkdir()
    (back / "one.txt").write_text("one")
    (back / "mine.txt").write_text("mine")
    assert terminal.json("download", made["uri"], "-o", "back")["fetched"] == 1
    assert tree(back) == tree(folder) | {"mine.txt": "mine"}
    assert [path.name for path in home.glob("back*")] == ["back"]
    (back / "one.txt").write_text("changed")
    (back / "deep" / "two.txt").unlink()
    assert "one.txt" in terminal.fails(1, "download", made["uri"], "-o", "back")
    assert tree(back) == {"one.txt": "changed", "mine.txt": "mine"}
    assert terminal.json("download", made["artifact_id"], "-o", "back", "--force")["fetched"] == 2
    assert tree(back) == tree(folder) | {"mine.txt": "mine"}
    assert terminal.ok("download", f"{made['uri']}/deep/two.txt") == "two.txt  3 B\n"
    (home / "elsewhere").mkdir()
    (home / "trap").mkdir()
    (home / "trap" / "deep").symlink_to(home / "elsewhere")
    terminal.fails(1, "download", made["uri"], "-o", "trap", "--force")
    assert tree(home / "elsewhere") == {}


def test_an_artifact_is_indexed_with_all_that_is_said_of_it(terminal: Terminal, home: Path) -> None:
    (home / "model.bin").write_bytes(b"weights")
    words = [
        *("upload", "--kind", "model", "model.bin", "--name", "best.bin", "--pin"),
        *("--tag", "a", "--tag", "b", "--label", "stage=prod", "--metric", "f1=0.9"),
        *("--metric", "loss=inf", "--run-id", "r", "--tool-name", "trainer", "--org-id", "o"),
        *("--description", "tells who may leave"),
    ]
    made = terminal.json(*words)
    assert (home / "model.bin").exists()
    wanted: dict[str, Any] = {
        "kind": "model",
        "name": "best.bin",
        "pinned": True,
        "tags": ["a", "b"],
        "labels": {"stage": "prod"},
        "metrics": {"f1": 0.9, "loss": "Infinity"},
        "run_id": "r",
        "tool_name": "trainer",
        "org_id": "o",
        "description": "tells who may leave",
    }
    assert made | wanted == made
    assert terminal.json("artifacts", "show", made["uri"]) == made
    assert ["description", "tells who may leave"] in rows(
        terminal.ok("artifacts", "show", made["uri"])
    )
    printed = terminal.ok(*words)
    assert printed.split("\t")[1].strip() == f"trialbook://artifacts/{printed[:32]}"
    assert terminal.ok("download", made["artifact_id"]) == "best.bin  7 B\n"


def test_artifacts_are_found_by_filters_and_metrics(terminal: Terminal, home: Path) -> None:
    (home / "f").write_text("f")
    made: list[str] = []
    for number, run in ((0.5, "r1"), (0.75, "r1"), (0.25, "r2")):
        words = ("upload", "--kind", "model", "f", "--metric", f"f1={number}", "--run-id", run)
        made.append(terminal.json(*words, "--tag", "t", "--label", f"n={number}")["artifact_id"])
    terminal.ok("upload", "--kind", "note", "f", "--pin")

    def found(*words: str) -> list[str]:
        return [artifact["artifact_id"] for artifact in terminal.json("artifacts", *words)]

    assert len(found("list")) == 4
    assert len(found("list", "--limit", "2")) == 2
    assert found("list", "--kind", "model", "--run-id", "r1") == [made[1], made[0]]
    assert found("list", "--label", "n=0.25", "--tag", "t") == [made[2]]
    assert len(found("list", "--pinned")) == 1
    assert found("list", "--unpinned", "--run-id", "r2") == [made[2]]
    assert found("search", "--metric", "f1") == [made[1], made[0], made[2]]
    assert found("search", "--metric", "f1", "--metric-mode", "min", "--limit", "1") == [made[2]]
    assert len(found("search", "--time-window", "1h")) == 4
    best = ("best", "--kind", "model", "--metric", "f1")
    assert terminal.json("artifacts", *best)["artifact_id"] == made[1]
    smallest = terminal.json("artifacts", *best, "--metric-mode", "min")
    assert smallest["artifact_id"] == made[2]
    table = [row.split("\t") for row in terminal.ok("artifacts", "list").splitlines()]
    assert table[0][:3] == ["ID", "KIND", "NAME"]
    assert table[2][0] == made[2]
    assert terminal.fails(3, "artifacts", *best, "--tag", "no")
    assert "--kind" in terminal.fails(2, "artifacts", "best", "--metric", "f1")
    assert "--metric" in terminal.fails(2, "artifacts", "search", "--metric-mode", "min")
    assert "time_window" in terminal.fails(1, "artifacts", "search", "--time-window", "2w")


@pytest.mark.parametrize("mode", [None, "lexical", "semantic", "hybrid"])
def test_artifacts_are_found_by_text(terminal: Terminal, home: Path, mode: str | None) -> None:
    (home / "f").write_bytes(b"\0")
    saved = ("upload", "--kind", "model", "f", "--name")
    about = ("--description", "tells which customers cancel", "--run-id", "r1")
    churn = terminal.json(*saved, "churn.pkl", *about)
    vision = terminal.json(*saved, "vision.pt", "--metric", "f1=0.5")
    by_mode = () if mode is None else ("--mode", mode)

    def found(*words: str) -> list[dict[str, Any]]:
        return terminal.json("artifacts", "search", *words, *by_mode)

    first = found("customers who cancel")[0]
    assert first["artifact_id"] == churn["artifact_id"]
    assert first | churn == first
    assert first["why"].pop("words") == ["customers", "cancel"]
    rankings = {mode} if mode in {"lexical", "semantic"} else {"lexical", "semantic"}
    assert first["why"].keys() == rankings
    assert {place["rank"] for place in first["why"].values()} == {1}
    assert [one["name"] for one in found("model", "--metric", "f1")] == ["vision.pt"]
    assert [one["name"] for one in found("model", "--run-id", "r1")] == ["churn.pkl"]
    assert len(found("model", "--limit", "1", "--time-window", "90s")) == 1
    printed = rows(terminal.ok("artifacts", "search", "vision", "--metric", "f1", *by_mode))
    assert printed[0][:7] == ["ID", "KIND", "NAME", "SCORE", "WORDS", "f1", "SIZE"]
    assert printed[1][0] == vision["artifact_id"]
    assert float(printed[1][3]) == found("vision", "--metric", "f1")[0]["score"]
    assert printed[1][4:6] == ["vision", "0.5"]


def test_a_search_without_text_has_the_metric_as_its_score(terminal: Terminal, home: Path) -> None:
    (home / "f").write_text("f")
    terminal.ok("upload", "--kind", "model", "f", "--metric", "f1=0.5")
    for words, score, why in (
        ((), None, {}),
        (("",), None, {}),
        (("--metric", "f1"), 0.5, {"metric": "f1", "value": 0.5}),
    ):
        (only,) = terminal.json("artifacts", "search", *words)
        assert (only["score"], only["why"]) == (score, why)
    assert "SCORE" not in rows(terminal.ok("artifacts", "search", "--metric", "f1"))[0]
    for words in ((), ("",), ("--metric", "f1")):
        assert "give TEXT" in terminal.fails(2, "artifacts", "search", "--mode", "lexical", *words)
    words = ("artifacts", "search", "x", "--metric", "f1", "--metric-mode", "min")
    assert "no TEXT" in terminal.fails(2, *words)


def test_an_artifact_is_pinned_changed_and_deleted(terminal: Terminal, home: Path) -> None:
    (home / "f").write_text("f")
    made = terminal.json("upload", "--kind", "note", "f", "--tag", "a", "--label", "x=1")
    artifact = made["artifact_id"]
    assert terminal.ok("artifacts", "pin", artifact) == f"Pinned {artifact}\n"
    assert terminal.json("artifacts", "show", artifact)["pinned"] is True
    assert terminal.json("artifacts", "unpin", artifact)["pinned"] is False
    changed = terminal.json(
        *("artifacts", "update", artifact, "--tag", "b", "--tag", "c", "--label", "y=2"),
        *("--remove-label", "x", "--metric", "f1=1"),
    )
    assert (changed["tags"], changed["labels"], changed["metrics"]) == (
        ["b", "c"],
        {"y": "2"},
        {"f1": 1.0},
    )
    words = ("artifacts", "update", artifact, "--no-tags", "--remove-metric", "f1")
    assert terminal.json(*words)["tags"] == []
    words = ("artifacts", "update", artifact, "--description")
    assert terminal.json(*words, "of today")["description"] == "of today"
    assert terminal.json(*words, "")["description"] is None
    assert "nothing to change" in terminal.fails(2, "artifacts", "update", artifact)
    assert "--yes" in terminal.fails(2, "artifacts", "delete", artifact)
    asked = terminal.run("artifacts", "delete", artifact, answers="n\n", interactive=True)
    assert (asked.exit_code, "for good?" in asked.stderr) == (1, True)
    asked = terminal.run("artifacts", "delete", artifact, answers="y\n", interactive=True)
    assert asked.stdout.endswith(f"Deleted {artifact}\n")
    for words in (
        ("show", artifact),
        ("pin", artifact),
        ("update", artifact, "--no-tags"),
        ("delete", artifact, "--yes"),
    ):
        assert "no such artifact" in terminal.fails(3, "artifacts", *words)
    assert "give its path too" in terminal.fails(3, "download", artifact)


WRONG = [
    ("upload x", "a run and a file"),
    ("upload x missing", "no such file"),
    ("upload --kind k missing", "no such file"),
    ("upload --kind k x f", "one file or folder"),
    ("upload --kind k f --path p", "--path"),
    ("upload x f --tag t", "--kind"),
    ("upload x f --run-id r", "--run-id"),
    ("upload x f --description d", "--description"),
    ("upload --kind k f --label x", "KEY=VALUE"),
    ("download s3://bucket/key", "only trialbook://"),
    ("download ftp://host/key", "ftp://"),
    ("download trialbook://nothing", "trialbook://"),
    ("download trialbook://artifacts/x y", "the path in it"),
]


def test_what_makes_no_sense_is_said_before_anything_is_sent(
    terminal: Terminal, bench: Bench, home: Path
) -> None:
    (home / "f").write_text("f")
    for words, said in WRONG:
        assert said in terminal.fails(2, *words.split())
    assert not bench.weather.sent("POST", "uploads")


def test_a_folder_that_cannot_be_sent_whole_says_how_far_it_came(
    terminal: Terminal, bench: Bench, folder: Path
) -> None:
    run = terminal.ok("log", "a").strip()
    (folder / "deep" / "two.txt").unlink()
    (folder / "three.txt").symlink_to("one.txt")
    assert "symbolic link" in terminal.fails(1, "upload", run, "plots")
    (folder / "three.txt").unlink()
    (folder / "two.txt").write_text("two")

    def refuse(request: httpx.Request) -> None:
        if b"plots/two.txt" in request.content:
            raise httpx.ConnectError("connection refused", request=request)

    bench.weather.before = refuse
    assert "files are uploaded; then plots/two.txt" in terminal.fails(5, "upload", run, "plots")
    bench.weather.before = None
    assert terminal.ok("upload", run, "plots") == "plots  2 files, 6 B\n"
    assert len(terminal.json("runs", "files", run, "plots")) == 2
