"""The official client and a real server: artifacts, resources and prompts, in both revisions."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, Final

import httpx
import pytest
from mcp import MCPDeprecationWarning, MCPError
from mcp.client.client import ConnectMode
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    ImageContent,
    ResourceLink,
    TextResourceContents,
)

from chalicelib.api.mcp.methods import INSTRUCTIONS
from tests.api.answers import Json, found, made
from tests.api.harness import EXPERIMENTS, KEYS, RUNS
from tests.api.mcp.official import (
    MODES,
    TIMEOUT_S,
    call,
    connected,
    experiment,
    refusal,
    result,
    structured,
    text_of,
)
from tests.api.mcp.places import READERS, TOOL_NAMES
from tests.api.named import data_url, png
from tests.api.process import Serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.integration,
    pytest.mark.anyio,
    pytest.mark.parametrize("mode", MODES),
]
REVISION: Final = {"auto": "2026-07-28", "legacy": "2025-11-25"}
PICTURE: Final = png(16, 16)
WAV: Final = b"RIFF$\0\0\0WAVEfmt "
BINARY: Final = bytes(range(256))


async def test_the_server_says_who_it_is_and_how_to_begin(
    server: Serving, mode: ConnectMode
) -> None:
    async with connected(server, mode) as client:
        assert client.protocol_version == REVISION[mode]
        info = client.server_info
        assert info is not None
        assert (info.name, info.title) == ("trialbook", "Trialbook")
        assert client.instructions == INSTRUCTIONS
        capabilities = client.server_capabilities
        assert capabilities.tools is not None
        assert capabilities.resources is not None
        assert capabilities.prompts is not None
        assert [one.name for one in (await client.list_tools()).tools] == TOOL_NAMES
        if mode == "legacy":
            with pytest.warns(MCPDeprecationWarning):
                await client.send_ping()  # pyright: ignore[reportDeprecated] # clients of then do


async def test_a_key_that_reads_is_shown_what_it_may_do(
    server: Serving, api: httpx.Client, mode: ConnectMode
) -> None:
    key = made(api.post(KEYS, json={"role": "read"}))["key"]
    async with connected(server, mode, key) as client:
        assert [one.name for one in (await client.list_tools()).tools] == READERS
        told = await refusal(client, "create_experiment", name="x")
        assert told.startswith("this tool needs a key with the role write")


async def test_all_seven_kinds_are_logged_and_read_back(server: Serving, mode: ConnectMode) -> None:
    values: dict[str, tuple[str, Any]] = {
        "conclusion": ("text", "sehr gut: ≥ 90 % 🎉"),
        "score": ("value", 0.1 + 0.2),
        "labels": ("list", ["a", 1, None, {"b": [True]}]),
        "settings": ("dict", {"lr": 1e-3, "layers": [64, 32], "ä": None}),
        "plot": ("image", data_url(PICTURE, "image/png")),
        "table": ("file", data_url("a;ä\n1;2\n".encode(), "text/csv")),
        "model": ("file", data_url(BINARY)),
        "voice": ("file", data_url(WAV, "audio/wav")),
    }
    async with connected(server, mode) as client:
        made_one = await experiment(client, mode, "kinds", description="all of them")
        here = {"experiment_id": made_one["slug"]}
        log = "log_artifact_in_experiment"
        for name, (kind, value) in values.items():
            logged = await call(client, log, **here, name=name, kind=kind, value=value)
            assert logged == {**here, "name": name, "kind": kind}
        for number in (1, 2.5):
            await call(client, log, **here, name="accuracy", kind="value", value=number)
        points = [{"x": x, "y": x * x} for x in (3, 1, 2)]
        await call(client, log, **here, name="curve", kind="timeseries", points=points)

        async def read(name: str) -> Json:
            return await call(client, "get_artifact_in_experiment", **here, artifact_name=name)

        for name in ("conclusion", "score", "labels", "settings"):
            shown = await read(name)
            assert (shown["kind"], shown["value"]) == ("value", values[name][1])
        curve = await read("curve")
        assert (curve["kind"], curve["x"]) == ("timeseries", {"label": "x", "type": "number"})
        assert curve["points"] == [{"x": x, "y": x * x} for x in (1, 2, 3)]
        accuracy = await read("accuracy")
        assert (accuracy["kind"], accuracy["x"]["type"]) == ("timeseries", "time")
        assert [point["y"] for point in accuracy["points"]] == [1, 2.5]
        for name, kind, mime in (
            ("plot", "image", "image/png"),
            ("table", "text", "text/csv"),
            ("model", "application", "application/octet-stream"),
            ("voice", "audio", "audio/wav"),
        ):
            shown = await read(name)
            assert (shown["kind"], shown["mime_type"]) == (kind, mime)
            assert shown["content_url"].endswith(f"/artifacts/{name}/content")

        first = await call(client, "list_artifacts_in_experiment", **here, limit=6)
        rest = await call(
            client, "list_artifacts_in_experiment", **here, limit=6, cursor=first["next_cursor"]
        )
        assert rest["next_cursor"] is None
        listed = {one["name"]: one for one in first["artifacts"] + rest["artifacts"]}
        assert list(listed) == sorted([*values, "accuracy", "curve"])
        for name, one in listed.items():
            assert one == {**await read(name), "points": None}, name


async def test_bytes_are_looked_at_or_linked(server: Serving, mode: ConnectMode) -> None:
    large = png() + b"\0" * 1_000_000
    async with connected(server, mode) as client:
        slug = (await experiment(client, mode, "bytes"))["slug"]
        for name, kind, body, mime in (
            ("plot", "image", PICTURE, "image/png"),
            ("notes", "file", b"# so far\n", "text/markdown"),
            ("voice", "file", WAV, "audio/wav"),
            ("model", "file", BINARY, "application/octet-stream"),
            ("poster", "image", large, "image/png"),
        ):
            await call(
                client,
                "log_artifact_in_experiment",
                experiment_id=slug, name=name, kind=kind, value=data_url(body, mime),
            )  # fmt: skip

        async def look(name: str) -> Any:
            return await result(
                client,
                "get_artifact_content_in_experiment",
                experiment_id=slug, artifact_name=name,
            )  # fmt: skip

        image = (await look("plot")).content[0]
        assert isinstance(image, ImageContent)
        assert (image.mime_type, base64.b64decode(image.data)) == ("image/png", PICTURE)
        assert text_of((await look("notes")).content[0]) == "# so far\n"
        sound = (await look("voice")).content[0]
        assert isinstance(sound, AudioContent)
        assert base64.b64decode(sound.data) == WAV
        for name, body in (("model", BINARY), ("poster", large)):
            shown = await look(name)
            note, link, _ = shown.content
            assert text_of(note).startswith("Too large to show, or no type that can be shown")
            assert isinstance(link, ResourceLink)
            assert (link.name, link.size, link.uri) == (
                name, len(body), structured(shown)["url"],
            )  # fmt: skip
            assert httpx.get(link.uri, timeout=TIMEOUT_S).content == body  # without a key


async def test_resources_are_listed_and_read_by_their_templates(
    server: Serving, api: httpx.Client, mode: ConnectMode
) -> None:
    async with connected(server, mode) as client:
        made_one = await experiment(client, mode, "resources", description="to attach")
        run_id = made(api.post(RUNS, json={"experiment_id": made_one["id"]}))["run_id"]
        for name, kind, value in (
            ("my plot", "image", data_url(PICTURE, "image/png")),
            ("notes", "file", data_url(b"so far", "text/plain")),
            ("score", "value", 1),
        ):
            await call(
                client,
                "log_artifact_in_experiment",
                experiment_id=made_one["id"], name=name, kind=kind, value=value,
            )  # fmt: skip
        listed = {one.uri: one for one in (await client.list_resources()).resources}
        uri = f"trialbook://experiments/{made_one['id']}"
        assert (listed[uri].name, listed[uri].title) == (made_one["slug"], f"resources {mode}")
        assert listed[uri].description == "to attach"
        templates = [
            one.uri_template for one in (await client.list_resource_templates()).resource_templates
        ]

        async def read(uri: str) -> list[Any]:
            contents = (await client.read_resource(uri)).contents
            assert all(one.uri == uri for one in contents)
            return contents

        (text,) = await read(templates[0].format(experiment_id=made_one["slug"]))
        assert isinstance(text, TextResourceContents)
        shown, by_route = json.loads(text.text), found(api.get(f"{EXPERIMENTS}/{made_one['id']}"))
        # what is counted meanwhile may be in the one and not in the other
        assert {**shown, "counts": {}} == {**by_route, "counts": {}}
        (text,) = await read(templates[1].format(run_id=run_id))
        assert json.loads(text.text) == found(api.get(f"{RUNS}/{run_id}"))

        def named(name: str) -> str:
            return templates[2].format(experiment_id=made_one["id"], artifact_name=name)

        (text,) = await read(named("score"))
        assert json.loads(text.text)["value"] == 1
        about, picture = await read(named("my%20plot"))
        assert json.loads(about.text)["name"] == "my plot"
        assert isinstance(picture, BlobResourceContents)
        assert (picture.mime_type, base64.b64decode(picture.blob)) == ("image/png", PICTURE)
        _, notes = await read(named("notes"))
        assert notes.text == "so far"

        sha256 = hashlib.sha256(PICTURE).hexdigest()
        body = {"kind": "model", "name": "net", "sha256": sha256, "mime": "image/png"}
        indexed = made(api.post("/api/v1/artifacts", json=body))
        about, picture = await read(templates[3].format(artifact_id=indexed["artifact_id"]))
        assert json.loads(about.text)["name"] == "net"
        assert base64.b64decode(picture.blob) == PICTURE
        for missing in ("trialbook://runs/none", uri[:-1] + "x", named("none"), "file:///x"):
            with pytest.raises(MCPError) as told:
                await read(missing)
            assert told.value.error.code == (-32602 if mode == "auto" else -32002)


async def test_prompts_bring_what_they_are_about(
    server: Serving, api: httpx.Client, mode: ConnectMode
) -> None:
    async with connected(server, mode) as client:
        ab = await experiment(
            client, mode, "prompts", status="active",
            variants=[{"key": "a", "weight": 50}, {"key": "b", "weight": 50}],
        )  # fmt: skip
        ids: list[str] = []
        for loss in (1.0, 2.0):
            run_id = made(api.post(RUNS, json={"experiment_id": ab["id"]}))["run_id"]
            found(api.post(f"{RUNS}/{run_id}/log-metrics", json={"metrics": {"loss": loss}}))
            ids.append(run_id)
        prompts = {one.name: one for one in (await client.list_prompts()).prompts}
        good: dict[str, tuple[dict[str, str], int]] = {
            "compare_runs": ({"run_ids": ", ".join(ids), "metrics": "loss"}, 2),
            "explain_regression": (
                {"run_id": ids[1], "baseline_run_id": ids[0], "metric": "loss"}, 4,
            ),
            "read_ab_test": ({"experiment_id": ab["slug"]}, 2),
        }  # fmt: skip
        assert prompts.keys() == good.keys()
        for name, (arguments, count) in good.items():
            given = await client.get_prompt(name, arguments)
            assert [one.role for one in given.messages] == ["user"] * count
            texts = [text_of(one.content) for one in given.messages]
            assert all(value in "".join(texts) for value in arguments.values())
            answered = texts[1].partition("\n")[2]
            assert json.loads(answered)
            missing = next(one.name for one in prompts[name].arguments or [] if one.required)
            bad: list[dict[str, str]] = [
                {},
                {**arguments, "frobnicate": "1"},
                {**arguments, missing: " "},
                {**arguments, missing: "0" * 32},
            ]
            for wrong in bad:
                with pytest.raises(MCPError) as told:
                    await client.get_prompt(name, wrong)
                assert told.value.error.code == -32602
                assert told.value.error.message
        with pytest.raises(MCPError):
            await client.get_prompt("write_a_poem")


async def test_a_stranger_is_turned_away(server: Serving, mode: ConnectMode) -> None:
    with pytest.raises(ExceptionGroup) as told:
        async with connected(server, mode, "tb_stranger_" + "s" * 40):
            pass
    assert "401" in repr(told.value.exceptions)
