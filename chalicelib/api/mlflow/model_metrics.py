"""Metrics of a batch that say which logged model they are of, and measured on which dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from chalicelib.api.mlflow.checks import number_of, text_of
from chalicelib.api.mlflow.model_shapes import no_logged_model, told
from chalicelib.core.context import Context
from chalicelib.core.ids import RunId
from chalicelib.core.model.logged_model import ModelPoint
from chalicelib.domain import logged_models
from chalicelib.wiring import Services

MAX_NAME: Final = 500


def log(services: Services, context: Context, run_id: RunId, metrics: Sequence[Any]) -> None:
    """Tell the models of points that their run has already, as `checks.points_of` checked them;
    those of no model are nothing here. One read and one write a model. Raises Failure."""
    points: dict[str, list[ModelPoint]] = {}
    for index, metric in enumerate(metrics):
        model_id = metric.get("model_id")
        if model_id:
            path = f"metrics[{index}]"
            model_id = text_of(model_id, f"{path}.model_id", MAX_NAME)
            points.setdefault(model_id, []).append(_point(metric, run_id, path))
    for model_id, some in points.items():
        with told(no_logged_model(model_id)):
            logged_models.log_points(services.logged_models, context, model_id, some)


def _point(metric: dict[str, Any], run_id: RunId, path: str) -> ModelPoint:
    at = int(metric["timestamp"])
    name, digest = (
        text_of(metric.get(field) or "", f"{path}.{field}", MAX_NAME) or None
        for field in ("dataset_name", "dataset_digest")
    )
    value = number_of(metric["value"], f"{path}.value", at)
    step = int(metric.get("step") or 0)
    return ModelPoint(metric["key"], value, at, step, run_id, name, digest if name else None)
