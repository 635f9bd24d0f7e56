"""The local router decides as API Gateway does."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from local.routing import RouteEntry, Router


def short() -> None:
    """Stands for a view."""


def long() -> None:
    """Stands for a view that is marked."""


long.runs_long = True  # type: ignore[attr-defined] # a function takes any attribute


@dataclass(frozen=True)
class Entry:
    view_function: type[None] | object = short


def router(*patterns: str) -> Router:
    return Router({pattern: {"GET": entry(short)} for pattern in patterns})


def entry(view: object) -> RouteEntry:
    return Entry(view)  # type: ignore[return-value] # only the attribute is read


def matched(of: Router, path: str) -> tuple[str, dict[str, str] | None] | None:
    found = of.match(path)
    return found and (found[0].pattern, found[1])


def test_a_path_without_variables_has_no_parameters() -> None:
    assert matched(router("/", "/health"), "/health") == ("/health", None)
    assert matched(router("/", "/health"), "/") == ("/", None)


def test_a_literal_segment_beats_a_variable() -> None:
    of = router("/runs/{run_id}", "/runs/compare")
    assert matched(of, "/runs/compare") == ("/runs/compare", None)
    assert matched(of, "/runs/comparison") == ("/runs/{run_id}", {"run_id": "comparison"})


def test_a_literal_that_leads_nowhere_gives_way_to_the_variable() -> None:
    of = router("/runs/metrics/history", "/runs/{run_id}/end")
    assert matched(of, "/runs/metrics/end") == ("/runs/{run_id}/end", {"run_id": "metrics"})


def test_values_stay_percent_encoded() -> None:
    of = router("/runs/{run_id}/metrics/{key}")
    assert matched(of, "/runs/7/metrics/a%2Fb%20c") == (
        "/runs/{run_id}/metrics/{key}",
        {"run_id": "7", "key": "a%2Fb%20c"},
    )


def test_a_greedy_variable_takes_the_rest_and_loses_to_everything_else() -> None:
    of = router("/files/{path+}", "/files/{name}", "/files/{name}/info", "/files/list")
    assert matched(of, "/files/list") == ("/files/list", None)
    assert matched(of, "/files/a") == ("/files/{name}", {"name": "a"})
    assert matched(of, "/files/a/info") == ("/files/{name}/info", {"name": "a"})
    assert matched(of, "/files/a/b%2Fc/d") == ("/files/{path+}", {"path": "a/b%2Fc/d"})
    assert matched(of, "/files/a/b/") == ("/files/{path+}", {"path": "a/b/"})


def test_a_greedy_variable_below_a_variable_gets_both_values() -> None:
    of = router("/{experiment}/files/{path+}")
    assert matched(of, "/e/files/a/b") == (
        "/{experiment}/files/{path+}",
        {"experiment": "e", "path": "a/b"},
    )


@pytest.mark.parametrize(
    "path",
    [
        "/runs/",
        "/runs/7/",
        "/runs//end",
        "/nothing",
        "/runs/7/end/more",
        "//",
        "",
        "/files/",
    ],
)
def test_empty_segments_and_trailing_slashes_are_not_found(path: str) -> None:
    of = router("/runs", "/runs/{run_id}", "/runs/{run_id}/end", "/files/{path+}")
    assert matched(of, path) is None


def test_head_is_answered_wherever_get_is() -> None:
    of = Router({"/a": {"GET": entry(short), "POST": entry(short)}, "/b": {"PUT": entry(short)}})
    found = of.match("/a")
    assert found is not None
    assert found[0].endpoints["HEAD"].method == "GET"
    assert found[0].allow == "GET, HEAD, OPTIONS, POST"
    found = of.match("/b")
    assert found is not None
    assert "HEAD" not in found[0].endpoints


def test_a_view_may_say_that_it_runs_long() -> None:
    found = Router({"/a": {"GET": entry(long), "PUT": entry(short)}}).match("/a")
    assert found is not None
    assert found[0].endpoints["GET"].runs_long
    assert found[0].endpoints["HEAD"].runs_long
    assert not found[0].endpoints["PUT"].runs_long


def test_two_names_for_the_variable_at_one_place_are_refused() -> None:
    with pytest.raises(ValueError, match="two names for the variable"):
        router("/experiments/{id}", "/experiments/{experiment_id}/artifacts")


def test_a_greedy_variable_anywhere_but_at_the_end_is_refused() -> None:
    with pytest.raises(ValueError, match="greedy"):
        router("/files/{path+}/info")
