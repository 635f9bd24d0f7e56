"""The service as runs are copied to it: over its MLflow endpoints, which take ids, start times and
histories as they are, and its own for files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from trialbook._http import Api
from trialbook._json import spell
from trialbook.errors import Forbidden, NotFound, TrialbookError
from trialbook.experiments import AsyncExperiments
from trialbook.imports.source import Point, SourceExperiment, SourceRun
from trialbook.runs import AsyncRuns
from trialbook.transfer.run_files import upload_run_file

_API: Final = "/api/2.0/mlflow"
_POINTS_AT_ONCE: Final = 1000
_FIELDS_AT_ONCE: Final = 100
_BATCH_CHARACTERS: Final = 200_000
"""Of params or tags: below 1 MB however they are encoded."""
_PAGE: Final = 25_000
DEFAULT: Final = "0"
_TAKEN: Final = "resource_already_exists"
PARENT_TAG: Final = "mlflow.parentRunId"


class Destination:
    """All of it raises TrialbookError."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._runs = AsyncRuns(api)

    async def find_experiment(self, wanted: SourceExperiment) -> str | None:
        """The id of the one with that name; the default one is the default one."""
        try:
            if wanted.id == DEFAULT:
                found = await self._get("experiments/get", experiment_id=DEFAULT)
            else:
                found = await self._get("experiments/get-by-name", experiment_name=wanted.name)
        except NotFound:
            return None
        return str(found["experiment"]["experiment_id"])

    async def make_experiment(self, wanted: SourceExperiment) -> str:
        """The id of that name's experiment, made when it is not there, with the source's tags."""
        found = await self.find_experiment(wanted)
        if found is None:
            body = {"name": wanted.name, "tags": _pairs(wanted.tags.items())}
            try:
                return str((await self._post("experiments/create", body))["experiment_id"])
            except TrialbookError as error:
                # by an earlier attempt, whose answer got lost
                found = await self.find_experiment(wanted)
                if error.code != _TAKEN or found is None:
                    raise
        for key, value in wanted.tags.items():
            body = {"experiment_id": found, "key": key, "value": value}
            await self._post("experiments/set-experiment-tag", body)
        return found

    async def seed_of(self, experiment_id: str) -> str:
        """An id that no other tenant's experiment has, as the default one's `0` is."""
        if experiment_id != DEFAULT:
            return experiment_id
        found = await self._get("experiments/get", experiment_id=DEFAULT)
        return (await AsyncExperiments(self._api).find(found["experiment"]["name"])).id

    async def get_run(self, run_id: str) -> Mapping[str, Any] | None:
        """As MLflow writes it."""
        try:
            found = await self._get("runs/get", run_id=run_id)
        except (NotFound, Forbidden):
            return None
        return cast("Mapping[str, Any]", found["run"])

    async def create_run(self, experiment_id: str, run_id: str, run: SourceRun) -> bool:
        """Whether it is there now; not when the id is that of another tenant's run. Again is
        fine."""
        body = {
            "experiment_id": experiment_id,
            "run_id": run_id,
            "run_name": run.name,
            "start_time": run.start_time,
            "user_id": run.user,
            # the rest is logged: a run may have more than a body
            "tags": _pairs((k, v) for k, v in run.tags.items() if k == PARENT_TAG),
        }
        try:
            made = await self._post("runs/create", body)
        except TrialbookError as error:
            if error.code != _TAKEN:
                raise
            # by an earlier attempt, whose answer got lost
            return await self.get_run(run_id) is not None
        told = made["run"]["info"]["run_id"]
        if told != run_id:
            raise TrialbookError(f"the service gave a run another id: {told}, not {run_id}")
        return True

    async def log_texts(self, run_id: str, field: str, texts: Mapping[str, str]) -> None:
        """`field` is params or tags."""
        for some in _batches(texts.items()):
            await self._post("runs/log-batch", {"run_id": run_id, field: _pairs(some)})

    async def log_points(self, run_id: str, points: Sequence[tuple[str, Point]]) -> None:
        for first in range(0, len(points), _POINTS_AT_ONCE):
            metrics = [
                {
                    "key": key,
                    "value": spell(point.value),
                    "timestamp": point.timestamp,
                    "step": point.step,
                }
                for key, point in points[first : first + _POINTS_AT_ONCE]
            ]
            await self._post("runs/log-batch", {"run_id": run_id, "metrics": metrics})

    async def history(self, run_id: str, key: str) -> list[Point]:
        """All of it, sorted."""
        points: list[Point] = []
        token = None
        while True:
            page = await self._get(
                "metrics/get-history",
                run_id=run_id,
                metric_key=key,
                max_results=_PAGE,
                page_token=token,
            )
            points += [
                Point(int(each.get("step") or 0), int(each["timestamp"]), float(each["value"]))
                for each in page.get("metrics") or ()
            ]
            token = page.get("next_page_token")
            if not token:
                return sorted(points)

    async def end(self, run_id: str, run: SourceRun) -> None:
        body = {"run_id": run_id, "status": run.status, "end_time": run.end_time}
        await self._post("runs/update", {k: v for k, v in body.items() if v is not None})

    async def files(self, run_id: str) -> dict[str, str]:
        """sha256 by path."""
        found: dict[str, str] = {}
        folders: list[str | None] = [None]
        while folders:
            for entry in await self._runs.files(run_id, folders.pop()):
                if entry.is_dir:
                    folders.append(entry.path)
                elif entry.sha256 is not None:
                    found[entry.path] = entry.sha256
        return found

    async def upload(self, run_id: str, file: Path, path: str) -> None:
        await upload_run_file(self._api, run_id, file, path, progress=False)

    async def _get(self, path: str, **query: Any) -> Any:
        return await self._api.call("GET", f"{_API}/{path}", query=query)

    async def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        return await self._api.call("POST", f"{_API}/{path}", body=body, counts_once=True)


def _pairs(texts: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in texts]


def _batches(texts: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    some: list[tuple[str, str]] = []
    characters = 0
    for key, value in texts:
        size = len(key) + len(value)
        if some and (len(some) == _FIELDS_AT_ONCE or characters + size > _BATCH_CHARACTERS):
            yield some
            some, characters = [], 0
        some.append((key, value))
        characters += size
    if some:
        yield some
