"""What an exception may say in a log, and that nothing else gets there."""

from __future__ import annotations

import ast
import asyncio
import json
import logging
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from chalicelib.api.log_lines import described, in_words, iso
from chalicelib.core.errors import NotFound, Throttled, Unavailable
from chalicelib.storage.dynamo_errors import core_error
from local.sqlite_errors import core_error as sqlite_error
from tests.api.logged import logged

ROOT = Path(__file__).parents[2]
SECRET = "what somebody sent"


def _caught(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        if cause is None:
            raise error
        try:
            raise cause
        except type(cause) as first:
            raise error from first
    except type(error) as raised:
        return raised


@pytest.mark.parametrize(
    "error", [KeyError(SECRET), ValueError(SECRET), NotFound(SECRET, path=SECRET), OSError(SECRET)]
)
def test_of_an_exception_the_type_and_the_place_are_told(error: Exception) -> None:
    told = described(_caught(error))
    assert told["type"] == type(error).__name__
    (place,) = told["where"]
    assert place.startswith(f"{'/'.join(Path(__file__).parts[-3:])}:")
    assert place.endswith(" _caught")
    assert SECRET not in json.dumps(told) + in_words(told)


def test_what_the_vendor_refused_is_told_by_code_and_operation() -> None:
    refusal: Any = {"Error": {"Code": "AccessDeniedException", "Message": SECRET}}
    cause = ClientError(refusal, "GetItem")
    told = described(_caught(core_error(cause), cause))
    assert told["type"] == "Unavailable"
    assert told["message"] == "the table may not be used; check the function's permissions"
    assert told["cause"]["type"] == "ClientError"
    assert told["cause"]["code"] == "AccessDeniedException"
    assert told["cause"]["operation"] == "GetItem"
    assert SECRET not in json.dumps(told)
    assert "because of ClientError: AccessDeniedException: GetItem\n" in in_words(told)


def test_what_the_disk_and_sqlite_refused_is_told_by_name() -> None:
    assert described(_caught(FileNotFoundError(2, SECRET, SECRET)))["code"] == "ENOENT"
    with pytest.raises(sqlite3.OperationalError) as refused:
        sqlite3.connect(":memory:").execute(f'SELECT * FROM "{SECRET}"')
    told = described(_caught(sqlite_error(refused.value), refused.value))
    assert told["cause"]["code"] == "SQLITE_ERROR"
    assert SECRET not in json.dumps(told)


def test_a_chain_of_causes_that_has_no_end_is_cut() -> None:
    error = ValueError()
    error.__cause__ = KeyError()
    error.__cause__.__cause__ = error
    assert len(in_words(described(error)).split("because of")) == 5


def test_times_are_of_utc() -> None:
    assert iso(1_800_000_000_007) == "2027-01-15T08:00:00.007Z"


@pytest.mark.parametrize("is_json", [True, False])
def test_another_library_tells_only_where_it_spoke(is_json: bool) -> None:
    with logged(is_json=is_json) as written:
        try:
            raise KeyError(SECRET)
        except KeyError:
            logging.getLogger("trialbook.local").exception("it failed: %d", 7)
            logging.getLogger("urllib3.connectionpool").exception("%s", SECRET)
        loop = asyncio.new_event_loop()
        loop.call_exception_handler({"message": SECRET, "exception": KeyError(SECRET)})
        loop.close()
    assert len(written) == 3
    assert SECRET not in "".join(written)
    assert "it failed: 7" in written[0]
    assert "urllib3.connectionpool said so at " in written[1]
    assert "asyncio/base_events.py" in written[2]
    for line in written[:2]:
        assert "KeyError" in line
        assert "test_another_library_tells_only_where_it_spoke" in line


def test_a_record_that_cannot_be_rendered_is_dropped_without_a_word(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with logged() as written:
        logging.getLogger("trialbook").error("%d", SECRET)
    assert not written
    assert capfd.readouterr() == ("", "")


def _messages(kinds: set[str]) -> Iterator[tuple[Path, int, ast.expr]]:
    for folder in ("chalicelib", "local"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call) or not node.args:
                    continue
                called = node.func
                name = called.attr if isinstance(called, ast.Attribute) else ""
                if (called.id if isinstance(called, ast.Name) else name) in kinds:
                    yield path, node.lineno, node.args[0]


def test_messages_that_go_to_the_log_are_constants() -> None:
    """What is said of a full disk is the system's name of the error."""
    messages = list(_messages({Throttled.__name__, Unavailable.__name__}))
    assert len(messages) > 20
    made = [
        f"{path.name}: {ast.unparse(message)}"
        for path, _, message in messages
        if not (isinstance(message, ast.Constant) or ast.unparse(message).isupper())
    ]
    assert made == ["""disk_blobs.py: f'the disk cannot take the blob: {reason}'"""]


SENT: Final = re.compile(r"\b(error|message|body|url|query|headers?|value|content)\b")
"""Words of expressions that may hold what was sent."""


def test_no_line_of_ours_has_an_argument_that_was_sent() -> None:
    """A look at the code, so that a line that no test writes is looked at too."""
    lines = suspicious = 0
    for folder in ("chalicelib", "local"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Call(func=ast.Attribute(value=ast.Name(id="log" | "_log"))):
                        lines += 1
                    case _:
                        continue
                for argument in node.args:
                    told = ast.unparse(argument).replace("type(error).__name__", "")
                    is_text = isinstance(argument, ast.Constant)
                    if not is_text and SENT.search(told):
                        suspicious += 1
                        print(f"{path}:{node.lineno}: {told}")
    assert lines > 8
    assert not suspicious
