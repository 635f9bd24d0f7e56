"""Tools: what they find, and how they show it."""

from __future__ import annotations

import base64

import pytest

from chalicelib.api.mcp import contents
from chalicelib.api.mcp.tool import MAX_TEXT
from tests.api.answers import Json, found
from tests.api.harness import EXPERIMENTS, RUNS, Service
from tests.api.mcp.asking import LEGACY, call, called, note_of, text_of
from tests.api.mcp.places import PNG, place
from tests.api.named import SVG, data_url, log, png


@pytest.mark.parametrize("version", ["2026-07-28", LEGACY, "2025-06-18"])
def test_every_tool_answers_as_it_declares_in_every_revision(
    service: Service, version: str
) -> None:
    for tool, arguments in place(service).calls().items():
        called(service.write, tool, arguments, version=version)


def test_what_a_reader_finds_is_what_its_route_answers(service: Service) -> None:
    at = place(service)
    read = service.read
    run, named = f"{RUNS}/{at.run_ids[0]}", f"{EXPERIMENTS}/{at.experiment_id}/artifacts"
    routes = {
        "list_experiments": read.get(EXPERIMENTS, params={"search": "digits", "limit": "20"}),
        "list_artifacts_in_experiment": read.get(named),
        "get_artifact_in_experiment": read.get(f"{named}/note"),
        "search_runs": read.post(f"{RUNS}/search", json={"experiment_ids": [at.experiment_id]}),
        "get_run": read.get(run),
        "compare_runs": read.post(f"{RUNS}/compare", json={"run_ids": at.run_ids}),
        "get_metric_history": read.get(f"{run}/metrics/loss"),
        "get_experiment_results": read.get("/experiment/prompts/results"),
    }
    for tool, answer in routes.items():
        assert call(read, tool, **at.calls()[tool]) == found(answer), tool


def test_a_null_is_an_argument_left_out(laptop: Service) -> None:
    place(laptop)
    assert call(laptop.read, "list_experiments", search=None, cursor=None, limit=None)["total"] == 2
    assert call(laptop.read, "list_experiments")["limit"] == 20


def test_arguments_that_are_null_are_none(laptop: Service) -> None:
    assert called(laptop.read, "list_experiments")["structuredContent"]["total"] == 0


def test_pages_are_walked_by_the_cursor_that_the_note_tells(service: Service) -> None:
    at = place(service)
    for number in range(5):
        service.run(at.experiment_id, name=f"run {number}")
    asked: Json = {"experiment_ids": [at.experiment_id], "limit": 3}
    names: list[str] = []
    cursor: str | None = None
    while True:
        given = asked if cursor is None else {**asked, "cursor": cursor}
        result = called(service.read, "search_runs", given)
        page = result["structuredContent"]
        names += [one["run_id"] for one in page["runs"]]
        cursor = page["next_cursor"]
        note = note_of(result)
        if cursor is None:
            assert note is None
            break
        assert note is not None
        assert f'call search_runs again with the same arguments and cursor="{cursor}"' in note
    assert len(names) == len(set(names)) == 7


def test_runs_are_found_by_the_filter_and_the_order_that_the_description_shows(
    service: Service,
) -> None:
    at = place(service)
    good = {
        "filter": "metrics.loss < 1.5 AND params.lr = '0' AND attributes.status = 'RUNNING'",
        "order_by": ["metrics.loss ASC", "start_time DESC"],
    }
    runs = call(service.read, "search_runs", experiment_ids=[at.slug], **good)["runs"]
    assert [run["run_id"] for run in runs] == at.run_ids[:1]


def test_an_artifact_is_logged_and_read_back(service: Service) -> None:
    at = place(service)
    named: Json = {"experiment_id": at.slug, "name": "score"}
    for value in (0.5, 0.75):
        result = called(
            service.write, "log_artifact_in_experiment", {**named, "kind": "value", "value": value}
        )
        assert result["structuredContent"] == {**named, "kind": "value"}
        assert "Read it back with get_artifact_in_experiment" in text_of(result)
    read = call(
        service.read, "get_artifact_in_experiment", experiment_id=at.slug, artifact_name="score"
    )
    assert read["kind"] == "timeseries"
    assert [point["y"] for point in read["points"]] == [0.5, 0.75]


def look(service: Service, experiment_id: str, name: str) -> Json:
    asked = {"experiment_id": experiment_id, "artifact_name": name}
    return called(service.read, "get_artifact_content_in_experiment", asked)


def test_a_picture_is_shown_as_one(service: Service) -> None:
    at = place(service)
    result = look(service, at.experiment_id, "plot")
    (image, _) = result["content"]
    assert (image["type"], image["mimeType"]) == ("image", "image/png")
    assert base64.b64decode(image["data"]) == PNG
    about = result["structuredContent"]
    assert (about["shown_as"], about["size_bytes"]) == ("image", len(PNG))
    assert service.files.get(about["url"]).content == PNG


