"""What may be written to a log, and how: a JSON object a line, and nothing that a caller sent.

An exception is told by its type and by where it was raised. Its message may hold what was sent
(pydantic's, KeyError's, the vendor's), so it is left out, but for `Throttled` and `Unavailable`,
whose messages are constants of ours (a test looks).
"""

from __future__ import annotations

import errno
import logging
import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, TypeAlias, cast

import orjson

from chalicelib.core.errors import Throttled, Unavailable

Write: TypeAlias = Callable[[str], object]
"""Takes whole lines; may be called from several threads at once."""

OURS: Final = "trialbook"
"""Loggers of this name and below it say nothing that was sent; others may, so that of them only the
place is told."""
MAX_FRAMES: Final = 12
MAX_CAUSES: Final = 4


def described(error: BaseException) -> dict[str, Any]:
    """Type, place (the innermost frames, outermost first) and causes; code and operation of what a
    vendor's client raised, the name of what the system or SQLite refused with."""
    told = _described(error)
    inner, cause = told, error
    for _ in range(MAX_CAUSES):
        follows = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        if follows is None:
            break
        inner["cause"] = _described(follows)
        inner, cause = inner["cause"], follows
    return told


def in_words(told: Mapping[str, Any]) -> str:
    """What `described` tells, for people: a line a frame."""
    head = ": ".join(
        str(told[name]) for name in ("type", "code", "operation", "message") if name in told
    )
    lines = [head, *(f"  {frame}" for frame in told["where"])]
    if "cause" in told:
        lines.append(f"because of {in_words(told['cause'])}")
    return "\n".join(lines)


def iso(at_ms: int) -> str:
    """`2026-11-28T12:00:00.250Z`."""
    second, ms = divmod(at_ms, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(second))}.{ms:03d}Z"


def line(fields: Mapping[str, Any]) -> str:
    """One line of JSON."""
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE).decode()


def to_stdout(text: str) -> None:
    """Looked up each time: Lambda and tests put another stream there."""
    sys.stdout.write(text)
    sys.stdout.flush()


def to_stderr(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


class LinesHandler(logging.Handler):
    """Writes what is logged by the way of `logging`, as JSON or for people."""

    def __init__(self, write: Write, *, is_json: bool) -> None:
        super().__init__()
        self._write_text = write
        self._is_json = is_json

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write_text(self._rendered(record))
        except Exception:  # noqa: BLE001 (a full disk must not end what was being logged)
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the base's name)
        """The base prints the record's arguments."""

    def _rendered(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        told = None if error is None else described(error)
        level, message = record.levelname.lower(), _message(record)
        if not self._is_json:
            text = f"{OURS}: {level}: {message}\n"
            return text if told is None else f"{text}{in_words(told)}\n"
        at = iso(int(record.created * 1000))
        fields = {"time": at, "level": level, "message": message, "logger": record.name}
        return line(fields if told is None else {**fields, "exception": told})


def take_over(write: Write, *, is_json: bool) -> None:
    """From now on all that is logged in this process goes this way, and no other."""
    root = logging.getLogger()
    root.handlers[:] = [LinesHandler(write, is_json=is_json)]
    root.setLevel(logging.WARNING)
    logging.getLogger(OURS).setLevel(logging.INFO if is_json else logging.WARNING)


def _message(record: logging.LogRecord) -> str:
    if record.name == OURS or record.name.startswith(f"{OURS}."):
        return record.getMessage()
    return f"{record.name} said so at {_place(record.pathname, record.lineno, record.funcName)}"


def _described(error: BaseException) -> dict[str, Any]:
    told: dict[str, Any] = {"type": type(error).__qualname__, "where": _frames(error.__traceback__)}
    if isinstance(error, (Throttled, Unavailable)):
        told["message"] = error.message
    code = _code(error)
    if code:
        told["code"] = code
    operation = getattr(error, "operation_name", None)  # of botocore's ClientError
    if isinstance(operation, str):
        told["operation"] = operation
    return told


def _code(error: BaseException) -> str:
    response: Any = getattr(error, "response", None)  # of botocore's ClientError
    if isinstance(response, dict):
        refusal: dict[str, Any] = cast("dict[str, Any]", response).get("Error") or {}
        return str(refusal.get("Code", ""))
    if isinstance(error, OSError):
        return errno.errorcode.get(error.errno or 0, "")
    return str(getattr(error, "sqlite_errorname", ""))


def _frames(trace: TracebackType | None) -> list[str]:
    frames: list[str] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(_place(code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    return frames[-MAX_FRAMES:]


def _place(path: str, number: int, function: str | None) -> str:
    """The last parts of a path are enough, and tell nothing of the machine."""
    short = "/".join(path.replace("\\", "/").split("/")[-3:])
    return f"{short}:{number} {function or ''}"
