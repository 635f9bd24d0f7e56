"""The folder that holds all of a local Trialbook's state.

lock               held by the running server
api-key            the key made at the first start, readable by its owner alone
trialbook.sqlite   the table
blobs/             the files
ingest/<tenant>/   the drop zone: files of lines put here are ingested
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


class HomeError(Exception):
    """The folder cannot be used; the message is one line for whoever started the server."""


class Home:
    """An existing, writable folder."""

    def __init__(self, path: Path) -> None:
        """Makes the folder (mode 0700) when it is missing. Raises HomeError."""
        path = path.absolute()
        self.path = path
        self.api_key_file = path / "api-key"
        self.table_file = path / "trialbook.sqlite"
        self.blobs_folder = path / "blobs"
        self.ingest_folder = path / "ingest"
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable(path, error) from None

    @contextmanager
    def locked(self) -> Generator[None]:
        """Keeps every other server out. Raises HomeError when one is in, or on a read-only folder.

        The kernel drops the lock with the process, however it ends.
        """
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unusable(self.path, error) from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
                raise HomeError(
                    f"{self.path} is in use by another server (process {owner or 'unknown'}); "
                    "stop it or set TRIALBOOK_HOME"
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
            yield
        finally:
            os.close(descriptor)

    def kept_api_key(self) -> str | None:
        """What the key file holds, None when there is none. Raises HomeError."""
        try:
            return self.api_key_file.read_text("ascii", errors="replace").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(self.path, error) from None

    def keep_api_key(self, api_key: str) -> None:
        """Write the key file (mode 0600), whole or not at all. Raises HomeError."""
        draft = self.path / "api-key.draft"
        try:
            draft.unlink(missing_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as out:
                out.write(api_key + "\n")
                out.flush()
                os.fsync(descriptor)
            draft.rename(self.api_key_file)
        except OSError as error:
            raise _unusable(self.path, error) from None


def _unusable(path: Path, error: OSError) -> HomeError:
    reason = (error.strerror or str(error)).lower()
    return HomeError(f"cannot write to {path} ({reason}); set TRIALBOOK_HOME to another folder")
