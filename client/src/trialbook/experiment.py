"""One experiment: its runs, and its variants, which are assigned, logged and compared.

checkout = client.experiment("checkout")
variant = checkout.assign(user_id).variant
checkout.log(variant, unit=user_id, metrics={"latency_ms": 212})
print(checkout.results())
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from trialbook._http import Api
from trialbook._pages import pages
from trialbook.experiments import AsyncExperiments, variants_path
from trialbook.models import Assignment, Experiment, VariantLog
from trialbook.portal import Driven, Portal, driven, driven_iterator
from trialbook.run import ActiveRun, Starting
from trialbook.variant_logging import VariantLogging
from trialbook.variant_logs import When, bound, late_metrics, time_of

if TYPE_CHECKING:
    from trialbook.client import AsyncClient
    from trialbook.results import Results
    from trialbook.sync import Client
    from trialbook.transfer.progress import ShowProgress

_ASSIGN_ATTEMPTS: Final = 3


class AsyncExperiment(VariantLogging):
    """What `client.experiment(…)` gives. Variants are reached by the slug, runs by the id too."""

    def __init__(self, client: AsyncClient, slug_or_id: str, progress: ShowProgress = None) -> None:
        super().__init__(client.recorder, slug_or_id)
        self._client = client
        self._progress: ShowProgress = progress

    @property
    def _api(self) -> Api:
        return self._client.api

    @property
    def _path(self) -> str:
        return variants_path(self.slug_or_id)

    async def get(self) -> Experiment:
        """Raises NotFound."""
        return await AsyncExperiments(self._api).get(self.slug_or_id)

    def start_run(
        self,
        *,
        name: str | None = None,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
        parent_run_id: str | None = None,
    ) -> Starting:
        """As the client's, of this experiment; it is not created when it is missing."""
        return self._client.start_run(
            self.slug_or_id,
            name=name,
            params=params,
            tags=tags,
            description=description,
            parent_run_id=parent_run_id,
            create_experiment=False,
        )

    async def assign(self, user: str, context: Mapping[str, Any] | None = None) -> Assignment:
        """The variant of a user: always the same, for the same variants and weights.

        Somebody waits for it, so it is tried 3 times and not longer. Raises NotFound when the
        experiment is missing or not active.
        """
        body = {"userId": user, "context": context or {}}
        api = self._api.trying(_ASSIGN_ATTEMPTS)
        # asking again changes nothing
        answer = await api.call("POST", f"{self._path}/assign", body=body, counts_once=True)
        return Assignment.model_validate(answer)

    async def outcome(self, log_id: str, metrics: Mapping[str, Any]) -> None:
        """Metrics that became known later. One that the log has already is replaced.

        One request, which is waited for. Raises NotFound when the service has no such log: call
        `flush` before.
        """
        time_of(log_id)
        path = f"{self._path}/log/{quote(log_id)}/metrics"
        await self._api.call("POST", path, body=late_metrics(metrics))

    async def flush(self) -> bool:
        """Wait until the service has all that was logged (True), or the disk has, to be sent
        later (False). Raises what the service refused.
        """
        sent = await asyncio.wrap_future(self._flushing())
        self._raise_refused()
        return sent

    async def results(
        self,
        metric: str | None = None,
        baseline: str | None = None,
        since: When | None = None,
        until: When | None = None,
        confidence: float = 0.95,
        dimension: str | None = None,
    ) -> Results:
        """How the variants compare: of one metric or of all, against the first or `baseline`.

        `since` and `until` choose days in UTC, both inclusive: a unit counts on the day of its
        first log, with all of its logs. `dimension` is a key of the context that the experiment
        declares. Cost: the same for any number of logs. Raises NotFound, Invalid.
        """
        from trialbook.results import Results

        asked = {
            "metric": metric,
            "baseline": baseline,
            "from": bound("since", since),
            "to": bound("until", until),
            "confidence": confidence,
            "dimension": dimension,
        }
        return Results.model_validate(
            await self._api.call("GET", f"{self._path}/results", query=asked)
        )

    def logs(
        self,
        *,
        variant: str | None = None,
        since: When | None = None,
        until: When | None = None,
        where: str | Sequence[str] = (),
        limit: int | None = None,
    ) -> AsyncGenerator[VariantLog]:
        """Newest first, page by page. `where` holds conditions on metrics: `latency_ms>100`.

        All of the conditions hold; operators are > >= < <= = !=. Raises NotFound, Invalid.
        """
        asked = _filters(variant, since, until, where)
        return pages(self._api, "GET", f"{self._path}/logs", asked, "logs", VariantLog, limit)

    async def export(
        self,
        path: str | Path,
        *,
        variant: str | None = None,
        since: When | None = None,
        until: When | None = None,
        where: str | Sequence[str] = (),
    ) -> Path:
        """Write the logs that `logs` would give to a file, as JSON Lines; a file there is replaced.

        The service writes them first, which is waited for. Raises NotFound, Invalid, OSError.
        """
        from trialbook.export import export_logs

        asked = {
            name: value
            for name, value in _filters(variant, since, until, where).items()
            if value is not None
        }
        return await export_logs(
            self._api, f"{self._path}/logs/export", asked, Path(path), self._progress
        )


def _filters(
    variant: str | None, since: When | None, until: When | None, where: str | Sequence[str]
) -> dict[str, Any]:
    conditions = [where] if isinstance(where, str) else list(where)
    return {
        "variant": variant,
        "from": bound("since", since),
        "to": bound("until", until),
        "metric": conditions or None,
    }


class ExperimentHandle(VariantLogging, Driven):
    """The same without `await`."""

    def __init__(self, portal: Portal, client: Client, handle: AsyncExperiment) -> None:
        VariantLogging.__init__(self, handle._recorder, handle.slug_or_id)  # noqa: SLF001  # of the same class
        Driven.__init__(self, portal, handle)
        self._client = client

    get = driven(AsyncExperiment.get)
    assign = driven(AsyncExperiment.assign)
    outcome = driven(AsyncExperiment.outcome)
    results = driven(AsyncExperiment.results)
    logs = driven_iterator(AsyncExperiment.logs)
    export = driven(AsyncExperiment.export)

    def start_run(
        self,
        *,
        name: str | None = None,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
        parent_run_id: str | None = None,
    ) -> ActiveRun:
        """As the client's, of this experiment; it is not created when it is missing."""
        return self._client.start_run(
            self.slug_or_id,
            name=name,
            params=params,
            tags=tags,
            description=description,
            parent_run_id=parent_run_id,
            create_experiment=False,
        )

    def flush(self) -> bool:
        """Wait until the service has all that was logged (True), or the disk has, to be sent
        later (False). Raises what the service refused.
        """
        sent = self._flushing().result()
        self._raise_refused()
        return sent
