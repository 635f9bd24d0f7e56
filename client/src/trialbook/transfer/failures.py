"""What a transfer raises besides the service's own errors."""

from __future__ import annotations

from trialbook.errors import TrialbookError


class FileChanged(TrialbookError):
    """A file was written to while it was being sent; nothing of it was kept."""


class Damaged(TrialbookError):
    """What came has another sha256 or length than what was stored; it was thrown away."""


class UnsafePath(TrialbookError):
    """A path that would be written outside of its folder, or through a link."""


class StoreRefused(TrialbookError):
    """The store of bytes did not take or give them; `status` is its answer's."""
