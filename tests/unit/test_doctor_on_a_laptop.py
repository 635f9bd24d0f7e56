"""`python -m local ops doctor` on a home, whole and broken."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

import pytest

from chalicelib import wiring
from chalicelib.core.context import Clock, Role
from chalicelib.domain import api_keys
from chalicelib.storage.signing_key import signing_key
from local import command, doctor
from local.disk_blobs import DiskBlobs
from local.home import Home
from local.sqlite_table import SqliteTable


class Laptop:
    """A home, and the command on it."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = Home(path)
        self._capsys = capsys

    def run(self) -> tuple[int, list[str]]:
        """The exit status, and what is not ok. The disk's room is the machine's business."""
        status = command.run(["ops", "doctor", "--json"])
        out, err = self._capsys.readouterr()
        assert err == ""
        found = json.loads(out)["checks"]
        return status, [
            f"{one['state']}: {one['what']}"
            for one in found
            if one["state"] != "ok" and "MiB" not in one["what"]
        ]

    def opened(self) -> tuple[SqliteTable, wiring.Services]:
        clock = Clock()
        table = SqliteTable(self.home.table_file, clock)
        blobs = DiskBlobs(self.home.blobs_folder, "", signing_key(table, clock), clock)
        return table, wiring.services_on(table, blobs, clock)


@pytest.fixture
def laptop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Generator[Laptop]:
    monkeypatch.setenv("TRIALBOOK_HOME", str(tmp_path / "home"))
    laptop = Laptop(tmp_path / "home", capsys)
    table, services = laptop.opened()
    api_keys.create(services.api_keys, services.clock, "acme", "ada", Role.ADMIN)
    table.close()
    umask = os.umask(0o077)  # the command sets its own
    yield laptop
    os.umask(umask)


def test_a_home_as_the_server_makes_it_is_healthy(laptop: Laptop) -> None:
    assert laptop.run() == (0, [])
    assert not [path for path in laptop.home.path.iterdir() if "doctor" in path.name]
    assert not [path for path in laptop.home.blobs_folder.rglob("*") if path.is_file()]


def test_it_is_told_in_lines(laptop: Laptop, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(["ops", "doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ok       the home can be written"
    assert "ok       the table is whole" in lines


def test_while_it_is_written_to_it_is_healthy_too(laptop: Laptop) -> None:
    table, services = laptop.opened()
    with table.together():
        api_keys.create(services.api_keys, services.clock, "acme", "bob", Role.READ)
    assert laptop.run() == (0, [])
    table.close()


def _with_a_page_of_nothing(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * 4096)


def _with_an_index_that_misses_rows(path: Path) -> None:
    """The index is forgotten, rows are deleted, and it is remembered."""

    def edit(sql: str, *arguments: object) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("PRAGMA writable_schema = ON")
            return connection.execute(sql, arguments).fetchall()

    (index,) = edit("SELECT * FROM sqlite_master WHERE name = 'items_listed'")
    edit("DELETE FROM sqlite_master WHERE name = 'items_listed'")
    edit("DELETE FROM items WHERE pk LIKE 'key#%'")
    edit("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", *index)


@pytest.mark.parametrize(
    "damage, expected",
    [
        (_with_a_page_of_nothing, "failed: the table cannot be read: SQLITE_CORRUPT"),
        (
            _with_an_index_that_misses_rows,
            "failed: the table is damaged: ['wrong # of entries in index items_listed']",
        ),
    ],
)
def test_a_damaged_table_is_found(
    laptop: Laptop, damage: Callable[[Path], None], expected: str
) -> None:
    table, services = laptop.opened()
    for _ in range(100):
        api_keys.create(services.api_keys, services.clock, "acme", "ada", Role.ADMIN)
    table.checkpoint()
    table.close()
    damage(laptop.home.table_file)
    status, bad = laptop.run()
    assert (status, bad[0]) == (1, expected)


@pytest.mark.parametrize("content", [b"this is no database" * 400, None])
def test_a_table_that_is_none_is_found(laptop: Laptop, content: bytes | None) -> None:
    for path in laptop.home.path.glob("trialbook.sqlite*"):
        path.unlink()
    if content is not None:
        laptop.home.table_file.write_bytes(content)
    status, bad = laptop.run()
    assert status == 1
    if content is None:
        assert bad[0] == "failed: there is no table yet"
        assert bad[1] == "failed: there is no valid admin key"
    else:
        assert bad[0] == "failed: the table cannot be read: SQLITE_NOTADB"
        assert bad[1].startswith("failed: the store does not open: ")


def test_a_home_open_to_others_is_a_warning(laptop: Laptop) -> None:
    laptop.home.path.chmod(0o755)
    assert laptop.run() == (0, ["warning: others on this machine may look into the home"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written_is_found(laptop: Laptop) -> None:
    laptop.home.path.chmod(0o500)
    status, bad = laptop.run()
    laptop.home.path.chmod(0o700)
    assert status == 1
    assert bad[0] == "failed: the home cannot be written: permission denied"


def test_a_home_that_is_gone_is_found(tmp_path: Path) -> None:
    home = Home(tmp_path / "gone")
    home.path.rmdir()
    (finding,) = doctor.writable(home, Clock())
    assert finding.what == "the home cannot be written: no such file or directory"


@pytest.mark.parametrize("free_mib, state", [(99, "failed"), (1023, "warning"), (1024, "ok")])
def test_a_full_disk_is_found(free_mib: int, state: str) -> None:
    (finding,) = doctor.free_disk(free_mib)
    assert finding.state == state


def test_blobs_that_cannot_be_written_are_found(laptop: Laptop) -> None:
    writing = laptop.home.blobs_folder / "writing"
    writing.rmdir()
    writing.write_bytes(b"a file where a folder should be")
    status, bad = laptop.run()
    assert status == 1
    assert bad == ["failed: the blobs: the disk cannot take the blob: not a directory"]


def test_what_was_not_delivered_is_a_warning(laptop: Laptop) -> None:
    table, services = laptop.opened()
    services.undelivered.send("{}", "a reason")
    services.arrivals.send("{}")
    table.close()
    assert laptop.run() == (0, ["warning: the queue of undelivered answers and holds 1"])


def test_without_an_admin_key_nobody_can_make_one(laptop: Laptop) -> None:
    table, services = laptop.opened()
    (key,) = services.api_keys.of_tenant(next(services.retention.tenants()).id)
    api_keys.revoke(services.api_keys, services.clock, None, key.key_id)
    table.close()
    assert laptop.run() == (1, ["failed: there is no valid admin key"])
