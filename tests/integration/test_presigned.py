"""Bytes that go between the store and a process that knows a URL and no more."""

from __future__ import annotations

import random

import pytest

from tests.api.answers import found, refused
from tests.api.files import BODY, PART, begin, complete, listed, where
from tests.api.harness import Service
from tests.integration.stores import Stores

pytestmark = pytest.mark.engines


def test_a_file_goes_up_and_down_by_urls_alone(stores: Stores, service: Service) -> None:
    run_id = service.run()["run_id"]
    upload = begin(service, run_id)
    (part,) = upload["parts"]
    sent = stores.elsewhere("PUT", part["url"], part["headers"], BODY)
    assert sent.status == 200
    artifact = found(complete(service, run_id, upload))
    assert (artifact["size_bytes"], artifact["verified"]) == (len(BODY), True)
    url = where(service, run_id, "model.bin").headers["location"]
    received = stores.elsewhere("GET", url)
    assert (received.status, received.body) == (200, BODY)
    assert received.headers["content-disposition"].startswith("attachment")
    some = stores.elsewhere("GET", url, {"range": "bytes=4-8"})
    assert (some.status, some.body) == (206, BODY[4:9])


def test_a_url_takes_no_other_bytes_and_leads_nowhere_else(
    stores: Stores, service: Service
) -> None:
    run_id = service.run()["run_id"]
    upload = begin(service, run_id)
    (part,) = upload["parts"]
    other_bytes = bytes(reversed(BODY))
    other_url = part["url"].replace("X-Amz-Expires=", "X-Amz-Expires=1")
    for url, body in [
        (part["url"], other_bytes),
        (part["url"], BODY + b"!"),
        (other_url, BODY),
        (part["url"].partition("?")[0], BODY),
    ]:
        assert stores.elsewhere("PUT", url, part["headers"], body).status in {400, 403}
    assert stores.elsewhere("GET", part["url"]).status == 403
    refused(complete(service, run_id, upload), 409)
    assert listed(service, run_id)["artifacts"] == []


@pytest.mark.slow
def test_a_file_of_two_parts_goes_up_and_down_by_urls_alone(
    stores: Stores, service: Service
) -> None:
    run_id = service.run()["run_id"]
    body = random.Random(1).randbytes(PART + 1)
    upload = begin(service, run_id, body, path="large")
    sent = [
        stores.elsewhere("PUT", part["url"], part["headers"], body[first : first + PART])
        for part, first in zip(upload["parts"], (0, PART), strict=True)
    ]
    assert [one.status for one in sent] == [200, 200]
    parts = [{"part_number": n, "etag": one.headers["etag"]} for n, one in enumerate(sent, 1)]
    artifact = found(complete(service, run_id, upload, parts=parts))
    assert artifact["size_bytes"] == len(body)
    url = where(service, run_id, "large").headers["location"]
    assert stores.elsewhere("GET", url).body == body
