"""A tree of 3,000 files: sent, rebuilt, killed half-way, looked at again."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.api.process import KEY, serving
from tests.client.artifact_places import plant, tree_of
from tests.client.byte_weather import ByteWeather
from trialbook._http import Api
from trialbook.artifacts.remote import RemoteArtifactStore
from trialbook.context import Context

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.integration]
COUNT = 3_000
DISTINCT = 400
"""Of their contents: sending them is not what takes long here."""


class Killed(BaseException):
    """Stands for the end of the process: nothing cleans up after it but the system."""


async def test_thousands_of_files_are_rebuilt_and_then_left_alone(tmp_path: Path) -> None:
    files = {
        f"shard{n % 50:02}/part {n}.txt": f"file {n % DISTINCT}".encode() for n in range(COUNT)
    }
    source = plant(tmp_path / "out", files)
    (tmp_path / "server").mkdir()
    with serving(tmp_path / "server") as server:
        weather = ByteWeather(httpx.AsyncHTTPTransport())
        api = Api(server.url, KEY, bytes_transport=weather)
        context = Context.of(api, progress=False, cache=tmp_path / "cache")
        saved = await context.artifacts().ingest_dir(source, kind="dataset")
        assert (saved.file_count, weather.count("PUT")) == (COUNT, DISTINCT)

        def stop(_: httpx.Request) -> None:
            if weather.count("GET") > COUNT // 2:
                raise Killed

        weather.befall = stop
        store = context.store
        assert isinstance(store, RemoteArtifactStore)
        with pytest.raises(Killed):
            await store.download_dir(saved, tmp_path / "tree")
        weather.befall = lambda _: None
        weather.requests.clear()
        fetched = await store.download_dir(saved, tmp_path / "tree")
        assert len(fetched) <= COUNT // 2 + 100
        assert weather.count("GET") == len(fetched) + 1  # and the manifest
        assert weather.most_open <= 16
        assert tree_of(tmp_path / "tree") == files
        weather.requests.clear()
        assert await store.download_dir(saved, tmp_path / "tree") == []
        assert weather.count("GET") == 1
        await api.close()
