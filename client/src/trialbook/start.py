"""Starting a run: at the service, or while that is away, on disk until it is back."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from trialbook._http import Api
from trialbook._json import encode
from trialbook.batches import MAX_TAGS, texts
from trialbook.entries import Entry, Kind
from trialbook.errors import AWAY, NotFound
from trialbook.experiments import AsyncExperiments
from trialbook.models import Run
from trialbook.outbox import Outbox
from trialbook.recorder import Recorder
from trialbook.run import AsyncActiveRun
from trialbook.runs import BASE, AsyncRuns
from trialbook.spool import Record

if TYPE_CHECKING:
    from trialbook.transfer.progress import ShowProgress

_log = logging.getLogger("trialbook.client")
_RUN_ID: Final = re.compile(r"[0-9a-f]{32}")


async def start_run(
    api: Api,
    recorder: Recorder,
    experiment: str,
    *,
    name: str | None,
    params: Mapping[str, Any] | None,
    tags: Mapping[str, Any] | None,
    description: str | None,
    parent_run_id: str | None,
    create_experiment: bool,
    progress: ShowProgress,
) -> AsyncActiveRun:
    """Create the run, and the experiment when it is missing.

    While the service is away, the creation is the first record of the run's file: it has the
    idempotency key of the request that was lost, so the run is created once.
    """
    recorder.start()
    param_texts = texts("param", params or {})
    tag_texts = texts("tag", tags or {})
    key = str(uuid.uuid4())
    soon = api.trying(recorder.pace.attempts)
    experiments = AsyncExperiments(soon)
    body: dict[str, Any] = {
        "name": name,
        "description": description,
        "tags": dict(list(tag_texts.items())[:MAX_TAGS]),
        "parent_run_id": parent_run_id,
    }
    try:
        find = experiments.get_or_create if create_experiment else experiments.find
        body = {"experiment_id": (await find(experiment)).id, **body}
        made = Run.model_validate(await soon.call("POST", BASE, body=body, idempotency_key=key))
    except AWAY as error:
        outbox = Outbox(api, recorder.folder, f"offline-{uuid.uuid4().hex}", None)
        create = {"experiment": experiment, "create_experiment": create_experiment, "run": body}
        recorder.put(Entry(outbox, Kind.RECORD, Record(key, "create", encode(create))))
        _log.warning("%s; the run is kept on this machine until then", error)
        run = AsyncActiveRun(api, recorder, outbox, name or outbox.label, experiment, progress)
    else:
        outbox = Outbox(api, recorder.folder, made.run_id, made.run_id)
        run = AsyncActiveRun(api, recorder, outbox, made.name, made.experiment_id, progress)
    recorder.owned.add(outbox)
    # below the first batch, so that a run without metrics has them too
    run.log_params(param_texts)
    run.set_tags(dict(list(tag_texts.items())[MAX_TAGS:]))
    return run


async def attach_run(
    api: Api, recorder: Recorder, run_id: str, *, progress: ShowProgress
) -> AsyncActiveRun:
    """Log to a run that is somebody else's to end. Raises NotFound, unless the service is away."""
    recorder.start()
    if not _RUN_ID.fullmatch(run_id):  # it names a file
        raise NotFound(f"no such run: {run_id}", code="not_found")
    outbox = Outbox(api, recorder.folder, run_id, run_id)
    try:
        found = await AsyncRuns(api).get(run_id)
    except AWAY as error:
        _log.warning("%s; what is logged is kept on this machine until then", error)
        return AsyncActiveRun(api, recorder, outbox, run_id, "", progress)
    steps = [summary.step for summary in found.metric_summary.values()]
    return AsyncActiveRun(
        api,
        recorder,
        outbox,
        found.name,
        found.experiment_id,
        progress,
        next_step=max(steps, default=-1) + 1,
    )
