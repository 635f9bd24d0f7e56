"""Files of runs in tests: sending, uploading, listing and reading them back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import httpx

from tests.api.answers import Json, found, made
from tests.api.harness import RUNS, Service

MIB: Final = 1024 * 1024
PART: Final = 64 * MIB
BODY: Final = b"the bytes of a model"
SHA256: Final = hashlib.sha256(BODY).hexdigest()


def send(
    service: Service,
    run_id: str,
    name: str,
    body: bytes = b"bytes",
    folder: str | None = None,
    mime: str | None = None,
) -> httpx.Response:
    return service.write.post(
        f"{RUNS}/{run_id}/log-artifact",
        params={} if folder is None else {"artifact_path": folder},
        files={"file": (name, body, mime) if mime else (name, body)},
    )


def send_form(service: Service, run_id: str, body: bytes, media_type: str) -> httpx.Response:
    headers = {"content-type": media_type}
    return service.write.post(f"{RUNS}/{run_id}/log-artifact", content=body, headers=headers)


def form(disposition: str, body: bytes = b"x") -> bytes:
    head = f"--b\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
    return head + body + b"\r\n--b--\r\n"


def listed(service: Service, run_id: str, path: str | None = None, **query: str | int) -> Json:
    params = query if path is None else {"path": path, **query}
    return found(service.read.get(f"{RUNS}/{run_id}/artifacts", params=params))


def paths(page: Json) -> list[str]:
    return [entry["path"] + ("/" if entry["is_dir"] else "") for entry in page["artifacts"]]


def where(service: Service, run_id: str, path: str) -> httpx.Response:
    return service.read.get(f"{RUNS}/{run_id}/artifacts/content", params={"path": path})


def download(service: Service, run_id: str, path: str) -> httpx.Response:
    redirect = where(service, run_id, path)
    assert redirect.status_code == 307, redirect.text
    answer = service.files.get(redirect.headers["location"])
    assert answer.status_code == 200, answer.text
    return answer


def uploads(run_id: str) -> str:
    return f"{RUNS}/{run_id}/artifacts/uploads"


def begin(service: Service, run_id: str, body: bytes = BODY, **fields: Any) -> Json:
    wanted: Json = {
        "path": "model.bin",
        "size_bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return made(service.write.post(uploads(run_id), json=wanted | fields))


def begin_large(service: Service, run_id: str, size_bytes: int, **fields: Any) -> Json:
    wanted = {"path": "large", "size_bytes": size_bytes, "sha256": "0" * 64}
    return made(service.write.post(uploads(run_id), json=wanted | fields))


def put(service: Service, part: Json, body: bytes | Iterator[bytes]) -> httpx.Response:
    return service.files.put(part["url"], content=body, headers=part["headers"])


def complete(service: Service, run_id: str, upload: Json, **body: Any) -> httpx.Response:
    return service.write.post(f"{uploads(run_id)}/{upload['upload_id']}/complete", json=body)
