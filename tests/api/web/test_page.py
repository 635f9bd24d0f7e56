"""The document at `/` and the files that it names."""

from __future__ import annotations

import re
from typing import Any, cast

import httpx
import pytest

from app import app
from chalicelib.api.web.assets import assets
from tests.api.answers import refused
from tests.api.harness import Service
from tests.api.transports import AppTransport


def directives(answer: httpx.Response) -> dict[str, list[str]]:
    found = (one.split() for one in answer.headers["content-security-policy"].split(";"))
    return {name: values for name, *values in found}


def named_by(answer: httpx.Response) -> list[str]:
    """Addresses of files in the document."""
    return re.findall(r'"(assets/[^"]+)"', answer.text)


def test_the_document_needs_no_key_and_is_asked_for_again_each_time(laptop: Service) -> None:
    answer = laptop.anybody.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_its_files_are_kept_for_good(laptop: Service) -> None:
    names = named_by(laptop.anybody.get("/"))
    assert len(names) == 3
    for name in names:
        answer = laptop.anybody.get(f"/{name}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"


def test_a_file_of_another_version_is_gone(laptop: Service) -> None:
    for name in ("app.0000000000000000.js", "..%2Fpage.py", "main.js"):
        error = refused(laptop.anybody.get(f"/assets/{name}"), 404)
        assert "load the page again" in error["message"]


def test_nothing_inline_and_nothing_of_others_is_let_in(service: Service) -> None:
    answer = service.anybody.get("/")
    allowed = directives(answer)
    assert allowed["default-src"] == ["'none'"]
    assert allowed["script-src"] == allowed["style-src"] == ["'self'"]
    assert allowed["require-trusted-types-for"] == ["'script'"]
    signed = httpx.URL(
        service.services.blobs.presign_get(
            "a", mime="text/plain", disposition="inline", expires_s=60
        ).url
    )
    origin = f"{signed.scheme}://{signed.netloc.decode()}"
    assert allowed["connect-src"] == ["'self'", origin]
    assert re.search(r"<(script|style)(?![^>]*\ssrc=)[^>]*>|\son\w+=|style=", answer.text) is None
    assert re.search(r"https?://(?!www\.w3\.org/2000/svg)", answer.text) is None


def test_a_stage_before_every_path_is_its_base(laptop: Service) -> None:
    staged = AppTransport(laptop.services.clock, lambda: None, stage="/api")
    with httpx.Client(transport=staged, base_url="https://trialbook.test") as client:
        assert '<base href="/api/">' in client.get("/").text
    assert '<base href="/">' in laptop.anybody.get("/").text


def test_a_stage_that_is_asked_for_without_a_slash_is_its_base_too(laptop: Service) -> None:
    event: dict[str, Any] = {
        "path": "/",
        "headers": {},
        "multiValueQueryStringParameters": None,
        "requestContext": {"resourcePath": "/", "httpMethod": "GET", "path": "/api"},
    }
    assert '<base href="/api/">' in cast("Any", app)(event, None)["body"]


def test_no_module_turns_text_into_markup() -> None:
    script = assets().script.body
    own = script[script.index("// ./") :]
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser",
                "dangerouslySet", "eval(", "new Function"):  # fmt: skip
        assert way not in own, way


def test_a_post_to_it_is_refused(laptop: Service) -> None:
    assert laptop.anybody.post("/").status_code == 405


@pytest.mark.parametrize("name", ["script", "style", "chart"])
def test_a_name_tells_the_content(name: str) -> None:
    asset = getattr(assets(), name)
    assert re.fullmatch(r"\w+\.[0-9a-f]{16}\.(js|css)", asset.name)
