"""Files of what runs, and the variants of experiments, have yet to tell the service.

One folder for each service and key, and in it for each run or experiment and process that logs:

    <run>.<process>.jsonl      a header, then records in order; appended, never changed
    <run>.<process>.sent       after each record that was sent, how far that is
    <run>.<process>.rejected   records that the service refused for good, each with its reason

A file of an experiment begins with `variants-<slug>` in place of the run.
A record is `{"key": idempotency key, "do": "create" | "batch" | "end" | "logs", "body": …}`. Its
bytes are sent as they are here, so a record that is sent twice is the same request. Whoever has a
file open holds its lock. The last line may be torn by a crash; it was not promised to anybody yet.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from trialbook._json import encode
from trialbook._locks import try_lock
from trialbook.config import state_dir
from trialbook.errors import TrialbookError, json_object

_log = logging.getLogger("trialbook.client")
Do = Literal["create", "batch", "end", "logs"]
_BODY: Final = b',"body":'
_ENDING: Final = b"}\n"
_READ_BYTES: Final = 128 * 1024
"""A batch of 1,000 points is about half of that."""
_BINARY: Final[int] = getattr(os, "O_BINARY", 0)
"""Windows would write other bytes than it is given."""
_RECORD: Final = re.compile(rb'\{"key":"([\w.-]{1,80})","do":"(create|batch|end|logs)"' + _BODY)


class Record(NamedTuple):
    """`body` is JSON, as it is to be sent."""

    key: str
    do: Do
    body: bytes

    def line(self) -> bytes:
        return b'{"key":"%s","do":"%s"%s%s%s' % (
            self.key.encode(),
            self.do.encode(),
            _BODY,
            self.body,
            _ENDING,
        )


def new_record(do: Do, body: bytes) -> Record:
    """With an idempotency key of its own."""
    return Record(str(uuid.uuid4()), do, body)


def spool_folder(url: str, key_id: str, root: Path | None = None) -> Path:
    """Where files for this service and this key are: they are never sent to or with another."""
    scope = hashlib.sha256(f"{url}\n{key_id}".encode()).hexdigest()[:16]
    host = re.sub(r"[^a-z0-9.-]", "-", urlsplit(url).hostname or "")
    return (root or state_dir() / "spool") / f"{host[:100]}-{scope}"


class Journal:
    """One open file of the spool. `run_id` is None until the service has created the run.

    `slug` is that of the experiment when the file holds logs of its variants.
    """

    def __init__(
        self, path: Path, descriptor: int, run_id: str | None, sent: int, slug: str | None
    ) -> None:
        """The file is locked. `sent` is the offset up to which it has been sent."""
        self.path = path
        self.run_id = run_id
        self.slug = slug
        self._descriptor = descriptor
        self._sent = sent
        self._size = os.fstat(descriptor).st_size
        self._marks: int | None = None
        self._unsynced = False

    @classmethod
    def create(
        cls,
        folder: Path,
        url: str,
        key_id: str,
        label: str,
        run_id: str | None,
        slug: str | None = None,
    ) -> Journal:
        """A new file for this process; `label` names it. Raises OSError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{label}.{os.getpid()}-{uuid.uuid4().hex[:8]}"
        # locked and with its header before anybody can find it
        draft, path = folder / f"{name}.new", folder / f"{name}.jsonl"
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
        try:
            try_lock(descriptor)
            header = {"spool": 1, "url": url, "key_id": key_id, "run_id": run_id}
            header |= {"slug": slug} if slug is not None else {}
            line = encode(header) + b"\n"
            _write(descriptor, line, 0)
            draft.rename(path)
            return cls(path, descriptor, run_id, len(line), slug)
        except BaseException:
            os.close(descriptor)
            draft.unlink(missing_ok=True)
            raise

    @classmethod
    def open(cls, path: Path) -> Journal | None:
        """What an earlier process left. None when somebody else has it, or it is gone.

        Raises TrialbookError when it cannot be read.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | _BINARY)
        except FileNotFoundError:
            return None
        try:
            if not try_lock(descriptor) or os.fstat(descriptor).st_nlink == 0:
                os.close(descriptor)
                return None
            with path.open("rb") as lines:
                first = lines.readline()
            header = json_object(json.loads(first))
            marks = _last_mark(path.with_suffix(".sent"))
            run_id = marks.get("run_id") or header["run_id"]
            sent = int(marks.get("sent", len(first)))
            return cls(path, descriptor, run_id, sent, header.get("slug"))
        except (OSError, ValueError, KeyError) as error:
            os.close(descriptor)
            raise TrialbookError(f"cannot read {path}: {error}") from None

    # -- writing --------------------------------------------------------------------------------

    def append(self, record: Record) -> None:
        """Whole or not at all; survives the process, and `sync` makes it survive the machine.

        Raises OSError.
        """
        self._size = _write(self._descriptor, record.line(), self._size)
        self._unsynced = True

    def sync(self) -> None:
        """Wait until the disk has what was appended."""
        if self._unsynced:
            self._unsynced = False
            os.fsync(self._descriptor)

    # -- sending --------------------------------------------------------------------------------

    def first(self) -> Record | None:
        """The first record that has not been sent; what cannot be read is put aside."""
        while True:
            line = self._line()
            if not line.endswith(b"\n"):
                return None
            found = _RECORD.match(line)
            if found is not None and line.endswith(_ENDING):
                do: Any = found[2].decode()
                return Record(found[1].decode(), do, line[found.end() : -len(_ENDING)])
            self._put_aside({"reason": "unreadable", "line": line.decode("utf-8", "replace")})
            self._advance(len(line))

    def mark_sent(self, record: Record) -> None:
        """The first record is done with, also for who opens the file after a crash."""
        self._advance(len(record.line()))

    def reject(self, record: Record, body: object, error: TrialbookError) -> None:
        """Keep aside what the service refused. `body` is the part of the record that it was."""
        self._put_aside(
            {"reason": str(error), "code": error.code, "do": record.do, "body": body}
            | ({"run_id": self.run_id} if self.run_id else {})
            | ({"slug": self.slug} if self.slug else {})
        )

    @property
    def size_bytes(self) -> int:
        return self._size

    @property
    def waiting_bytes(self) -> int:
        return self._size - self._sent

    @property
    def rejected_path(self) -> Path:
        return self.path.with_suffix(".rejected")

    def close(self) -> bool:
        """Let go of the file, and remove it when all of it was sent. Whether that was so."""
        done = self.first() is None
        if done:
            # while it is locked; Windows removes only what nobody has open
            _removed(self.path)
        self.abandon()
        if done:
            _removed(self.path)
            _removed(self.path.with_suffix(".sent"))
        return done

    def abandon(self) -> None:
        """Close without a look at the file. In a forked child the lock stays the parent's."""
        os.close(self._descriptor)
        if self._marks is not None:
            os.close(self._marks)

    def _line(self) -> bytes:
        """The first line that has not been sent; without its newline when it is torn or there is
        none. Not through a buffered file: that has a lock, and a child that is forked while the
        thread reads would find it held for ever."""
        os.lseek(self._descriptor, self._sent, os.SEEK_SET)
        line = bytearray()
        while piece := os.read(self._descriptor, _READ_BYTES):
            end = piece.find(b"\n")
            if end >= 0:
                return bytes(line + piece[: end + 1])
            line += piece
        return bytes(line)

    def _advance(self, size: int) -> None:
        self._sent += size
        # after a torn line, a line of its own
        mark = b"\n" + encode({"sent": self._sent, "run_id": self.run_id}) + b"\n"
        try:
            if self._marks is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | _BINARY
                self._marks = os.open(self.path.with_suffix(".sent"), flags, 0o600)
            os.write(self._marks, mark)
        except OSError as error:
            # after a crash the record is sent again, and is the same request
            _log.warning("cannot note what was sent of %s: %s", self.path, error)

    def _put_aside(self, entry: dict[str, Any]) -> None:
        with self.rejected_path.open("ab") as out:
            out.write(encode(entry) + b"\n")


def journals(folder: Path) -> Iterator[Path]:
    """The files of a folder, oldest first."""
    try:
        yield from sorted(folder.glob("*.jsonl"), key=_age)
    except FileNotFoundError:
        return


def _age(path: Path) -> tuple[float, str]:
    try:
        return path.stat().st_mtime, path.name
    except FileNotFoundError:
        return 0.0, path.name


def _write(descriptor: int, line: bytes, at: int) -> int:
    """The size with the line appended. What was written of half a line is cut off again."""
    os.lseek(descriptor, at, os.SEEK_SET)
    left = memoryview(line)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError:
        os.ftruncate(descriptor, at)
        raise
    return at + len(line)


def _last_mark(path: Path) -> dict[str, Any]:
    """The last whole line; none when nothing was sent yet."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    for line in reversed(lines):
        try:
            mark = dict(json_object(json.loads(line)))
        except ValueError:
            continue
        if isinstance(mark.get("sent"), int):
            return mark
    return {}


def _removed(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        return
