"""MLflow's artifact proxy: small files through us, large ones past us, folders, removal."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from chalicelib.api.handler import MAX_BODY_BYTES
from tests.api import files
from tests.api.answers import Json, found
from tests.api.harness import Service
from tests.api.mlflow.proxied import (
    PART,
    PROXY,
    create,
    download,
    end,
    listed,
    model,
    put,
    root,
    send,
    upload,
    url,
)
from tests.api.mlflow.tracking import TRACKING, said

TRICKY = "50% of ünï (1) [x] & = + ;,@'日.txt"


@pytest.fixture
def run(service: Service) -> Json:
    return service.run()


def test_a_small_file_through_the_proxy_is_a_file_of_the_run(service: Service, run: Json) -> None:
    body = bytes(range(256)) * 10
    assert found(put(service, f"{root(run)}/models/a.bin", body, "application/octet-stream")) == {}
    assert download(service, f"{root(run)}/models/a.bin") == body
    (file,) = files.listed(service, run["run_id"], "models")["artifacts"]
    assert (file["path"], file["size_bytes"], file["verified"]) == ("models/a.bin", 2560, True)
    assert file["sha256"] == hashlib.sha256(body).hexdigest()


def test_a_file_that_our_own_surface_took_is_read_through_the_proxy(
    service: Service, run: Json
) -> None:
    found(files.send(service, run["run_id"], "plot.txt", b"a plot", folder="plots"))
    assert listed(service, f"{root(run)}/plots") == [
        {"path": "plot.txt", "is_dir": False, "file_size": 6}
    ]
    assert download(service, f"{root(run)}/plots/plot.txt") == b"a plot"


@pytest.mark.parametrize("name", [TRICKY, "a b", "a:b", ".hidden"])
def test_a_name_is_kept_as_it_is(service: Service, run: Json, name: str) -> None:
    found(put(service, f"{root(run)}/in/{name}", b"through"))
    assert download(service, f"{root(run)}/in/{name}") == b"through"
    upload(service, f"{root(run)}/in", name, [b"past"])
    assert download(service, f"{root(run)}/in/{name}") == b"past"
    assert [one["path"] for one in listed(service, f"{root(run)}/in")] == [name]


@pytest.mark.parametrize("bodies", [[b""], [b"one part"], [b"a" * PART, b"b" * PART, b"c"]])
def test_bytes_of_unknown_size_go_past_us(service: Service, run: Json, bodies: list[bytes]) -> None:
    upload(service, f"{root(run)}/big", "file.dat", bodies)
    whole = b"".join(bodies)
    assert download(service, f"{root(run)}/big/file.dat") == whole
    (file,) = files.listed(service, run["run_id"], "big")["artifacts"]
    assert (file["size_bytes"], file["sha256"], file["verified"]) == (len(whole), None, False)


def test_the_digest_is_known_when_a_worker_has_read_the_bytes(service: Service, run: Json) -> None:
    upload(service, root(run), "file.dat", [b"some bytes"])
    service.pull()
    (file,) = files.listed(service, run["run_id"])["artifacts"]
    assert file["sha256"] == hashlib.sha256(b"some bytes").hexdigest()
    assert file["verified"]


def test_completing_twice_is_completing_once(service: Service, run: Json) -> None:
    created = create(service, root(run), "a")
    parts = send(service, created, [b"body"])
    for _ in range(2):
        assert found(end(service, "complete", root(run), created, parts=parts)) == {}
    assert download(service, f"{root(run)}/a") == b"body"


def test_bytes_cannot_change_once_they_are_completed(laptop: Service) -> None:
    run = laptop.run()
    created = create(laptop, root(run), "a")
    parts = send(laptop, created, [b"body"])
    found(end(laptop, "complete", root(run), created, parts=parts))
    assert laptop.files.put(created["credentials"][0]["url"], content=b"evil").is_error
    assert download(laptop, f"{root(run)}/a") == b"body"


def test_an_aborted_upload_leaves_nothing(service: Service, run: Json) -> None:
    created = create(service, root(run), "a")
    parts = send(service, created, [b"body"])
    for _ in range(2):
        assert found(end(service, "abort", root(run), created)) == {}
    said(end(service, "complete", root(run), created, parts=parts), 400, "INVALID_PARAMETER_VALUE")
    assert listed(service, root(run)) == []


def test_parts_that_were_not_sent_are_missed(service: Service, run: Json) -> None:
    created = create(service, root(run), "a", 2)
    (part,) = send(service, {**created, "credentials": created["credentials"][:1]}, [b"x"])
    for parts in ([], [part], [part, {"part_number": 2, "etag": '"none"'}]):
        answer = end(service, "complete", root(run), created, parts=parts)
        said(answer, 400, "INVALID_PARAMETER_VALUE")


def test_an_upload_has_as_many_parts_as_an_answer_has_room_for(service: Service, run: Json) -> None:
    created = create(service, root(run), "a", 2000)
    assert len(json.dumps(created)) < 5_500_000
    answer = service.write.post(url(root(run), "mpu/create"), json={"path": "a", "num_parts": 2001})
    told = said(answer, 400, "INVALID_PARAMETER_VALUE")
    assert "MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE" in told


@pytest.mark.parametrize(
    "sent, name",
    [
        ("/data/out/model.pkl", "model.pkl"),
        ("out/model.pkl", "model.pkl"),
        (r"D:\out\model.pkl", "model.pkl"),
        (r"\\host\share\model.pkl", "model.pkl"),
    ],
)
def test_a_path_on_the_clients_machine_tells_but_a_name(
    service: Service, run: Json, sent: str, name: str
) -> None:
    upload(service, root(run), sent, [b"x"])
    assert [one["path"] for one in listed(service, root(run))] == [name]


@pytest.mark.parametrize("sent", ["a#b", r"back\slash", "..", "a\tb", ""])
def test_a_name_that_would_not_be_found_again_is_refused(laptop: Service, sent: str) -> None:
    run = laptop.run()
    answer = laptop.write.post(url(root(run), "mpu/create"), json={"path": sent, "num_parts": 1})
    said(answer, 400, "INVALID_PARAMETER_VALUE")


def test_a_later_file_takes_the_place_of_an_earlier_one(service: Service, run: Json) -> None:
    path = f"{root(run)}/a.txt"
    found(put(service, path, b"first"))
    upload(service, root(run), "a.txt", [b"second"])
    service.pull()
    assert download(service, path) == b"second"
    found(put(service, path, b"third"))
    assert download(service, path) == b"third"
    assert len(listed(service, root(run))) == 1


def test_more_than_a_request_takes_is_refused_with_what_to_set(laptop: Service) -> None:
    run = laptop.run()
    path = f"{root(run)}/a"
    found(put(laptop, path, b"x" * MAX_BODY_BYTES))
    told = said(put(laptop, path, b"x" * (MAX_BODY_BYTES + 1)), 400, "INVALID_PARAMETER_VALUE")
    assert "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD=true" in told
    assert f"MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE={MAX_BODY_BYTES}" in told


# -- folders -------------------------------------------------------------------------------------


def test_a_folder_is_listed_level_by_level(service: Service, run: Json) -> None:
    for path in ("z.txt", "a/b/c.txt", "a/d.txt", "empty"):
        found(put(service, f"{root(run)}/{path}", b"" if path == "empty" else b"text"))
    assert listed(service, root(run)) == [
        {"path": "a", "is_dir": True},
        {"path": "empty", "is_dir": False, "file_size": 0},
        {"path": "z.txt", "is_dir": False, "file_size": 4},
    ]
    assert [one["path"] for one in listed(service, f"{root(run)}/a/")] == ["b", "d.txt"]
    assert listed(service, f"{root(run)}/nothing") == listed(service, f"{root(run)}/z.txt") == []
    assert listed(service, "") == listed(service, run["experiment_id"]) == []
    assert listed(service, f"./{root(run)}/./a/.") == listed(service, f"{root(run)}/a")


def test_the_tracking_call_lists_paths_from_the_root(service: Service, run: Json) -> None:
    for path in ("a/b/c.txt", "a/d.txt"):
        found(put(service, f"{root(run)}/{path}", b"text"))
    asked = {"run_id": run["run_id"], "path": "a"}
    answer = found(service.read.get(f"{TRACKING}/artifacts/list", params=asked))
    assert answer == {
        "root_uri": f"mlflow-artifacts:/{root(run)}",
        "files": [
            {"path": "a/b", "is_dir": True},
            {"path": "a/d.txt", "is_dir": False, "file_size": 4},
        ],
    }


@pytest.mark.slow
def test_a_folder_of_thousands_is_one_answer(laptop: Service) -> None:
    run = laptop.run()
    for number in range(1001):
        put(laptop, f"{root(run)}/many/{number:04}", b"")
    assert len(listed(laptop, f"{root(run)}/many")) == 1001


# -- removal -------------------------------------------------------------------------------------


def test_a_removed_file_takes_its_empty_folders_along(service: Service, run: Json) -> None:
    for path in ("a/b/c.txt", "a/b/d.txt", "e.txt"):
        found(put(service, f"{root(run)}/{path}", b"text"))
    assert found(service.write.delete(url(f"{root(run)}/a/b/c.txt"))) == {}
    assert [one["path"] for one in listed(service, f"{root(run)}/a/b")] == ["d.txt"]
    found(service.write.delete(url(f"{root(run)}/a/b/d.txt")))
    assert [one["path"] for one in listed(service, root(run))] == ["e.txt"]
    said(service.read.get(url(f"{root(run)}/a/b/d.txt")), 404, "RESOURCE_DOES_NOT_EXIST")


def test_a_removed_folder_takes_all_that_is_in_it(service: Service, run: Json) -> None:
    for path in ("a/b/c.txt", "a/d.txt", "ab.txt", "e/f.txt"):
        found(put(service, f"{root(run)}/{path}", path.encode()))
    for _ in range(2):
        assert found(service.write.delete(url(f"{root(run)}/a"))) == {}
    assert [one["path"] for one in listed(service, root(run))] == ["e", "ab.txt"]
    found(service.write.delete(url(f"{root(run)}/")))
    assert listed(service, root(run)) == []


def test_a_removed_file_is_counted_no_more_and_its_bytes_go(service: Service, run: Json) -> None:
    found(put(service, f"{root(run)}/a.txt", b"only here"))
    upload(service, root(run), "b.dat", [b"nor elsewhere"])
    service.pull()
    blobs, place = service.services.blobs, f"cas/{service.tenant}/"
    assert artifact_count(service, run) == 2
    assert len(blobs.list(place).blobs) >= 2  # more where an attempt got no answer
    found(service.write.delete(url(root(run))))
    assert artifact_count(service, run) == 0
    for _ in range(2):  # what they were promised for, and the grace
        service.clock.advance(8 * 24 * 3600)
        service.collect()
    assert blobs.list(place).blobs == []


def test_bytes_that_a_later_file_replaced_go(service: Service, run: Json) -> None:
    for body in (b"first", b"second"):
        upload(service, root(run), "a.dat", [body])
    service.pull()
    for _ in range(2):
        service.clock.advance(8 * 24 * 3600)
        service.collect()
    assert download(service, f"{root(run)}/a.dat") == b"second"
    assert len(service.services.blobs.list(f"cas/{service.tenant}/").blobs) == 1


def artifact_count(service: Service, run: Json) -> int:
    experiment = found(service.read.get(f"/api/v1/experiments/{run['experiment_id']}"))
    return experiment["counts"]["artifacts"]


# -- logged models -------------------------------------------------------------------------------


def test_files_of_a_logged_model_have_a_place_of_their_own(service: Service, run: Json) -> None:
    of_model = model(service, run["experiment_id"])
    found(put(service, f"{of_model}/MLmodel", b"flavors:"))
    upload(service, f"{of_model}/data", "model.pkl", [b"pickle"])
    service.pull()
    assert [one["path"] for one in listed(service, of_model)] == ["data", "MLmodel"]
    assert download(service, f"{of_model}/data/model.pkl") == b"pickle"
    assert listed(service, root(run)) == []
    assert artifact_count(service, run) == 2
    found(service.write.delete(url(f"{of_model}/data")))
    assert [one["path"] for one in listed(service, of_model)] == ["MLmodel"]


def test_a_logged_model_that_is_not_there_has_no_files(laptop: Service) -> None:
    nowhere = f"1/models/m-{'0' * 32}/artifacts"
    said(put(laptop, f"{nowhere}/a", b""), 404, "RESOURCE_DOES_NOT_EXIST")
    said(laptop.read.get(url(f"{nowhere}/a")), 404, "RESOURCE_DOES_NOT_EXIST")


# -- who may, and what is no path ----------------------------------------------------------------


def test_another_tenants_run_is_no_run_here(service: Service, run: Json) -> None:
    path = f"{root(run)}/secret.txt"
    found(put(service, path, b"secret"))
    created = create(service, root(run), "b")
    missing = {"run_id": "0" * 32, "experiment_id": run["experiment_id"]}
    for of in (run, missing):
        told = {
            said(answer, 404, "RESOURCE_DOES_NOT_EXIST").replace(of["run_id"], "id")
            for answer in (
                service.other.get(url(f"{root(of)}/secret.txt")),
                service.other.get(url(f"{root(of)}/secret.txt", "presigned")),
                service.other.get(f"{PROXY}/artifacts", params={"path": root(of)}),
                service.other.get(f"{TRACKING}/artifacts/list", params={"run_id": of["run_id"]}),
                service.other.put(url(f"{root(of)}/secret.txt"), content=b"x"),
                service.other.delete(url(f"{root(of)}/secret.txt")),
                service.other.post(url(root(of), "mpu/create"), json={"path": "b"}),
                service.other.post(
                    url(root(of), "mpu/abort"), json={"upload_id": created["upload_id"]}
                ),
            )
        }
        assert told == {"Run with id=id not found"}
    assert download(service, path) == b"secret"


def test_a_reader_reads_and_does_not_write(laptop: Service) -> None:
    run = laptop.run()
    path = f"{root(run)}/a"
    for answer in (
        laptop.read.put(url(path), content=b"x"),
        laptop.read.delete(url(path)),
        laptop.read.post(url(root(run), "mpu/create"), json={"path": "a"}),
    ):
        said(answer, 403, "PERMISSION_DENIED")
    said(laptop.anybody.get(url(path)), 401, "UNAUTHENTICATED")


def test_a_deleted_run_takes_no_files(laptop: Service) -> None:
    run = laptop.run()
    found(put(laptop, f"{root(run)}/a", b"kept"))
    assert laptop.write.delete(f"/api/v1/experiments/runs/{run['run_id']}").is_success
    said(put(laptop, f"{root(run)}/a", b"new"), 400, "INVALID_PARAMETER_VALUE")
    said(laptop.write.delete(url(f"{root(run)}/a")), 400, "INVALID_PARAMETER_VALUE")
    assert download(laptop, f"{root(run)}/a") == b"kept"


@pytest.mark.parametrize(
    "path", ["a", "0/traces/tr-1/artifacts/spans.json", "0/models/m-1/artifacts/a"]
)
def test_what_is_in_no_tree_is_not_there(laptop: Service, path: str) -> None:
    said(put(laptop, path, b"x"), 404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize("path", ["%2E%2E/a", "a/%2E%2E/%2E%2E/b", "a//b", "%2E/a", "a%5Cb", ""])
def test_a_path_that_leaves_the_tree_is_invalid(laptop: Service, path: str) -> None:
    place = f"{PROXY}/artifacts/{root(laptop.run())}/{path}"
    told = said(laptop.write.put(place, content=b"x"), 400, "INVALID_PARAMETER_VALUE")
    assert told.startswith("Invalid path")


@pytest.mark.parametrize("path", ["/etc/passwd", "/", "..", "0/../x", "{root}/../x", "/{root}"])
def test_no_folder_is_listed_above(laptop: Service, path: str) -> None:
    params = {"path": path.format(root=root(laptop.run()))}
    answer = laptop.read.get(f"{PROXY}/artifacts", params=params)
    assert said(answer, 400, "INVALID_PARAMETER_VALUE") == "Invalid path"


def test_a_location_of_the_experiments_own_changes_nothing(laptop: Service) -> None:
    wanted = {"name": "placed", "artifact_location": "mlflow-artifacts:/a/place"}
    made = found(laptop.write.post(f"{TRACKING}/experiments/create", json=wanted))
    run = laptop.run(made["experiment_id"])
    path = f"a/place/{run['run_id']}/artifacts/x.txt"
    found(put(laptop, path, b"x"))
    assert download(laptop, path) == b"x"


# -- what it costs -------------------------------------------------------------------------------


def test_what_files_cost(laptop: Service) -> None:
    run = laptop.run()
    listed(laptop, root(run))  # the keys are known from now on
    with laptop.budget(reads=2, transactions=1, writes=1, blobs=1):
        put(laptop, f"{root(run)}/a", b"through us")
    with laptop.budget(reads=1, transactions=1, blobs=1):
        created = create(laptop, f"{root(run)}/b", "c")
    parts = send(laptop, created, [b"past us"])
    with laptop.budget(reads=3, transactions=1, blobs=3):
        end(laptop, "complete", f"{root(run)}/b", created, parts=parts)
    with laptop.budget(reads=1):
        laptop.read.get(url(f"{root(run)}/b/c", "presigned"))
    with laptop.budget(reads=1, queries=1):
        listed(laptop, root(run))
    with laptop.budget(reads=4, queries=2, transactions=1, writes=1):
        laptop.write.delete(url(f"{root(run)}/b/c"))


def test_every_body_may_come_in_base64(laptop: Service) -> None:
    """As API Gateway sends them, which takes every type for a binary one."""
    from app import app

    run = laptop.run()
    key = laptop.write.headers["x-api-key"]
    path = f"artifacts/{root(run)}/a.txt"
    event = {
        "resource": f"{PROXY}/{{path+}}",
        "path": f"{PROXY}/{path}",
        "httpMethod": "PUT",
        "headers": {"x-api-key": key, "content-type": "text/plain"},
        "multiValueQueryStringParameters": None,
        "pathParameters": {"path": path},
        "requestContext": {
            "resourcePath": f"{PROXY}/{{path+}}",
            "httpMethod": "PUT",
            "path": f"/api{PROXY}/{path}",
            "requestId": "r",
        },
        "body": base64.b64encode(b"plain text").decode(),
        "isBase64Encoded": True,
    }
    assert app(event, None)["statusCode"] == 200
    assert download(laptop, f"{root(run)}/a.txt") == b"plain text"
