"""Previews of images: made of what is stored, found beside it, gone with it."""

from __future__ import annotations

import io

import httpx
from PIL import Image

from chalicelib import wiring
from chalicelib.core.model.stored_bytes import Owner
from chalicelib.domain.finalization import finalize
from chalicelib.domain.stored_bytes import GRACE_MS
from tests.api.answers import found, gone, made, refused
from tests.api.files import send
from tests.api.harness import RUNS, Service
from tests.api.indexed import ARTIFACTS, directory, indexed, sha256_of
from tests.api.mlflow import proxied
from tests.unit.images_given import halves, image_bytes, png, vast_png

STORED_BY = Owner("entry", "a test")
"""Who needs what `indexed` stores, besides the artifact."""
PLOT = image_bytes(halves(1000, 500), "PNG")


def deliver_all(service: Service) -> None:
    """The events of all objects of the tenant."""
    for blob in service.services.blobs.list(f"cas/{service.tenant}/").blobs:
        finalize(wiring.finalization(service.services), blob.key)


def of_file(service: Service, run_id: str, path: str, **headers: str) -> httpx.Response:
    url = f"{RUNS}/{run_id}/artifacts/preview"
    return service.read.get(url, params={"path": path}, headers=headers)


def of_artifact(service: Service, artifact_id: str, **headers: str) -> httpx.Response:
    return service.read.get(f"{ARTIFACTS}/{artifact_id}/preview", headers=headers)


def shown(service: Service, redirect: httpx.Response) -> Image.Image:
    assert redirect.status_code == 307, redirect.text
    answer = service.files.get(redirect.headers["location"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/webp"
    return Image.open(io.BytesIO(answer.content), formats=["WEBP"])


def test_an_image_that_mlflows_client_sent_has_a_preview(service: Service) -> None:
    run = service.run()
    proxied.upload(service, proxied.root(run), "plot.png", [PLOT])
    deliver_all(service)
    assert shown(service, of_file(service, run["run_id"], "plot.png")).size == (512, 256)


def test_an_image_has_a_preview_wherever_it_is_found(service: Service) -> None:
    run_id = service.run()["run_id"]
    found(send(service, run_id, "plot.png", PLOT, "plots/a b"))
    wanted = {"kind": "plot", "sha256": sha256_of(PLOT), "name": "plot.png"}
    artifact_id = made(service.write.post(ARTIFACTS, json=wanted))["artifact_id"]
    deliver_all(service)
    for redirect in (
        of_file(service, run_id, "plots/a b/plot.png"),
        of_artifact(service, artifact_id),
    ):
        assert redirect.headers["cache-control"] == "no-store"
        assert shown(service, redirect).size == (512, 256)
        answer = service.files.get(redirect.headers["location"])
        assert answer.headers["content-disposition"] == 'inline; filename="plot.png.webp"'


def test_where_it_is_can_be_told_in_json(service: Service) -> None:
    run_id = service.run()["run_id"]
    found(send(service, run_id, "plot.png", PLOT))
    artifact_id = indexed(service, PLOT)["artifact_id"]
    deliver_all(service)
    as_json = {"accept": "application/json"}
    for answer in (
        of_file(service, run_id, "plot.png", **as_json),
        of_artifact(service, artifact_id, **as_json),
    ):
        told = found(answer)
        assert told.keys() == {"url", "expires_at"}
        assert service.files.get(told["url"]).status_code == 200


def test_there_is_none_of_other_bytes_of_broken_images_and_of_bombs(service: Service) -> None:
    run_id = service.run()["run_id"]
    bodies = {
        "text.png": b"no image",
        "broken.png": PLOT[: len(PLOT) // 2],
        "bomb.png": vast_png(50_000, 50_000),
        "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    }
    for name, body in bodies.items():
        found(send(service, run_id, name, body))
    artifact_id = directory(service, {"plot.png": PLOT})["artifact_id"]
    deliver_all(service)
    answers = [of_file(service, run_id, name) for name in bodies]
    for answer in (*answers, of_artifact(service, artifact_id)):
        error = refused(answer, 404)
        assert "there is no preview" in error["message"]
        assert "PNG, JPEG, GIF and WebP" in error["message"]
    (of_the_directory,) = service.services.blobs.list(f"previews/{service.tenant}/").blobs
    assert sha256_of(PLOT) in of_the_directory.key


def test_one_that_is_not_made_yet_is_told_from_a_file_that_is_not_there(service: Service) -> None:
    run_id = service.run()["run_id"]
    found(send(service, run_id, "plot.png", PLOT))
    assert "soon after" in refused(of_file(service, run_id, "plot.png"), 404)["message"]
    assert "no such file" in refused(of_file(service, run_id, "other.png"), 404)["message"]
    assert "no such artifact" in refused(of_artifact(service, "0" * 32), 404)["message"]


def test_a_preview_is_another_tenants_as_little_as_the_image(service: Service) -> None:
    run_id = service.run()["run_id"]
    found(send(service, run_id, "plot.png", PLOT))
    artifact_id = indexed(service, PLOT)["artifact_id"]
    deliver_all(service)
    url = f"{RUNS}/{run_id}/artifacts/preview"
    refused(service.other.get(url, params={"path": "plot.png"}), 403)
    refused(service.other.get(f"{ARTIFACTS}/{artifact_id}/preview"), 404)
    refused(service.anybody.get(f"{ARTIFACTS}/{artifact_id}/preview"), 401)


def test_an_image_that_is_saved_again_has_the_same_preview(service: Service) -> None:
    first, second = service.run()["run_id"], service.run()["run_id"]
    for run_id in (first, second):
        found(send(service, run_id, "plot.png", PLOT))
        deliver_all(service)
    places = {
        of_file(service, run_id, "plot.png").headers["location"].partition("?")[0]
        for run_id in (first, second)
    }
    assert len(places) == 1


def test_a_preview_is_removed_with_its_image(service: Service) -> None:
    artifact_id = indexed(service, PLOT)["artifact_id"]
    other_id = indexed(service, png())["artifact_id"]
    records = service.services.bytes.records
    records.table.transact([records.disowned(service.tenant, sha256_of(PLOT), STORED_BY)])
    deliver_all(service)
    assert len(service.services.blobs.list(f"previews/{service.tenant}/").blobs) == 2
    gone(service.write.delete(f"{ARTIFACTS}/{artifact_id}"))
    service.clock.advance(GRACE_MS / 1000 + 1)
    service.collect()
    assert len(service.services.blobs.list(f"previews/{service.tenant}/").blobs) == 1
    assert shown(service, of_artifact(service, other_id)).size == (3, 2)
