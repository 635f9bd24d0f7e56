"""What is told of a transfer while it goes on, and what a terminal shows."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console

from tests.client.artifact_places import api_over, plant
from tests.client.byte_weather import ByteWeather, first, lost
from tests.client.harness import AsyncFilesTransport, Bench
from trialbook.context import Context
from trialbook.transfer.bars import Bar
from trialbook.transfer.progress import SHOWN_FROM_BYTES, Silent, shown


@dataclass
class Told:
    """Remembers what it was told of each transfer: label, total, done, whether it is over."""

    transfers: list[list[object]] = field(default_factory=list[list[object]])

    def begin(self, total_bytes: int, label: str) -> None:
        self.transfers.append([label, total_bytes, 0, False])

    def advance(self, n: int) -> None:
        done = self.transfers[-1][2]
        assert isinstance(done, int)
        self.transfers[-1][2] = done + n

    def end(self) -> None:
        self.transfers[-1][3] = True


@pytest.mark.anyio
async def test_every_byte_is_told_once_however_often_it_was_sent(
    bench: Bench, tmp_path: Path
) -> None:
    told = Told()
    weather = ByteWeather(AsyncFilesTransport(bench.service.files), first(2, lost))
    api = api_over(bench, weather)
    artifacts = Context.of(api, progress=told, cache=tmp_path / "cache").artifacts()
    path = tmp_path / "model.bin"
    path.write_bytes(b"x" * 1000)
    saved = await artifacts.save_file(path, kind="model", name="best.bin")
    await artifacts.as_local_file(saved)
    folder = await artifacts.ingest_dir(plant(tmp_path / "out", {"a": b"aa", "b": b"bbb"}))
    await artifacts.as_local_dir(folder)
    assert told.transfers == [
        ["hash model.bin", 1000, 1000, True],
        ["model.bin", 1000, 1000, True],
        ["best.bin", 1000, 1000, True],
        ["out", 5, 5, True],
        [folder.artifact_id, 5, 5, True],
    ]


@pytest.mark.anyio
async def test_a_transfer_that_fails_is_over_too(bench: Bench, tmp_path: Path) -> None:
    told = Told()
    api = api_over(bench, ByteWeather(AsyncFilesTransport(bench.service.files), lost))
    artifacts = Context.of(api, progress=told, cache=tmp_path / "cache").artifacts()
    path = tmp_path / "model.bin"
    path.write_bytes(b"x")
    with pytest.raises(Exception, match="did not answer"):
        await artifacts.save_file(path, kind="model")
    assert told.transfers[-1] == ["model.bin", 1, 0, True]


def test_without_a_terminal_nothing_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with shown(None, SHOWN_FROM_BYTES * 10, "big") as progress:
        progress.advance(SHOWN_FROM_BYTES)
    assert isinstance(progress, Silent)
    assert capfd.readouterr() == ("", "")


def test_a_terminal_shows_a_bar_for_what_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Terminal())
    with shown(None, SHOWN_FROM_BYTES, "small") as small:
        assert isinstance(small, Silent)
    with shown(None, SHOWN_FROM_BYTES + 1, "large") as large:
        assert isinstance(large, Bar)
    with shown(False, SHOWN_FROM_BYTES + 1, "large") as off:
        assert isinstance(off, Silent)


def test_a_bar_shows_the_name_as_it_is() -> None:
    terminal = Terminal()
    bar = Bar(Console(file=terminal, force_terminal=True, width=120))
    bar.begin(100, "[red]model[/red].bin")
    bar.advance(100)
    bar.end()
    assert "[red]model[/red].bin" in terminal.getvalue()
    assert "100/100 bytes" in terminal.getvalue()


@pytest.mark.slow
def test_bars_and_boto3_are_imported_only_when_they_are_used() -> None:
    code = (
        "import sys, trialbook.context, trialbook.transfer, trialbook.artifacts.remote\n"
        "import trialbook.artifacts.local, trialbook.artifacts.sync\n"
        "print({'trialbook.transfer.bars', 'boto3', 'typer'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True
