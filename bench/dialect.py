"""What every server's language has to say, and the shapes that it is said in.

Methods named as a verb return request bytes; `read_*` take an answer's body. Ids of runs are 32 hex
characters everywhere, so a request can be made once for `ANY_RUN` and aimed at a run by replacing
those bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

from bench.raw_client import Address, Connection, build_request

ANY_RUN: Final = "f" * 32
JSON_TYPE: Final = "application/json"


class Point(NamedTuple):
    """One value of a metric; `timestamp` in ms since the epoch."""

    key: str
    value: float
    step: int
    timestamp: int


class SeenRun(NamedTuple):
    """What a run's document says: last values, params and tags (without the server's own)."""

    run: str
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]


class File(NamedTuple):
    """Bytes to upload, hashed beforehand; `part_sha256` of each `part_bytes` piece."""

    content: bytes
    sha256: str
    part_bytes: int
    part_sha256: tuple[str, ...]

    @classmethod
    def of(cls, content: bytes, part_bytes: int) -> File:
        pieces = range(0, len(content), part_bytes)
        parts = tuple(_sha256(content[at : at + part_bytes]) for at in pieces)
        return cls(content, _sha256(content), part_bytes, parts)


class Dialect(ABC):
    """One server's language. `home` is the server's directory."""

    cursor_field: ClassVar[bytes] = b""
    """Names the token of the next page in an answer; empty when the server does not page."""
    uploads: ClassVar[bool] = True
    """Whether bytes can be sent over HTTP."""

    def __init__(self, address: Address, home: Path) -> None:
        self.address = address
        self.home = home

    @abstractmethod
    def create_experiment(self, name: str) -> bytes: ...

    @abstractmethod
    def read_experiment(self, body: bytes | bytearray) -> str:
        """The new experiment's id."""

    @abstractmethod
    def create_run(self, experiment: str, name: str) -> bytes: ...

    @abstractmethod
    def read_created_run(self, body: bytes | bytearray) -> str:
        """The new run's id."""

    @abstractmethod
    def log_metric(self, run: str, point: Point) -> bytes: ...

    @abstractmethod
    def log_batch(
        self,
        run: str,
        points: Sequence[Point],
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> bytes: ...

    @abstractmethod
    def get_run(self, run: str) -> bytes: ...

    @abstractmethod
    def read_run(self, body: bytes | bytearray) -> SeenRun: ...

    @abstractmethod
    def history(self, run: str, key: str, cursor: str | None) -> bytes:
        """The largest page that the server gives."""

    @abstractmethod
    def read_points(self, body: bytes | bytearray) -> list[tuple[int, float]]:
        """(step, value) of one page, by parsing its JSON whole."""

    @abstractmethod
    def search(self, experiment: str, where: str, order_by: str, limit: int) -> bytes: ...

    @abstractmethod
    def read_search(self, body: bytes | bytearray) -> list[SeenRun]: ...

    @abstractmethod
    def upload(
        self, connection: Connection, experiment: str, run: str, path: str, file: File
    ) -> None:
        """Store a run's artifact, all requests that it takes. Raises WrongAnswer."""

    @abstractmethod
    def download(
        self, connection: Connection, experiment: str, run: str, path: str
    ) -> bytes | bytearray:
        """A run's artifact, all requests that it takes. Raises WrongAnswer."""

    def read_cursor(self, body: bytes | bytearray) -> str | None:
        """The next page's token, found without parsing the JSON; None on the last page."""
        at = body.rfind(b'"' + self.cursor_field + b'"') if self.cursor_field else -1
        if at < 0:
            return None
        found = re.match(rb'"\w+"\s*:\s*"([^"]+)"', body[at : at + 8192])
        return found[1].decode() if found else None

    def _get(self, target: str, **headers: str) -> bytes:
        return build_request("GET", target, self.address, {**self._headers(), **headers})

    def _post(self, target: str, document: Mapping[str, Any]) -> bytes:
        headers = {**self._headers(), "Content-Type": JSON_TYPE}
        return build_request(
            "POST",
            target,
            self.address,
            headers,
            json.dumps(document, separators=(",", ":")).encode(),
        )

    def _headers(self) -> dict[str, str]:
        return {}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
