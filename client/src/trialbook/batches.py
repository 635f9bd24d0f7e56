"""Values as they are logged: checked at once, and packed into the bodies of batches.

Numbers, keys and limits are those of docs/api.md of the service.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

from trialbook._json import encode
from trialbook.errors import Invalid

MAX_METRICS: Final = 1000
MAX_PARAMS: Final = 100
MAX_TAGS: Final = 100
_MAX_BYTES: Final = 1_500_000
"""Far below the 4 MiB of a request, whatever its last value adds."""

_MAX_KEY: Final = 250
_MAX_TEXT: Final = 8000
_KEYS_REMEMBERED: Final = 100_000
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_MAX_STEP: Final = 2**63
_MAX_TIMESTAMP_MS: Final = 253_402_300_799_999

_known: dict[str, str] = {}
"""Metric keys found good, with how a point of theirs begins."""


def metric_values(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The values as floats, what is nested as `outer/inner`. Raises Invalid.

    Takes anything that is a single number: also scalars of numpy and torch. Not booleans.
    """
    values: dict[str, float] = {}
    try:
        items = metrics.items()
    except AttributeError:
        raise _invalid(f"metrics must be a dict, not {type(metrics).__name__}") from None
    for key, value in items:
        if type(value) is float and key in _known:
            values[key] = value
        elif isinstance(value, Mapping):
            inner = cast("Mapping[str, Any]", value)
            values |= metric_values({f"{key}/{name}": v for name, v in inner.items()})
        else:
            _check_key("metric", key)
            values[key] = _number(key, value)
            if len(_known) < _KEYS_REMEMBERED:
                _known[key] = _beginning(key)
    return values


def texts(kind: str, fields: Mapping[str, Any]) -> dict[str, str]:
    """Params or tags as strings: JSON's spelling of what is no string. Raises Invalid."""
    found: dict[str, str] = {}
    for key, value in fields.items():
        if isinstance(value, Mapping) and kind == "param":
            inner = cast("Mapping[str, Any]", value)
            found |= texts(kind, {f"{key}/{name}": v for name, v in inner.items()})
            continue
        _check_key(kind, key)
        text = _text(value)
        if len(text) > _MAX_TEXT:
            raise _invalid(f"{kind} {key!r} is too long: length={len(text)} max={_MAX_TEXT}")
        found[key] = text
    return found


def check_step(step: object) -> int:
    """Raises Invalid unless it is an integer of 64 bits."""
    return _integer("step", step, -_MAX_STEP, _MAX_STEP - 1)


def check_timestamp(timestamp: object) -> int:
    """Milliseconds since the epoch. Raises Invalid."""
    return _integer("timestamp", timestamp, 0, _MAX_TIMESTAMP_MS)


class BatchBuilder:
    """Collects values until a batch is full. The bodies are those that `encode` would make."""

    def __init__(self) -> None:
        self._metrics: list[str] = []
        self._params: list[str] = []
        self._tags: list[str] = []
        self._bytes = 0

    def add_metrics(
        self, values: Mapping[str, float], step: int, timestamp: int
    ) -> Iterator[bytes]:
        """Bodies that became full."""
        ending = f',"step":{step},"timestamp":{timestamp}}}'
        points = self._metrics
        for key, value in values.items():
            beginning = _known.get(key) or _beginning(key)
            # the only floats for which this is not zero are NaN and the infinities
            number = repr(value) if value - value == 0 else encode(value).decode()
            point = f"{beginning}{number}{ending}"
            points.append(point)
            self._bytes += len(point)
            if len(points) >= MAX_METRICS or self._bytes >= _MAX_BYTES:
                yield self.seal()
                points = self._metrics

    def add_params(self, params: Mapping[str, str]) -> Iterator[bytes]:
        """Bodies that became full."""
        for pair in _pairs(params):
            self._params.append(pair)
            self._bytes += len(pair)
            if len(self._params) >= MAX_PARAMS or self._bytes >= _MAX_BYTES:
                yield self.seal()

    def add_tags(self, tags: Mapping[str, str]) -> Iterator[bytes]:
        """Bodies that became full. A tag that is set twice is sent twice, in order."""
        for pair in _pairs(tags):
            self._tags.append(pair)
            self._bytes += len(pair)
            if len(self._tags) >= MAX_TAGS or self._bytes >= _MAX_BYTES:
                yield self.seal()

    def __bool__(self) -> bool:
        return self._bytes > 0

    def seal(self) -> bytes:
        """The body of what was collected; the builder is empty again."""
        body = (
            f'{{"metrics":[{",".join(self._metrics)}],"params":[{",".join(self._params)}],'
            f'"tags":[{",".join(self._tags)}]}}'
        )
        self._metrics, self._params, self._tags, self._bytes = [], [], [], 0
        return body.encode("ascii")


def _beginning(key: str) -> str:
    return f'{{"key":{json.dumps(key)},"value":'


def _pairs(fields: Mapping[str, str]) -> Iterator[str]:
    for key, value in fields.items():
        yield f'{{"key":{json.dumps(key)},"value":{json.dumps(value)}}}'


def _number(key: str, value: Any) -> float:
    """A float from whatever is one number."""
    item: Callable[[], Any] | None = getattr(value, "item", None)
    try:
        plain: Any = value if item is None else item()
        if isinstance(plain, bool | str | bytes | bytearray) or plain is None:
            raise TypeError
        return float(plain)
    except OverflowError:
        raise _invalid(f"metric {key!r} is too large for a double") from None
    except (TypeError, ValueError, RuntimeError):
        # a RuntimeError is what torch says of a tensor with several elements
        raise _invalid(f"metric {key!r} must be a number, not {type(value).__name__}") from None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(json.loads(encode(value)), ensure_ascii=False).strip('"')
    except (TypeError, ValueError):
        return str(value)


def _check_key(kind: str, key: object) -> None:
    if not isinstance(key, str):
        raise _invalid(f"{kind} keys must be strings, not {type(key).__name__}")
    if not 0 < len(key) <= _MAX_KEY:
        raise _invalid(f"{kind} key too long or empty: length={len(key)} max={_MAX_KEY}")
    if _CONTROL.search(key):
        raise _invalid(f"{kind} keys must hold no control characters: {key!r}")


def _integer(name: str, value: Any, least: int, most: int) -> int:
    item: Callable[[], object] | None = getattr(value, "item", None)
    plain = value if item is None else item()
    if not isinstance(plain, int) or isinstance(plain, bool):
        raise _invalid(f"{name} must be an integer, not {type(value).__name__}")
    if not least <= plain <= most:
        raise _invalid(f"{name} must be {least} to {most}: {plain}")
    return plain


def _invalid(message: str) -> Invalid:
    return Invalid(message, code="invalid")
