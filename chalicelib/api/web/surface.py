"""Routes of the page: the document at `/`, its files below `/assets`. They need no key."""

from __future__ import annotations

from abc import abstractmethod
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

from chalice.app import Blueprint

from chalicelib import wiring
from chalicelib.api.errors import error_body
from chalicelib.api.handler import INTERNAL, EventView, proxy_answer
from chalicelib.api.incoming import Event, Incoming, method_of, request_id_of
from chalicelib.api.request_log import RequestWork
from chalicelib.storage.keys import HEALTH_BLOB

routes = Blueprint(__name__)
FOR_GOOD: Final = "public, max-age=31536000, immutable"
SAFE: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}


class WebView(EventView):
    """What it serves is read at the first request: no other pays for it."""

    runs_long = False
    writes = False

    def __init__(self, name: str, route: str) -> None:
        self.__name__ = name
        self._route = route

    def __call__(self, event: Event) -> dict[str, Any]:
        with RequestWork() as work:
            try:
                answer = self.answered(Incoming(event))
            except Exception as error:  # noqa: BLE001 (whatever it was, the caller gets an answer)
                work.error = error
                answer = proxy_answer(500, error_body(500, INTERNAL, None, request_id_of(event)))
        work.answered(request_id_of(event), method_of(event), self._route, answer["statusCode"])
        return answer

    @abstractmethod
    def answered(self, incoming: Incoming) -> dict[str, Any]: ...


class Page(WebView):
    """The document: asked for again each time, for it names the files of this version."""

    def answered(self, incoming: Incoming) -> dict[str, Any]:
        headers = {
            "content-type": "text/html; charset=utf-8",
            "cache-control": "no-cache",
            "content-security-policy": _policy(),
            **SAFE,
        }
        return proxy_answer(200, _document(incoming.prefix()), headers)


class File(WebView):
    """A file of this version. One of another is gone, and the page is to be loaded again."""

    def answered(self, incoming: Incoming) -> dict[str, Any]:
        from chalicelib.api.web.assets import assets

        found = assets().find(incoming.path_values()["file_name"])
        if found is None:
            message = "there is no such file in this version; load the page again"
            return proxy_answer(404, error_body(404, message, None, incoming.request_id))
        headers = {"content-type": found.media_type, "cache-control": FOR_GOOD, **SAFE}
        return proxy_answer(200, found.body, headers)


@cache
def _document(prefix: str) -> str:
    from chalicelib.api.web.assets import assets
    from chalicelib.api.web.page import document

    return document(assets(), prefix)


def _policy() -> str:
    from chalicelib.api.web.page import policy

    # Signing asks nobody. On a laptop it is the page's own origin, or another name of it.
    signed = wiring.services().blobs.presign_get(
        HEALTH_BLOB, mime="text/plain", disposition="inline", expires_s=60
    )
    parts = urlsplit(signed.url)
    return policy(f"{parts.scheme}://{parts.netloc}")


def _register(view: WebView, path: str) -> None:
    decorate: Any = routes.route(
        path, methods=["GET", "HEAD"], name=view.__name__, content_types=[]
    )
    decorate(view)


_register(Page("web_page", "/"), "/")
_register(File("web_file", "/assets/{file_name}"), "/assets/{file_name}")
