"""Logging what variants did, in the background: what both handles of an experiment share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import datetime
from typing import Any, Final

from trialbook.entries import Entry, Kind
from trialbook.errors import NotFound, TrialbookError
from trialbook.recorder import Recorder
from trialbook.variant_logs import variant_log

_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_BYTES_OF_A_VALUE: Final = 64
"""Memory for what waits is counted in values of metrics; this is what one takes in a batch."""


class VariantLogging:
    """Logging, which waits for nothing."""

    def __init__(self, recorder: Recorder, slug_or_id: str) -> None:
        self._recorder = recorder
        self.slug_or_id = slug_or_id

    def log(
        self,
        variant: str,
        *,
        input: Mapping[str, Any] | None = None,  # noqa: A002  # the name that the service gives it
        output: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        unit: str | None = None,
        covariates: Mapping[str, Any] | None = None,
        timestamp: datetime | int | None = None,
        log_id: str | None = None,
    ) -> str:
        """Log an execution of a variant; returns its id at once. The slug is needed, not the id.

        `metrics` are as those of `run.log`, at most 50; `unit` is whom the variant was shown to,
        whose logs belong together; `covariates` are what was known of the unit before; `timestamp`
        is an aware datetime or milliseconds since the epoch, now by default. `log_id` is one that
        was made earlier: the same log again counts once. What is logged is kept and sent as that of
        a run. Raises Invalid, TooLarge, and then nothing is logged.
        """
        log_id, body = variant_log(
            variant,
            input=input,
            output=output,
            metrics=metrics,
            context=context,
            unit=unit,
            covariates=covariates,
            timestamp=timestamp,
            log_id=log_id,
        )
        if not _SLUG.fullmatch(self.slug_or_id):  # it names a file
            raise NotFound(f"no such experiment: {self.slug_or_id}", code="not_found")
        outbox = self._recorder.variants_of(self.slug_or_id)
        if outbox.closed_because is not None:
            raise TrialbookError(outbox.closed_because)
        self._recorder.put(Entry(outbox, Kind.LOG, body), 1 + len(body) // _BYTES_OF_A_VALUE)
        return log_id

    def _flushing(self) -> Future[bool]:
        outbox = self._recorder.of_variants.get(self.slug_or_id)
        if outbox is not None:
            return self._recorder.flush(outbox)
        nothing: Future[bool] = Future()
        nothing.set_result(True)
        return nothing

    def _raise_refused(self) -> None:
        """Tell once what the service refused since the last time."""
        outbox = self._recorder.of_variants.get(self.slug_or_id)
        if outbox is not None:
            refused, outbox.refusals = outbox.refusals, []
            if refused:
                raise refused[0]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.slug_or_id}>"