@pytest.mark.parametrize(
    "mime, body, shown",
    [
        ("text/plain", "plain: ä".encode(), "text"),
        ("text/csv", b"a,b\n1,2\n", "text"),
        ("application/json", b'{"a": 1}', "text"),
        ("application/vnd.x+json", b"{}", "text"),
        ("image/svg+xml", SVG, "text"),
        ("audio/wav", b"RIFF", "audio"),
        ("image/tiff", b"II*\0", "link"),
        ("application/octet-stream", b"\0\1\2", "link"),
        ("application/zip", b"PK", "link"),
        ("video/mp4", b"....", "link"),
    ],
)
def test_bytes_come_as_what_can_be_looked_at_else_as_a_link(
    laptop: Service, mime: str, body: bytes, shown: str
) -> None:
    experiment_id = laptop.experiment()["id"]
    log(laptop, experiment_id, "it", "file", data_url(body, mime))
    result = look(laptop, experiment_id, "it")
    about = result["structuredContent"]
    assert (about["shown_as"], about["mime_type"], about["truncated"]) == (shown, mime, False)
    block = next(one for one in result["content"] if one["type"] != "text" or shown == "text")
    if shown == "text":
        assert block["text"] == body.decode()
    elif shown == "audio":
        assert (block["type"], base64.b64decode(block["data"])) == ("audio", body)
    else:
        assert (block["type"], block["size"]) == ("resource_link", len(body))
        assert laptop.files.get(block["uri"]).content == body
        note = note_of(result)
        assert note is not None
        assert mime in note


@pytest.mark.parametrize("more", [0, 1])
def test_a_megabyte_is_shown_and_a_byte_more_is_linked(laptop: Service, more: int) -> None:
    experiment_id = laptop.experiment()["id"]
    body = png()
    body += b"\0" * (contents.MAX_SHOWN_BYTES + more - len(body))
    log(laptop, experiment_id, "it", "image", data_url(body, "image/png"))
    result = look(laptop, experiment_id, "it")
    assert result["structuredContent"]["shown_as"] == ("link" if more else "image")
    if more:
        note = note_of(result)
        assert note is not None
        assert note.startswith("Too large to show")


def test_a_long_text_is_cut_and_says_where_the_rest_is(laptop: Service) -> None:
    experiment_id = laptop.experiment()["id"]
    text = "ä" * (contents.MAX_TEXT + 1)
    log(laptop, experiment_id, "it", "file", data_url(text.encode(), "text/plain"))
    result = look(laptop, experiment_id, "it")
    note, shown, _ = result["content"]
    assert note["text"].startswith(f"The first {contents.MAX_TEXT} characters")
    assert shown["text"] == text[:-1]
    about = result["structuredContent"]
    assert about["truncated"] is True
    assert laptop.files.get(about["url"]).content.decode() == text


def test_an_answer_that_is_too_long_to_read_is_cut_as_text_and_whole_as_content(
    laptop: Service,
) -> None:
    experiment_id = laptop.experiment()["id"]
    log(laptop, experiment_id, "it", "text", "x" * MAX_TEXT)
    asked = {"experiment_id": experiment_id, "artifact_name": "it"}
    result = called(laptop.read, "get_artifact_in_experiment", asked)
    assert result["structuredContent"]["value"] == "x" * MAX_TEXT
    note, shown = result["content"]
    assert "structuredContent has them all" in note["text"]
    assert len(shown["text"]) == MAX_TEXT


def test_a_history_is_thinned_out_and_says_so(service: Service) -> None:
    run_id = place(service).run_ids[0]
    service.log_values(run_id, "wave", [1.0] * 400 + [9.0, "NaN", "Infinity"] + [1.0] * 400)
    asked: Json = {"run_id": run_id, "key": "wave"}
    result = called(service.read, "get_metric_history", asked)
    history = result["structuredContent"]
    assert history["total"] == 803
    assert len(history["points"]) <= 250
    values = [point["value"] for point in history["points"]]
    assert 9.0 in values
    note = note_of(result)
    assert note is not None
    assert note.startswith("803 points were logged, and about 200 of them are shown")
    closer = called(
        service.read, "get_metric_history", {**asked, "start_step": 400, "end_step": 402}
    )
    assert [one["value"] for one in closer["structuredContent"]["points"]] == [
        9.0,
        "NaN",
        "Infinity",
    ]
    assert note_of(closer) is None


def test_warnings_come_before_results(service: Service) -> None:
    at = place(service)
    result = called(service.read, "get_experiment_results", {"experiment_id": at.ab_id})
    note = note_of(result)
    assert note is not None
    assert note.startswith("Before concluding anything:\n- ")
    assert result["structuredContent"]["warnings"]


def test_a_time_may_be_a_date_a_moment_or_milliseconds(laptop: Service) -> None:
    at = place(laptop)
    for given in ("2026-01-31", "2026-01-31T00:00:00Z", 1_769_817_600_000, "1769817600000"):
        window = {"from": given, "to": given}
        results = call(laptop.read, "get_experiment_results", experiment_id=at.ab_slug, **window)
        assert results["from"] == 1_769_817_600_000


def test_an_a_b_test_is_known_by_id_and_by_slug(service: Service) -> None:
    at = place(service)
    for named in (at.ab_id, at.ab_slug):
        logged = call(
            service.write, "log_variant_execution", experiment_id=named, variantKey="A", unitId="u"
        )
        assert logged["success"] is True
    service.pull()
    for named in (at.ab_id, at.ab_slug):
        results = call(service.read, "get_experiment_results", experiment_id=named)
        assert results["exposures"]["A"] == {"units": 1, "logs": 2}
