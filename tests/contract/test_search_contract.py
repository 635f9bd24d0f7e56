"""What every search of artifacts does. Each test runs on every engine, in every mode it offers.

S3 Vectors is a stub here (tests/unit/s3_vectors_stub.py): nothing ran against the service.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.core.ids import ArtifactId, TenantId
from chalicelib.core.model.search import SearchDocument, SearchMode
from tests.contract.search_engines import ENGINES, SearchEngine
from tests.folders import quick_folder

OTHER = TenantId("Acme")
EVERY_MODE = [(name, mode) for name, kind in ENGINES.items() for mode in kind.modes]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[SearchEngine]:
    """An engine that has no document."""
    with quick_folder() as folder, ENGINES[request.param].open(Path(folder)) as opened:
        yield opened


in_every_mode = pytest.mark.parametrize("engine, mode", EVERY_MODE, indirect=["engine"])


def document(
    name: str,
    about: str = "",
    content: str = "",
    *,
    version: int = 1,
    made: int = 1,
    terms: str = "",
) -> SearchDocument:
    """Its id is its name."""
    of = frozenset(terms.split())
    return SearchDocument(ArtifactId(name), version, made, of, name, about, content)


@in_every_mode
def test_what_has_the_words_is_found(engine: SearchEngine, mode: SearchMode) -> None:
    engine.put(
        document("resnet50.pt", "model vision"),
        document("report.md", "report", "accuracy of the vision model"),
        document("prices.csv", "dataset"),
    )
    assert set(engine.found("vision", mode)) == {"resnet50.pt", "report.md"}
    assert engine.found("ResNet", mode) == ["resnet50.pt"]
    assert engine.found("prices of nothing else", mode) == ["prices.csv"]


@in_every_mode
def test_there_is_nothing_to_find_before_something_is_put(
    engine: SearchEngine, mode: SearchMode
) -> None:
    assert engine.found("vision", mode) == []
    engine.put(document("vision.pt"))
    assert engine.found("vision", mode) == ["vision.pt"]


@in_every_mode
@pytest.mark.parametrize(
    "text", ["", " ", '\0 " OR ) : * ^ (', "🙂", "'); DROP TABLE", "x" * 3000, "word " * 3000]
)
def test_any_text_may_be_asked_for(engine: SearchEngine, mode: SearchMode, text: str) -> None:
    engine.put(document("vision.pt"))
    assert engine.found(text, mode) == []


@in_every_mode
def test_stop_words_alone_are_words(engine: SearchEngine, mode: SearchMode) -> None:
    engine.put(document("to be or not to be"), document("vision.pt"))
    assert engine.found("to be", mode) == ["to be or not to be"]
    assert engine.found("the vision of it", mode) == ["vision.pt"]


@in_every_mode
def test_terms_and_time_narrow_before_the_ranking(engine: SearchEngine, mode: SearchMode) -> None:
    """What fits is found, however much there is that fits better and lacks the terms."""
    engine.put(*(document(f"vision {n}", terms="kind\0other") for n in range(300)))
    engine.put(
        *(
            document(f"a vision of something {n}", terms=f"kind\0k{n % 2} tag\0t{n % 5}", made=n)
            for n in range(10, 60)
        )
    )
    fitting = {f"a vision of something {n}" for n in range(10, 60) if n % 2 == 1 and n % 5 == 3}
    assert set(engine.found("vision", mode, terms=["kind\0k1", "tag\0t3"])) == fitting
    late = {f"a vision of something {n}" for n in (58, 59)}
    assert set(engine.found("vision", mode, from_ms=58)) == late
    assert engine.found("vision", mode, terms=["kind\0k1"], from_ms=58) == [
        "a vision of something 59"
    ]
    assert engine.found("vision", mode, terms=["kind\0k1", "kind\0k0"]) == []
    assert engine.found("vision", mode, terms=["kind\0k9"]) == []


@in_every_mode
def test_a_tenant_finds_its_own_alone(engine: SearchEngine, mode: SearchMode) -> None:
    engine.put(document("vision one", terms="kind\0model"))
    engine.put(document("vision two", terms="kind\0model"), tenant=OTHER)
    assert engine.found("vision", mode) == ["vision one"]
    assert engine.found("vision", mode, OTHER) == ["vision two"]
    assert engine.found("vision", mode, OTHER, terms=["kind\0model"]) == ["vision two"]
    assert engine.found("vision", mode, TenantId("third")) == []


@in_every_mode
def test_of_tenants_that_put_the_same_id_none_sees_the_others(
    engine: SearchEngine, mode: SearchMode
) -> None:
    engine.put(document("a", "vision"))
    engine.put(document("a", "sound", version=2), tenant=OTHER)
    assert engine.found("vision", mode) == ["a"]
    assert engine.found("vision", mode, OTHER) == []
    engine.remove("a")
    assert engine.found("sound", mode, OTHER) == ["a"]


@in_every_mode
def test_a_newer_document_takes_the_place_of_the_one_before(
    engine: SearchEngine, mode: SearchMode
) -> None:
    engine.put(document("a", "vision", terms="tag\0old"))
    assert engine.found("vision", mode) == ["a"]
    engine.put(document("a", "sound", version=2, terms="tag\0new"))
    assert engine.found("vision", mode) == []
    assert engine.found("sound", mode, terms=["tag\0new"]) == ["a"]
    assert engine.found("sound", mode, terms=["tag\0old"]) == []


@in_every_mode
def test_what_is_put_twice_is_there_once(engine: SearchEngine, mode: SearchMode) -> None:
    engine.put(document("a", "vision"))
    engine.put(document("a", "vision"))
    assert engine.found("vision", mode) == ["a"]


@in_every_mode
def test_what_was_removed_is_not_found(engine: SearchEngine, mode: SearchMode) -> None:
    engine.put(document("a", "vision"), document("b", "vision"))
    engine.remove("a", "was never there")
    assert engine.found("vision", mode) == ["b"]
    engine.put(document("a", "vision", version=2))
    assert set(engine.found("vision", mode)) == {"a", "b"}


@in_every_mode
def test_what_was_forgotten_is_not_found(engine: SearchEngine, mode: SearchMode) -> None:
    engine.put(document("a", "vision"), document("b", "vision"))
    assert set(engine.found("vision", mode)) == {"a", "b"}
    engine.backend.forget(TenantId("acme"), [ArtifactId("a"), ArtifactId("was never there")])
    assert engine.found("vision", mode) == ["b"]


@in_every_mode
def test_a_tenant_without_documents_forgets_and_removes_nothing(
    engine: SearchEngine, mode: SearchMode
) -> None:
    engine.remove("a")
    engine.backend.forget(TenantId("acme"), [ArtifactId("a")])
    assert engine.found("vision", mode) == []


@in_every_mode
def test_the_limit_takes_the_best(engine: SearchEngine, mode: SearchMode) -> None:
    engine.put(*(document(f"v{n}", "vision " + "noise " * n) for n in range(8)))
    assert engine.found("vision", mode, limit=1) == ["v0"]
    assert len(engine.found("vision", mode, limit=5)) == 5
    assert len(engine.found("vision", mode, limit=8)) == 8


@in_every_mode
def test_many_may_be_asked_for(engine: SearchEngine, mode: SearchMode) -> None:
    engine.put(*(document(f"vision {n}") for n in range(250)))
    found = engine.found("vision", mode, limit=90)
    assert len(set(found)) == len(found) == 90


@in_every_mode
def test_scores_fall_and_places_tell_why(engine: SearchEngine, mode: SearchMode) -> None:
    engine.put(
        document("vision vision", "model"),
        document("vision", "report of noise and more noise"),
        document("noise", "dataset", "a vision model, a vision model, and other things to say"),
        document("nothing"),
    )
    matches = engine.search("vision model", mode)
    scores = [match.score for match in matches]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 0
    ways: list[SearchMode] = ["lexical", "semantic"] if mode == "hybrid" else [mode]
    assert [set(match.by) for match in matches] == [set(ways)] * 3
    for way in ways:
        ranks = {match.by[way].rank: match.by[way].score for match in matches}
        assert sorted(ranks) == [1, 2, 3]
        assert ranks[1] >= ranks[2] >= ranks[3]
    if mode == "hybrid":
        for match in matches:
            sums = sum(1 / (60 + match.by[way].rank) for way in ways)
            assert match.score == pytest.approx(sums)
    else:
        assert [match.by[mode].rank for match in matches] == [1, 2, 3]
        assert [match.by[mode].score for match in matches] == scores


@in_every_mode
def test_the_words_that_a_document_has_are_told(engine: SearchEngine, mode: SearchMode) -> None:
    engine.put(
        document("both", "vision models"),
        document("one", "a vision"),
        document("other", "", "of the model"),
    )
    words = {match.artifact_id: match.words for match in engine.search("the Vision model", mode)}
    assert words == {"both": ["vision", "model"], "one": ["vision"], "other": ["model"]}
