"""MLflow's calls, whose clients send what got no answer again without a key that tells it apart.

Most of them do the same again. What creates does it twice; and who deletes again what is gone is
told that it is not there, as by `mlflow server`.
"""

from __future__ import annotations

import json
import re
from typing import Final

import httpx

CREATE: Final = {
    "POST experiments/create",
    "POST runs/create",
    "POST logged-models",
    "POST registered-models/create",
    "POST model-versions/create",
}
RENAME: Final = "POST registered-models/rename"
DONE_ONCE: Final = {
    RENAME,
    "POST experiments/delete",
    "POST experiments/restore",
    "POST experiments/delete-experiment-tag",
    "POST runs/delete-tag",
    "DELETE registered-models/delete",
    "DELETE model-versions/delete",
    "DELETE logged-models/*/tags/*",
}
_CALL: Final = re.compile(r"/(?:ajax-)?api/[23]\.0/mlflow/(.+)")
_TAG_OF_MODEL: Final = re.compile(r"logged-models/[^/]+/tags/.+")


def call_of(request: httpx.Request) -> str | None:
    """Method and path of a call of tracking or the registry, without the key of a model's tag."""
    match = _CALL.fullmatch(request.url.path)
    if match is None:
        return None
    path = match[1] if _TAG_OF_MODEL.fullmatch(match[1]) is None else "logged-models/*/tags/*"
    return f"{request.method} {path}"


def creates(request: httpx.Request) -> bool:
    """Whether it makes something new each time that it comes."""
    return call_of(request) in CREATE


def says_that_it_was_done(request: httpx.Request, answer: httpx.Response) -> bool:
    """Of a request that wrote something before: that what it is to be done to is not there now.

    MLflow's client takes that for an error, and raises it.
    """
    return answer.status_code == 404 and call_of(request) in DONE_ONCE


def telling(request: httpx.Request) -> httpx.Request | None:
    """What asks for that which a request would have been answered; None where that is nothing."""
    if call_of(request) != RENAME:
        return None
    url = request.url.copy_with(path=request.url.path.removesuffix("rename") + "get")
    url = url.copy_with(params={"name": json.loads(request.content)["new_name"]})
    key = {"x-api-key": request.headers["x-api-key"]}
    return httpx.Request("GET", url, headers=key)
