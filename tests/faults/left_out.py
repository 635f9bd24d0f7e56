"""Tests of the API and of the client that say nothing where requests fail, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.faults import suite

COUNT: Final = "counts the requests to the stores, and shows nothing else"
OWN_FAULTS: Final = "makes a store fail itself, and looks at the answer to that one request"
LOG: Final = "compares what the log says of each request, which is made again"
TIME: Final = "measures time between requests, as if nobody had to wait and try again"
LARGE: Final = "is about sizes: its minutes of work meet the same few requests"
OBJECTS: Final = "counts stored objects while those of failed attempts wait to be collected"
REQUESTS: Final = "counts what our client sent or how often it waited, as if nothing came again"
AT_ONCE: Final = (
    "expects one delivery to bring everything; what is refused for now comes with another"
)
VERSION: Final = "changes what it read: whether a change that got no answer was made, nobody knows"
ONE_CLOCK: Final = (
    "writes from many threads at once: where one waits for a minute, the clock moves for all, and "
    "the deadlines of the others pass"
)
KEYS: Final = "counts API keys: a request for one is not known again, so it may make two"

_API: Final[dict[str, tuple[str, ...]]] = {
    COUNT: (
        "test_costs.py",
        "test_costs_artifacts.py",
        "test_costs_experiment_artifacts.py",
        "test_costs_ingest.py",
        "test_costs_variants.py",
        "mcp/test_costs.py",
        "mlflow/test_costs_models.py",
        "mlflow/test_artifact_proxy.py::test_what_files_cost",
        "mlflow/test_experiments.py::test_costs",
        "mlflow/test_metrics.py::test_costs",
        "mlflow/test_run_logs.py::test_costs",
    ),
    OWN_FAULTS: (
        "test_errors.py",
        "mcp/test_stores_in_trouble.py",
        "test_idempotency.py::test_a_second_request_while_the_first_is_in_flight_is_told_to_wait",
        "test_idempotency.py::test_what_died_in_flight_may_be_tried_again_after_a_minute",
    ),
    OBJECTS: ("test_finalization.py::test_an_abandoned_upload_leaves_nothing_behind",),
    LOG: ("test_request_log.py", "test_log_secrets.py"),
    LARGE: (
        "test_artifact_directories.py::test_thousands_of_files_are_indexed_located_and_fetched",
        "test_experiment_artifact_entries.py",
        "test_histories.py::test_more_than_100_000_points_in_all_are_refused",
        "test_sizes.py",
        "test_variant_scale.py",
        "mlflow/test_hostile_calls.py",
    ),
    ONE_CLOCK: ("test_variants.py::test_late_outcomes_of_two_writers_are_both_kept",),
    KEYS: ("test_keys.py::test_cursors_walk_over_every_key_once",),
    TIME: (
        "test_logging.py::test_metrics_are_logged_at_one_step_and_now",
        "test_runs.py::test_a_status_that_ends_a_run_sets_its_end_and_another_clears_it",
        "test_runs.py::test_a_run_is_ended",
        "test_variant_log_reads.py::test_an_export_that_somebody_works_on_is_left_to_them",
        "test_artifact_search.py::test_a_window_of_time_leaves_out_what_is_older",
    ),
}
_CLIENT: Final[dict[str, tuple[str, ...]]] = {
    REQUESTS: (
        "test_cli_ingest.py::test_without_waiting_the_id_is_printed",
        "test_ingest.py",
        "test_retries.py",
        "test_transfer_uploads.py::test_a_folder_is_sent_in_batches_and_equal_files_once",
        "test_transfer_uploads.py::test_a_put_that_failed_is_sent_again",
        "test_variants.py::test_a_batch_holds_at_most_what_the_service_takes",
        "test_variants.py::test_closing_the_client_sends_what_was_logged",
        "test_variants.py::test_an_export_that_is_being_made_is_asked_for_again",
    ),
    AT_ONCE: (
        "test_spool.py::test_a_file_that_is_being_logged_to_is_left_alone",
        "test_spool.py::test_a_service_that_comes_back_gets_it_all_from_the_same_process",
        "test_spool.py::test_a_run_begun_offline_gets_its_id_when_the_service_is_back",
        "test_variants_delivery.py",
    ),
    VERSION: (
        "test_client_runs.py::test_an_experiment_is_made_found_changed_deleted_and_restored",
    ),
}
LEFT_OUT: Final = frozenset(
    f"tests/{suite_name}/{test}"
    for suite_name, because in (("api", _API), ("client", _CLIENT))
    for tests in because.values()
    for test in tests
)
"""Modules, and tests without their parameters."""


def leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect them on the engines that fail."""
    left = [item for item in items if _is_faulty(item) and {*_names(item)} & LEFT_OUT]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in {*left}]


def _is_faulty(item: pytest.Item) -> bool:
    call: Any = getattr(item, "callspec", None)
    return call is not None and any(value in suite.NAMES for value in call.params.values())


def _names(item: pytest.Item) -> Iterator[str]:
    test = item.nodeid.partition("[")[0]
    yield test
    yield test.partition("::")[0]
