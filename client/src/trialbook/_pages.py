"""Lists that come in pages, as asynchronous generators."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final, TypeVar

from trialbook._http import Api
from trialbook.models import Model

M = TypeVar("M", bound=Model)
_PAGE: Final = 1000


async def pages(
    api: Api,
    method: str,
    path: str,
    asked: Mapping[str, Any],
    key: str,
    model: type[M],
    limit: int | None,
) -> AsyncGenerator[M]:
    """The values below `key` of every page, at most `limit`. Cost: a request per page."""
    left, cursor = limit, None
    while left is None or left > 0:
        size = _PAGE if left is None else min(left, _PAGE)
        page = {k: v for k, v in asked.items() if v is not None} | {"limit": size}
        if cursor is not None:
            page["cursor"] = cursor
        if method == "POST":
            answer = await api.call(method, path, body=page)
        else:
            answer = await api.call(method, path, query=page)
        for item in answer[key][:left]:
            yield model.model_validate(item)
        if left is not None:
            left -= len(answer[key])
        cursor = answer.get("next_cursor")
        if cursor is None:
            return
