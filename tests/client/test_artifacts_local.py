"""What only artifacts on this machine have: one folder, many processes, no server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.artifact_places import local
from trialbook.artifacts.ids import new_id
from trialbook.context import local_context

pytestmark = pytest.mark.anyio

WRITER = """
import asyncio, sys
from trialbook.context import local_context

async def main():
    artifacts = local_context(sys.argv[1], run_id="r").artifacts()
    for number in range(25):
        await artifacts.save_text(f"text {number}", name=f"{sys.argv[2]} {number}")

asyncio.run(main())
"""


@pytest.mark.slow
async def test_processes_that_save_at_once_lose_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(folder), name]) for name in "abc"
    ]
    for writer in writers:
        assert await asyncio.to_thread(writer.wait, 60) == 0
    artifacts = local_context(folder, run_id="r").artifacts()
    found = await artifacts.list()
    assert {one.name for one in found} == {f"{w} {n}" for w in "abc" for n in range(25)}
    assert len(list((folder / "blobs").rglob("*"))) - len(list((folder / "blobs").iterdir())) == 25
    for one in found:
        assert str(one.name).endswith((await artifacts.load_text_by_id(one.artifact_id))[5:])


async def test_tasks_that_change_one_artifact_at_once_lose_nothing(tmp_path: Path) -> None:
    context = local(tmp_path).of()
    saved = await context.artifacts().save_text("x")
    index = context.index
    assert index is not None
    await asyncio.gather(*(index.patch(saved.artifact_id, labels={f"{n}": n}) for n in range(20)))
    changed = await index.get(saved.artifact_id)
    assert changed is not None
    assert changed.labels == {f"{n}": n for n in range(20)}


async def test_nothing_is_made_before_it_is_needed(tmp_path: Path) -> None:
    local_context(tmp_path / "later").artifacts()
    assert not (tmp_path / "later").exists()


async def test_stored_bytes_are_read_only_and_named_links_cost_nothing(tmp_path: Path) -> None:
    artifacts = local_context(tmp_path / "kept").artifacts()
    saved = await artifacts.save_text("x", name="a.txt")
    path = Path(await artifacts.as_local_file(saved))
    assert path.name == "a.txt"
    assert path.stat().st_mode & 0o222 == 0
    assert path.stat().st_nlink == 2


async def test_a_run_s_file_needs_a_server(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at a server"):
        await local_context(tmp_path).artifacts().load_bytes("trialbook://runs/r/artifacts/x")


def test_ids_are_in_the_order_of_time() -> None:
    ids = [new_id(ms) for ms in (0, 1, 1_800_000_000_000, (1 << 48) - 1)]
    assert ids == sorted(ids)
    assert all(len(one) == 32 and one[12] == "7" for one in ids)
