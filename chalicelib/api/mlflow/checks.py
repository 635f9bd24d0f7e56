"""What MLflow's server refuses of keys and values, in its words, and what it cuts to fit.

A client may have shown these words to a user, or look for them. Long values of params and tags are
cut, as its server does, for training must not fail of a long text.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias, cast

import orjson

from chalicelib.api.mlflow.errors import Failure, invalid, missing
from chalicelib.api.mlflow.shapes import MAX_KEY, MAX_PARAM_VALUE, MAX_TAG_VALUE
from chalicelib.core.errors import Conflict, Forbidden, NotFound
from chalicelib.core.ids import RunId, is_hex_id

Kind: TypeAlias = Literal["metric", "param", "tag"]
MAX_METRICS: Final = 1000
MAX_PARAMS: Final = 100
MAX_TAGS: Final = 100
MAX_IN_ALL: Final = 1000
MAX_BATCH_BYTES: Final = 1_000_000
MAX_TIME_MS: Final = 253_402_300_799_999
"""The end of the year 9999, the last time of a run that our own surface can spell."""
INT64: Final = 2**63
_LONG: Final[Mapping[Kind, str]] = {"metric": "Metric name", "param": "Param key", "tag": "key"}
_PATH_END: Final[Mapping[Kind, str]] = {"metric": "name", "param": "key", "tag": "key"}
_NAME: Final = re.compile(r"[/\w.\- :]*")
_ALLOWED: Final = (
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ),"
    " colon(:) and slashes (/)."
)
_NUMBERS: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def run_id_of(text: str) -> RunId:
    """Raises Failure for what cannot be the id of a run."""
    if not is_hex_id(text):
        raise missing(f"Run with id={text[:100]} not found")
    return RunId(text)


def not_active(experiment_id: str) -> str:
    """What MLflow says of writing to a deleted experiment."""
    return (
        f"The experiment {experiment_id} must be in the 'active' state. Current state is deleted."
    )


def no_run(run_id: str, error: object = None) -> Failure:
    """Of a run that is not the tenant's, whether or not another's."""
    del error
    return missing(f"Run with id={run_id} not found")


@contextmanager
def of_run(run_id: str) -> Generator[None]:
    """What fails within is told in MLflow's words. A run of another tenant is no run here."""
    try:
        yield
    except (NotFound, Forbidden):
        raise no_run(run_id) from None
    except Conflict as error:
        told = error.details
        if "param" in told:
            raise invalid(
                f"Changing param values is not allowed. Param with key='{told['param']}' was"
                f" already logged with value='{told['logged']}' for run ID='{run_id}'. Attempted"
                f" logging new value '{told['sent']}'."
            ) from None
        raise invalid(
            f"The run {run_id} must be in the 'active' state. Current state is deleted."
        ) from None


def required(value: Any, path: str) -> Any:
    """Raises Failure when it is absent or empty."""
    if value is None or value == "":
        raise absent(path)
    return value


def absent(path: str) -> Failure:
    """What MLflow says of a field that it needs."""
    return invalid(
        f"Missing value for required parameter '{path}'. See the API docs for more information"
        " about request parameters."
    )


def bad_value(path: str, value: Any, hint: str = "") -> Failure:
    """What MLflow says of a value that cannot be; a long one is cut."""
    try:
        spelled = orjson.dumps(value).decode()
    except TypeError:
        spelled = repr(value)
    spelled = spelled if len(spelled) <= 300 else f"{spelled[:300]}..."
    end = f": {hint}" if hint else "."
    return invalid(f"Invalid value {spelled} for parameter '{path}' supplied{end}")


def bad_type(path: str, value: Any) -> Failure:
    """Of a value of the wrong type."""
    hint = (
        f" Hint: Value was of type '{type(value).__name__}'. See the API docs for more information"
        " about request parameters."
    )
    return bad_value(path, value, hint)


def check_key(kind: Kind, key: str, path: str = "") -> None:
    """`path` is of the entry, empty for one that is alone. Raises Failure."""
    problem = _problem(key) if len(key) <= MAX_KEY else _problem.__wrapped__(key)
    at = f"{path}.{_PATH_END[kind]}" if path else _PATH_END[kind]
    if problem is not None:
        raise bad_value(at, key, problem)
    if len(key) > MAX_KEY:
        named = at if kind == "tag" else _LONG[kind]
        raise invalid(f"'{named}' exceeds the maximum length of {MAX_KEY} characters")


@lru_cache(4096)
def _problem(key: str) -> str | None:
    if _NAME.fullmatch(key) is None:
        return _ALLOWED
    path = posixpath.normpath(key)
    if path != key or path == "." or path.startswith(("..", "/")):
        return (
            "Names may be treated as files in certain cases, and must not resolve to other names"
            f" when treated as such. This name would resolve to {path!r}"
        )
    return None


