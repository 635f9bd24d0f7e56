"""MLflow's calls that tell what a run read, and the list of models that clients keep in a tag."""

from __future__ import annotations

from typing import Annotated, Any, Final, cast

import orjson
from pydantic import Field

from chalicelib.api.mlflow.calls import Asked, Call, Calls
from chalicelib.api.mlflow.checks import of_run, run_id_of
from chalicelib.api.mlflow.errors import invalid
from chalicelib.api.mlflow.model_shapes import listed
from chalicelib.api.mlflow.shapes import Id
from chalicelib.core.context import Role
from chalicelib.core.model.dataset import Dataset
from chalicelib.domain import run_inputs
from chalicelib.domain.run_inputs import Used
from chalicelib.wiring import Services

calls = Calls()
HISTORY_TAG: Final = "mlflow.log-model.history"
MAX_HISTORY: Final = 100_000
"""Characters: the tag is read with its run."""


class InputTagIn(Asked):
    key: Annotated[str, Field(min_length=1, max_length=255)]
    value: Annotated[str, Field(max_length=500)] = ""


class DatasetIn(Asked):
    name: Annotated[str, Field(min_length=1, max_length=500)]
    digest: Annotated[str, Field(min_length=1, max_length=36)]
    source_type: str = ""
    source: Annotated[str, Field(max_length=65_535)] = ""
    schema_: Annotated[str, Field(max_length=1_048_575)] | None = Field(None, alias="schema")
    profile: Annotated[str, Field(max_length=16_777_215)] | None = None

    def to_dataset(self) -> Dataset:
        return Dataset(
            self.name, self.digest, self.source_type, self.source, self.schema_, self.profile
        )


class DatasetInputIn(Asked):
    tags: list[InputTagIn] = []
    dataset: DatasetIn


class ModelInputIn(Asked):
    model_id: Id


class LogInputs(Asked):
    run_id: str
    datasets: Annotated[list[DatasetInputIn], Field(max_length=1000)] = []
    models: Annotated[list[ModelInputIn], Field(max_length=1000)] = []


class LogModel(Asked):
    run_id: str
    model_json: str


@calls("POST", "runs/log-inputs", role=Role.WRITE, asked=LogInputs)
def log_inputs(call: Call[LogInputs], services: Services) -> Any:
    asked = call.asked
    run_id = run_id_of(asked.run_id)
    used = [
        Used(one.dataset.to_dataset(), {tag.key: tag.value for tag in one.tags})
        for one in asked.datasets
    ]
    models = [one.model_id for one in asked.models]
    with of_run(run_id):
        run_inputs.add(services.runs, services.datasets, call.context, run_id, used, models)
    return {}


@calls("POST", "runs/log-model", role=Role.WRITE, asked=LogModel)
def log_model(call: Call[LogModel], services: Services) -> Any:
    asked = call.asked
    run_id = run_id_of(asked.run_id)
    entry = _model_of(asked.model_json)

    def appended(known: str | None) -> str:
        history = listed(known)
        if entry in history:  # sent again
            return known or ""
        history.append(entry)
        while len(history) > 1 and len(orjson.dumps(history)) > MAX_HISTORY:
            del history[0]
        return orjson.dumps(history).decode()

    with of_run(run_id):
        run_inputs.edit_tag(services.runs, call.context, run_id, HISTORY_TAG, appended)
    return {}


def _model_of(text: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise invalid(f"Malformed model info. \n {text[:200]} \n is not a valid JSON.")
    model = cast("dict[str, Any]", found)
    wanted = ("artifact_path", "flavors", "utc_time_created", "run_id")
    lacking = sorted(name for name in wanted if name not in model)
    if lacking:
        raise invalid(f"Model json is missing mandatory fields: {lacking}")
    if len(text) > MAX_HISTORY:
        raise invalid(f"'model_json' exceeds the maximum length of {MAX_HISTORY} characters")
    return model
