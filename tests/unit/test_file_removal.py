"""Files that are removed while others come to the same folders: in every order, at any death."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.context import Context
from chalicelib.core.errors import Throttled
from chalicelib.core.ids import ExperimentId, RunId
from chalicelib.core.model.artifact import Folder
from chalicelib.core.model.run import Run
from chalicelib.domain import run_files
from tests.unit.histories import new_story
from tests.unit.interleaving import Act, Ended, explore
from tests.unit.stores import Stopped, Stores, stopping

pytestmark = pytest.mark.slow

RUN: Final = RunId("1" * 32)
NAMES: Final = st.sampled_from(["a", "b", "c"])
PATHS: Final = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


def prepared(*paths: str) -> Callable[[Stores], None]:
    def prepare(stores: Stores) -> None:
        now_ms, user = stores.clock.now_ms(), stores.context.user
        run = Run(RUN, ExperimentId("2" * 32), "a-run", now_ms, user)
        stores.runs.create(stores.tenant, run)
        for path in paths:
            save(path)(stores)

    return prepare


def save(path: str) -> Act:
    return lambda stores: run_files.save(stores.files, stores.context, RUN, path, b"x", "a/b")


def remove(path: str) -> Act:
    return lambda stores: run_files.remove(stores.files, stores.context, RUN, path)


def walked(stores: Stores, run_id: RunId = RUN, folder: str = "") -> set[str]:
    """Every file that is found from the root on; no folder on the way is empty."""
    page = run_files.level(stores.files, stores.context, run_id, folder, 100, None)
    assert page.entries or not folder, f"the folder is empty: {folder}"
    found: set[str] = set()
    for entry in page.entries:
        found |= walked(stores, run_id, entry.path) if isinstance(entry, Folder) else {entry.path}
    return found


def finds(*paths: str) -> Callable[[Ended], None]:
    def check(ended: Ended) -> None:
        for name, answer in ended.answers.items():
            assert not isinstance(answer, BaseException), f"{name}: {answer!r}"
        assert walked(ended.stores) == set(paths)

    return check


def test_a_file_that_comes_meanwhile_is_found_from_the_root(tmp_path: Path) -> None:
    actors = {"removed": remove("a/x"), "saved": save("a/y")}
    assert explore(tmp_path, prepared("a/x", "z"), actors, finds("a/y", "z")).ends > 1


def test_it_is_also_where_folders_are_in_folders(tmp_path: Path) -> None:
    actors = {"removed": remove("a/b/x"), "saved": save("a/b/y")}
    explore(tmp_path, prepared("a/b/x"), actors, finds("a/b/y"))


def test_two_who_remove_the_last_files_leave_no_folder(tmp_path: Path) -> None:
    actors = {"one": remove("a/x"), "other": remove("a/y")}
    explore(tmp_path, prepared("a/x", "a/y"), actors, finds())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(PATHS, max_size=12), PATHS | st.just(""), st.integers(0, 30))
def test_what_is_removed_is_what_is_at_or_below_the_path(
    stores: Stores, paths: set[str], gone: str, writes: int
) -> None:
    """Also when the process died after so many writes, and it was asked for again."""
    run_id, files, context = new_story(stores).run_id, stores.files, stores.context
    for path in paths:
        run_files.save(files, context, run_id, path, path.encode(), "a/b")
    try:
        dying = stores.on(stopping(stores.table, writes))
        run_files.remove(dying.files, dying.context, run_id, gone)
    except Stopped:
        pass
    run_files.remove(files, context, run_id, gone)
    left = {path for path in paths if gone and path != gone and not path.startswith(f"{gone}/")}
    assert walked(stores, run_id) == left


def test_a_removal_that_runs_out_of_time_says_so_and_goes_on_when_asked(stores: Stores) -> None:
    prepared("a/x", "a/y")(stores)
    late = Context(stores.context.principal, stores.clock, stores.clock.monotonic_s() - 1)
    with pytest.raises(Throttled):
        run_files.remove(stores.files, late, RUN, "a")
    remove("a")(stores)
    assert walked(stores) == set()
