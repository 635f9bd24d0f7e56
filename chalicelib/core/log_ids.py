"""Ids of variant logs: `log_` and a ULID, which begins with the time of the log.

Since the time is in the id, logs sort by it, and whoever has an id knows where its log is kept.
https://github.com/ulid/spec
"""

from __future__ import annotations

import re
from typing import Final, NewType

LogId = NewType("LogId", str)
PREFIX: Final = "log_"
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUE: Final = {character: value for value, character in enumerate(_ALPHABET)}
_TIME_CHARACTERS: Final = 10
_RANDOM_CHARACTERS: Final = 16
_LOG_ID: Final = re.compile(rf"log_[0-7][{_ALPHABET}]{{25}}")


def is_log_id(text: str) -> bool:
    """True for `log_` and 26 characters of Crockford's base 32, in upper case."""
    return _LOG_ID.fullmatch(text) is not None


def log_id(time_ms: int, random_bytes: bytes) -> LogId:
    """A new id of a log of this time (ms since the epoch). Needs 10 random bytes."""
    chance = int.from_bytes(random_bytes[:10], "big")
    return LogId(
        PREFIX + _spelled(time_ms, _TIME_CHARACTERS) + _spelled(chance, _RANDOM_CHARACTERS)
    )


def time_of(log: LogId) -> int:
    """Milliseconds since the epoch."""
    number = 0
    for character in log[len(PREFIX) : len(PREFIX) + _TIME_CHARACTERS]:
        number = number * 32 + _VALUE[character]
    return number


def first_at(time_ms: int) -> LogId:
    """The lowest id of this millisecond."""
    return LogId(PREFIX + _spelled(time_ms, _TIME_CHARACTERS) + "0" * _RANDOM_CHARACTERS)


def last_at(time_ms: int) -> LogId:
    """The highest id of this millisecond."""
    return LogId(PREFIX + _spelled(time_ms, _TIME_CHARACTERS) + "Z" * _RANDOM_CHARACTERS)


def before(log: LogId) -> LogId | None:
    """The id next below; None for the lowest there is."""
    number = 0
    for character in log.removeprefix(PREFIX):
        number = number * 32 + _VALUE[character]
    if number == 0:
        return None
    return LogId(PREFIX + _spelled(number - 1, _TIME_CHARACTERS + _RANDOM_CHARACTERS))


def _spelled(number: int, characters: int) -> str:
    found = ""
    for _ in range(characters):
        number, digit = divmod(number, 32)
        found = _ALPHABET[digit] + found
    return found
