"""Experiments: create, find, change, delete."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from trialbook._http import Api
from trialbook._pages import pages
from trialbook.errors import Conflict, NotFound
from trialbook.models import Experiment, ExperimentStatus, Goal, Stage

BASE: Final = "/api/v1/experiments"
_ID_OR_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_RESERVED: Final = "runs"


class AsyncExperiments:
    """`client.experiments`. Where an experiment is asked for, its id or its slug will do."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def create(
        self,
        name: str,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        slug: str | None = None,
        artifact_location: str | None = None,
        metric_goals: Mapping[str, Goal] | None = None,
        variants: Sequence[Mapping[str, Any]] | None = None,
        unit_key: str | None = None,
        dimensions: Sequence[str] | None = None,
        guardrails: Mapping[str, Mapping[str, Any]] | None = None,
        planned_units: int | None = None,
        status: ExperimentStatus | None = None,
        idempotency_key: str | None = None,
    ) -> Experiment:
        """Raises Conflict when the name or the slug is taken.

        For an A/B test: `variants` are `{key, weight, name?, payload?}` whose weights add up to
        100; `unit_key` is the key of a log's context that names its unit when the log names none;
        `dimensions` are up to 5 such keys by which results may be broken down; `guardrails` are
        `{metric: {"margin": 0.05, "kind": "relative" | "absolute"}}`; `planned_units` (5,000) is
        where the intervals are narrowest. `assign` needs the status `active`.
        """
        body = _given(
            name=name,
            description=description,
            tags=tags,
            slug=slug,
            artifact_location=artifact_location,
            metric_goals=metric_goals,
            variants=variants,
            unit_key=unit_key,
            dimensions=dimensions,
            guardrails=guardrails,
            planned_units=planned_units,
            status=status,
        )
        made = await self._api.call("POST", BASE, body=body, idempotency_key=idempotency_key)
        return Experiment.model_validate(made)

    async def get(self, experiment: str) -> Experiment:
        """By id or slug, deleted ones too. Raises NotFound."""
        return Experiment.model_validate(await self._api.call("GET", _path(experiment)))

    async def find(self, experiment: str) -> Experiment:
        """By id or slug, else by the exact name among the active ones. Raises NotFound."""
        if _ID_OR_SLUG.fullmatch(experiment) and experiment != _RESERVED:
            try:
                return await self.get(experiment)
            except NotFound:
                pass
        async for found in self.iterate(search=experiment):
            if found.name == experiment:
                return found
        raise NotFound(f"no experiment has this id, slug or name: {experiment}", code="not_found")

    async def get_or_create(self, name: str, **fields: Any) -> Experiment:
        """What `find` finds, else a new one of this name; `fields` are those of `create`.

        Two that call it at once get the same experiment.
        """
        try:
            return await self.find(name)
        except NotFound:
            pass
        try:
            return await self.create(name, **fields)
        except Conflict as taken:
            try:
                return await self.find(name)
            except NotFound:
                raise taken from None  # by one that is deleted

    async def list(
        self,
        *,
        search: str | None = None,
        lifecycle_stage: Stage = "active",
        limit: int | None = None,
    ) -> list[Experiment]:
        """Newest first; all of them without a limit. `search` is a substring of the name."""
        found = self.iterate(search=search, lifecycle_stage=lifecycle_stage, limit=limit)
        return [experiment async for experiment in found]

    def iterate(
        self,
        *,
        search: str | None = None,
        lifecycle_stage: Stage = "active",
        limit: int | None = None,
    ) -> AsyncGenerator[Experiment]:
        """The same, page by page."""
        asked = {"search": search or None, "lifecycle_stage": lifecycle_stage}
        return pages(self._api, "GET", BASE, asked, "experiments", Experiment, limit)

    async def update(
        self,
        experiment: str,
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str | None] | None = None,
        metric_goals: Mapping[str, Goal] | None = None,
        variants: Sequence[Mapping[str, Any]] | None = None,
        unit_key: str | None = None,
        dimensions: Sequence[str] | None = None,
        guardrails: Mapping[str, Mapping[str, Any]] | None = None,
        planned_units: int | None = None,
        status: ExperimentStatus | None = None,
        version: int | None = None,
    ) -> Experiment:
        """Change what is given; a tag of None is deleted, an empty description or unit key too.

        What is given of `variants`, `dimensions` and `guardrails` replaces all of them. Raises
        Conflict for a step of `status` that there is not, and for what is fixed once started;
        PreconditionFailed when `version` is given and is not the stored one.
        """
        removable = {"description": description, "unit_key": unit_key}
        body = _given(
            name=name,
            tags=tags,
            metric_goals=metric_goals,
            variants=variants,
            dimensions=dimensions,
            guardrails=guardrails,
            planned_units=planned_units,
            status=status,
        )
        # an empty text removes them
        body |= {name: text or None for name, text in removable.items() if text is not None}
        headers = None if version is None else {"if-match": str(version)}
        changed = await self._api.call("PATCH", _path(experiment), body=body, headers=headers)
        return Experiment.model_validate(changed)

    async def delete(self, experiment: str) -> None:
        """Softly: `restore` brings it back. Again is fine."""
        await self._api.call("DELETE", _path(experiment))

    async def restore(self, experiment: str) -> Experiment:
        restored = await self._api.call("POST", f"{_path(experiment)}/restore")
        return Experiment.model_validate(restored)


def variants_path(slug: str) -> str:
    """Where the variants of an experiment are at the service."""
    return f"/experiment/{quote(slug, safe='')}"


def _path(experiment: str) -> str:
    return f"{BASE}/{quote(experiment, safe='')}"


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
