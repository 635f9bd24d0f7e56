"""An MLflow server, read over its REST API."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from trialbook.imports.source import Point, SourceExperiment, SourceFailed, SourceFile, SourceRun

if TYPE_CHECKING:
    import httpx

_API: Final = "/api/2.0/mlflow"
_RETRIED: Final = frozenset({408, 429, 500, 502, 503, 504})
ATTEMPTS: Final = 5
_PAGE: Final = 1000
_POINTS: Final = 25_000
_PIECE_BYTES: Final = 1 << 20


class MlflowServer:
    """A `Source`. The address may carry `user:password@` and a path."""

    def __init__(
        self, url: str, token: str | None, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        import httpx

        parts = urlsplit(url)
        place = parts.netloc.rpartition("@")[2]
        self.name = urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", ""))
        headers: dict[str, str] = {}
        if parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        elif token:
            headers["authorization"] = f"Bearer {token}"
        self._client = httpx.AsyncClient(
            base_url=self.name,
            headers=headers,
            timeout=httpx.Timeout(120, connect=30, pool=None),
            # what is stored elsewhere is redirected to, without these headers
            follow_redirects=True,
            transport=transport,
        )

    async def experiments(self) -> AsyncGenerator[SourceExperiment]:
        asked = {"max_results": _PAGE, "view_type": "ACTIVE_ONLY"}
        async for found in self._pages("experiments/search", asked, "experiments"):
            yield SourceExperiment(found["experiment_id"], found["name"], _pairs(found, "tags"))

    async def runs(self, experiment: SourceExperiment) -> AsyncGenerator[SourceRun]:
        asked = {"experiment_ids": [experiment.id], "max_results": _PAGE}
        async for found in self._pages("runs/search", asked, "runs"):
            info, data = found["info"], found.get("data", {})
            tags = _pairs(data, "tags")
            end_time = int(info.get("end_time") or 0)
            yield SourceRun(
                info.get("run_id") or info["run_uuid"],
                info.get("run_name") or tags.get("mlflow.runName", ""),
                info.get("status", "RUNNING"),
                int(info.get("start_time") or 0),
                end_time or None,
                info.get("user_id", ""),
                info.get("artifact_uri", ""),
                tags,
                _pairs(data, "params"),
                tuple(sorted({each["key"] for each in data.get("metrics", ())})),
            )

    async def history(self, run: SourceRun, key: str) -> list[Point]:
        asked = {"run_id": run.id, "metric_key": key, "max_results": _POINTS}
        pages = self._pages("metrics/get-history", asked, "metrics", method="GET")
        return sorted(
            [
                Point(int(each.get("step") or 0), int(each["timestamp"]), float(each["value"]))
                async for each in pages
            ]
        )

    async def files(self, run: SourceRun) -> list[SourceFile]:
        found: list[SourceFile] = []
        folders: list[str | None] = [None]
        while folders:
            asked = {"run_id": run.id, "path": folders.pop()}
            async for each in self._pages("artifacts/list", asked, "files", method="GET"):
                if each.get("is_dir"):
                    folders.append(each["path"])
                else:
                    found.append(SourceFile(each["path"], int(each.get("file_size") or 0)))
        return sorted(found)

    async def fetch(self, run: SourceRun, file: SourceFile, folder: Path) -> Path:
        parts = urlsplit(run.artifact_uri)
        if parts.scheme == "mlflow-artifacts":
            below = f"{parts.path.strip('/')}/{file.path}"
            path, query = f"/api/2.0/mlflow-artifacts/artifacts/{quote(below)}", {}
        else:
            # the server reads its own store for its page
            path, query = "/get-artifact", {"run_id": run.id, "path": file.path}
        place = folder / "fetched"
        for attempt in range(1, ATTEMPTS + 1):
            if await self._fetched(path, query, place, attempt == ATTEMPTS):
                break
            await asyncio.sleep(0.5 * 2**attempt)
        size_bytes = place.stat().st_size
        if size_bytes != file.size_bytes:
            sizes = f"size={size_bytes} listed={file.size_bytes}"
            raise SourceFailed(f"{self.name} sent a file of another size: {file.path} {sizes}")
        return place

    async def close(self) -> None:
        await self._client.aclose()

    async def _fetched(self, path: str, query: dict[str, str], place: Path, is_last: bool) -> bool:
        import httpx

        try:
            async with self._client.stream("GET", path, params=query or None) as response:
                if response.is_success:
                    with place.open("wb") as file:
                        async for piece in response.aiter_bytes(_PIECE_BYTES):
                            await asyncio.to_thread(file.write, piece)
                    return True
                if response.status_code not in _RETRIED or is_last:
                    await response.aread()
                    raise self._failure(response)
        except httpx.RequestError as error:
            if is_last:
                raise SourceFailed(f"{self.name} did not answer: {_told(error)}") from None
        return False

    async def _pages(
        self, path: str, asked: Mapping[str, Any], field: str, *, method: str = "POST"
    ) -> AsyncGenerator[dict[str, Any]]:
        token = None
        while True:
            page = await self._call(method, path, {**asked, "page_token": token})
            for each in cast("list[dict[str, Any]]", page.get(field) or ()):
                yield each
            token = page.get("next_page_token")
            if not token:
                return

    async def _call(self, method: str, path: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Raises SourceFailed."""
        import httpx

        given = {name: value for name, value in asked.items() if value is not None}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if method == "GET":
                    response = await self._client.get(f"{_API}/{path}", params=given)
                else:
                    response = await self._client.post(f"{_API}/{path}", json=given)
            except httpx.RequestError as error:
                if attempt == ATTEMPTS or isinstance(error, httpx.UnsupportedProtocol):
                    raise SourceFailed(f"{self.name} did not answer: {_told(error)}") from None
            else:
                if response.is_success:
                    return self._parsed(response)
                if response.status_code not in _RETRIED or attempt == ATTEMPTS:
                    raise self._failure(response)
            await asyncio.sleep(0.5 * 2**attempt)
        raise AssertionError("unreachable")

    def _parsed(self, response: httpx.Response) -> dict[str, Any]:
        try:
            found = response.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise SourceFailed(f"{self.name} does not answer as an MLflow server does")
        return cast("dict[str, Any]", found)

    def _failure(self, response: httpx.Response) -> SourceFailed:
        try:
            message = " ".join(str(response.json()["message"]).split())[:300]
        except (ValueError, KeyError, TypeError):
            message = ""
        if response.status_code in (401, 403):
            message = f"{message or 'not allowed'}; give --token, or user:password@ in the address"
        return SourceFailed(f"{self.name} answered {response.status_code}: {message}".rstrip(": "))


def _pairs(found: Mapping[str, Any], field: str) -> dict[str, str]:
    return {each["key"]: each.get("value", "") for each in found.get(field) or ()}


def _told(error: Exception) -> str:
    return " ".join(f"{type(error).__name__} {error}".split())
