"""What MLflow's searches share: stages, how many results, page tokens."""

from __future__ import annotations

from typing import Any, Final

from chalicelib.api.mlflow.calls import Call
from chalicelib.api.mlflow.checks import bad_value
from chalicelib.api.mlflow.errors import Failure, invalid
from chalicelib.api.v1.pages import position_of
from chalicelib.core.errors import Invalid
from chalicelib.core.model.experiment import Stage
from chalicelib.wiring import Services

MAX_SEARCHED: Final = 50_000
STAGE_OF: Final[dict[str | int, Stage | None]] = {
    "ACTIVE_ONLY": "active",
    "DELETED_ONLY": "deleted",
    "ALL": None,
    1: "active",
    2: "deleted",
    3: None,
}


def checked_max_results(asked: int, most: int = MAX_SEARCHED) -> int:
    """Raises Failure."""
    if asked < 1:
        raise invalid(
            f"Invalid value {asked} for parameter 'max_results' supplied. It must be a positive"
            " integer"
        )
    if asked > most:
        raise invalid(
            f"Invalid value {asked} for parameter 'max_results' supplied. It must be at most {most}"
        )
    return asked


def stage_of(asked: str | int, path: str) -> Stage | None:
    """Of a view type, by its name or number. Raises Failure."""
    known = int(asked) if asked in ("1", "2", "3") else asked
    if known not in STAGE_OF:
        raise bad_value(path, asked)
    return STAGE_OF[known]


def after(services: Services, call: Call[Any], scope: object, token: str | None) -> Any:
    """The position that a page token names. Raises Failure."""
    try:
        return position_of(services, call.context, scope, token or None)
    except Invalid:
        raise bad_token() from None


def bad_token() -> Failure:
    return invalid("Invalid page token: send the next_page_token of the same query, or none")
