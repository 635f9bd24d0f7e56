"""The four routes by which a file is uploaded: begin, sign parts, complete, abort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote

from trialbook._http import Api

INDEX_UPLOADS: Final = "/api/v1/artifacts/uploads"
MAX_SIGNED: Final = 100


@dataclass(frozen=True, slots=True)
class SignedPart:
    """A PUT of one part; parts that were signed together have the same `batch`."""

    number: int
    url: str
    headers: Mapping[str, str]
    batch: object


@dataclass(frozen=True, slots=True)
class OpenUpload:
    upload_id: str
    part_size: int
    part_count: int
    parts: Sequence[SignedPart]

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> OpenUpload:
        batch = object()
        return cls(
            answer["upload_id"],
            answer["part_size"],
            answer["part_count"],
            [SignedPart(p["part_number"], p["url"], p["headers"], batch) for p in answer["parts"]],
        )


@dataclass(frozen=True, slots=True)
class UploadRoutes:
    """Of the artifact index, or of a run's files."""

    api: Api
    base: str
    is_run: bool = False

    @classmethod
    def of_run(cls, api: Api, run_id: str) -> UploadRoutes:
        run = quote(run_id, safe="")
        return cls(api, f"/api/v1/experiments/runs/{run}/artifacts/uploads", is_run=True)

    @classmethod
    def of_index(cls, api: Api) -> UploadRoutes:
        return cls(api, INDEX_UPLOADS)

    async def begin(self, body: Mapping[str, Any]) -> OpenUpload | None:
        """None when the tenant has these bytes already."""
        answer = await self.api.call("POST", self.base, body=body)
        found = answer if self.is_run else answer["upload"]
        return None if found is None else OpenUpload.of(found)

    async def sign(
        self, upload_id: str, numbers: Sequence[int], digests: Mapping[int, str]
    ) -> Sequence[SignedPart]:
        """Parts of an upload that is under way. Raises NotFound, Conflict when it is not."""
        body: dict[str, Any] = {"part_numbers": list(numbers)}
        if digests:
            body["sha256"] = {str(number): digests[number] for number in numbers}
        answer = await self.api.call("POST", f"{self.base}/{upload_id}/parts", body=body)
        return OpenUpload.of(answer).parts

    async def complete(
        self, upload_id: str, parts: Sequence[Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        """Again is fine. Raises Invalid, NotFound, Conflict when bytes are missing."""
        answer = await self.api.call(
            "POST", f"{self.base}/{upload_id}/complete", body={"parts": list(parts)}
        )
        return cast("Mapping[str, Any]", answer)

    async def abort(self, upload_id: str) -> None:
        await self.api.call("DELETE", f"{self.base}/{upload_id}")
