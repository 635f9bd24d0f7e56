"""What several tools say in the same words."""

from __future__ import annotations

from typing import Final

from chalicelib.api.mcp.tool import Argument

EXPERIMENT: Final = Argument("The experiment's id (32 hex characters) or its slug.")
RUN: Final = Argument(
    "The run's id, 32 hex characters, as search_runs gives it; a run's name is not its id."
)
CURSOR: Final = Argument("`next_cursor` of the page before, to read on; leave out for the first.")
STAGE: Final = Argument("`active`, or `deleted` for what was deleted and can be restored.")
NO_EXPERIMENT: Final = "Call list_experiments to see the ids and slugs that there are."
NO_RUN: Final = "Call search_runs to find runs and their ids."
NO_ARTIFACT: Final = (
    "Call list_artifacts_in_experiment to see the names in this experiment, or list_experiments"
    " when the experiment itself is not there."
)