def number_of(value: Any, path: str, at: Any) -> float:
    """A metric's value: a number, or a string that spells one. Raises Failure."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            pass
    elif isinstance(value, str):
        try:
            return _NUMBERS[value] if value in _NUMBERS else float(value)
        except ValueError:
            pass
    hint = f"(timestamp={at}). Please specify value as a valid double (64-bit floating point)"
    raise bad_value(path, value, hint)


def integer_of(value: Any, path: str, low: int, high: int) -> int:
    """An integer as a number or a string, `low` to `high` inclusive. Raises Failure."""
    found = value
    if isinstance(value, str):
        try:
            found = int(value)
        except ValueError:
            raise bad_type(path, value) from None
    elif isinstance(value, float) and value.is_integer():
        found = int(value)
    if not isinstance(found, int) or isinstance(found, bool):
        raise bad_type(path, value)
    if not low <= found <= high:
        raise bad_value(path, value, f"must be from {low} to {high}.")
    return found


def _entries(given: Any, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Objects with their paths. Raises Failure for anything else."""
    for index, one in enumerate(given):
        if not isinstance(one, dict):
            raise bad_type(f"{name}[{index}]", one)
        yield f"{name}[{index}]", cast("dict[str, Any]", one)


def text_of(value: Any, path: str, limit: int) -> str:
    """A string, cut to the limit. Raises Failure."""
    if not isinstance(value, str):
        raise bad_type(path, value)
    return value[:limit]


def points_of(given: Sequence[Any]) -> Iterator[tuple[str, float, int, int]]:
    """Key, value, step and timestamp of each metric of a batch. Raises Failure."""
    known: set[str] = set()
    for index, one in enumerate(given):
        try:
            key, value, at = one["key"], one["value"], one["timestamp"]
            step = one.get("step", 0)
        except (KeyError, TypeError, AttributeError):
            raise _incomplete(one, f"metrics[{index}]") from None
        if type(key) is not str or key not in known:
            path = f"metrics[{index}]"
            check_key("metric", text_of(required(key, f"{path}.key"), f"{path}.key", INT64), path)
            known.add(key)
        if type(value) is not float:
            path = f"metrics[{index}].value"
            value = number_of(required(value, path), path, at)
        if type(at) is not int or not 0 <= at < INT64:
            path = f"metrics[{index}].timestamp"
            at = integer_of(required(at, path), path, 0, INT64 - 1)
        if type(step) is not int or not -INT64 <= step < INT64:
            path = f"metrics[{index}].step"
            step = 0 if step is None else integer_of(step, path, -INT64, INT64 - 1)
        yield key, value, step, at


def _incomplete(one: Any, path: str) -> Failure:
    if not isinstance(one, dict):
        return bad_type(path, one)
    wanted = ("key", "value", "timestamp")
    entry = cast("dict[str, Any]", one)
    return absent(next(f"{path}.{name}" for name in wanted if name not in entry))


def params_of(given: Sequence[Any]) -> dict[str, str]:
    """Raises Failure also for a key that comes twice."""
    params: dict[str, str] = {}
    twice: list[str] = []
    for path, one in _entries(given, "params"):
        key = text_of(required(one.get("key"), f"{path}.key"), f"{path}.key", INT64)
        check_key("param", key, path)
        if key in params:
            twice.append(key)
        params[key] = text_of(one.get("value") or "", f"{path}.value", MAX_PARAM_VALUE)
    if twice:
        raise invalid(
            f"Duplicate parameter keys have been submitted: {twice}. Please ensure the request"
            " contains only one param value per param key."
        )
    return params


def tags_of(given: Sequence[Any], limit: int = MAX_TAG_VALUE) -> dict[str, str]:
    """The last of equal keys. Raises Failure."""
    tags: dict[str, str] = {}
    for path, one in _entries(given, "tags"):
        key = text_of(required(one.get("key"), f"{path}.key"), f"{path}.key", INT64)
        check_key("tag", key, path)
        tags[key] = text_of(one.get("value") or "", f"{path}.value", limit)
    return tags


def check_batch(metrics: Sequence[Any], params: Sequence[Any], tags: Sequence[Any]) -> None:
    """Raises Failure for more than a batch may have."""
    counts = ((len(metrics), MAX_METRICS, "metrics"), (len(params), MAX_PARAMS, "params"),
              (len(tags), MAX_TAGS, "tags"))  # fmt: skip
    total = sum(count for count, _, _ in counts)
    for count, limit, what in (*counts, (total, MAX_IN_ALL, "metrics, params, and tags")):
        if count > limit:
            raise invalid(
                f"A batch logging request can contain at most {limit} {what}. Got {count} {what}."
                f" Please split up {what} across multiple requests and try again."
            )
