"""The API over S3 Vectors, which the change feed fills. The service is a stub that answers by the
documented shapes: nothing here ever ran against it."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from chalicelib import wiring
from chalicelib.core.context import Clock
from chalicelib.core.errors import Throttled
from chalicelib.core.model.search import SearchMode, SearchQuery
from chalicelib.domain import feed
from chalicelib.search.backend import SearchBackend, Source
from chalicelib.search.bedrock_embedding import BedrockEmbedder
from chalicelib.search.built_in import BuiltInSearch
from chalicelib.search.embedding import static_embedder
from chalicelib.search.s3_vectors import S3VectorsSearch
from chalicelib.search.snapshots import Snapshots
from chalicelib.settings import BadSetting, Settings
from chalicelib.wiring import Services
from tests.api.answers import found
from tests.api.harness import Service
from tests.api.indexed import ARTIFACTS, indexed
from tests.unit.s3_vectors_model import s3_vectors_client
from tests.unit.s3_vectors_stub import S3VectorsStub

MODES: tuple[SearchMode, ...] = ("lexical", "semantic", "hybrid")


@pytest.fixture
def stub() -> Generator[S3VectorsStub]:
    stub = S3VectorsStub("vectors")
    with stub.serving(s3_vectors_client()):
        yield stub


@pytest.fixture
def service(laptop: Service, stub: S3VectorsStub) -> Generator[Service]:
    """The laptop's stores, searched in the stub."""
    before = laptop.services

    def search_on(source: Source, _: Snapshots, __: Clock) -> SearchBackend:
        return S3VectorsSearch(s3_vectors_client(), "vectors", static_embedder(), source)

    on = wiring.services_on(before.table, before.blobs, before.clock, search_on=search_on)
    laptop.services = on
    wiring.install(on)
    yield laptop
    laptop.services = before
    wiring.install(before)


def told(service: Service) -> None:
    """Everything that changed, twice, as a stream may."""
    for _ in range(2):
        position = None
        to = wiring.projections(service.services)
        while True:
            page = service.services.table.changes(position)
            if not page.changes:
                break
            feed.dispatch(to, page.changes)
            position = page.next


def names(service: Service, query: str, mode: str) -> list[str]:
    body = {"query": query, "mode": mode}
    hits = found(service.read.post(f"{ARTIFACTS}/search", json=body))["hits"]
    return [hit["artifact"]["name"] for hit in hits]


@pytest.mark.parametrize("mode", MODES)
def test_what_the_feed_tells_is_found(service: Service, mode: str) -> None:
    kept = indexed(service, b"of giraffes and zebras", name="zoo.txt", kind="report")
    gone = indexed(service, name="giraffe.png", kind="image")
    told(service)
    assert set(names(service, "giraffe", mode)) == {"zoo.txt", "giraffe.png"}
    assert service.write.delete(f"{ARTIFACTS}/{gone['artifact_id']}").status_code == 204
    assert names(service, "giraffe", mode) == ["zoo.txt"]  # before the feed tells
    url = f"{ARTIFACTS}/{kept['artifact_id']}"
    found(service.write.patch(url, json={"description": "an elephant besides"}))
    told(service)
    assert names(service, "elephant", mode) == ["zoo.txt"]
    assert found(service.other.post(f"{ARTIFACTS}/search", json={"query": "giraffe"})) == {
        "hits": []
    }


def test_a_feed_that_is_throttled_is_told_again(service: Service, stub: S3VectorsStub) -> None:
    indexed(service, name="giraffe.png")
    stub.failures = ["TooManyRequestsException"] * 9
    with pytest.raises(feed.Interrupted) as interrupted:
        told(service)
    assert isinstance(interrupted.value.__cause__, Throttled)
    stub.failures = []
    told(service)
    assert names(service, "giraffe", "hybrid") == ["giraffe.png"]


def test_an_operator_puts_in_what_there_was_before(service: Service) -> None:
    for number in range(3):
        indexed(service, str(number).encode(), name=f"giraffe {number}.png")
    assert service.services.search().build(service.tenant) == 3
    query = SearchQuery("giraffe", "hybrid")
    assert len(service.services.search().search(service.context(), query)) == 3


def _secret(*_: object) -> bytes:
    return b"0" * 32


def made(monkeypatch: pytest.MonkeyPatch, **settings: str) -> Services:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setattr(wiring, "signing_key", _secret)
    environment = {"TRIALBOOK_TABLE": "t", "TRIALBOOK_BUCKET": "b", **settings}
    return wiring.aws_services(Settings.of_environment(environment))


def test_settings_choose_where_and_by_what(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(made(monkeypatch).search(), BuiltInSearch)
    none = {"TRIALBOOK_VECTOR_BUCKET": "none", "TRIALBOOK_EMBEDDER": "static"}
    assert isinstance(made(monkeypatch, **none).search(), BuiltInSearch)
    chosen = {"TRIALBOOK_VECTOR_BUCKET": "vectors", "TRIALBOOK_EMBEDDER": "bedrock"}
    assert isinstance(made(monkeypatch, **chosen).search(), S3VectorsSearch)
    settings = Settings("t", "b", "us-east-1", embedder="bedrock")
    assert isinstance(wiring.aws_embedder(settings, lambda _: object()), BedrockEmbedder)
    with pytest.raises(BadSetting, match="TRIALBOOK_EMBEDDER"):
        made(monkeypatch, TRIALBOOK_EMBEDDER="word2vec")
