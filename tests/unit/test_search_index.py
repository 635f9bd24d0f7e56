"""The index of a tenant's artifacts in a file."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.ids import ArtifactId
from chalicelib.core.model.search import SearchDocument, SearchMode, SearchQuery
from chalicelib.search.index_file import IndexFile, OtherFormat
from tests.unit.bag_of_words import BagOfWords

MODES: tuple[SearchMode, ...] = ("lexical", "semantic", "hybrid")


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


@pytest.fixture
def index(tmp_path: Path) -> Generator[IndexFile]:
    opened = IndexFile(tmp_path / "index", BagOfWords())
    yield opened
    opened.close()


def found(index: IndexFile, text: str, mode: SearchMode = "hybrid", **more: object) -> list[str]:
    query = SearchQuery(text, mode, **more)  # pyright: ignore[reportArgumentType]
    return [match.artifact_id for match in index.search(query)]


@pytest.mark.parametrize("mode", MODES)
def test_what_has_the_words_is_found(index: IndexFile, mode: SearchMode) -> None:
    index.update(
        [
            document("resnet50.pt", "model vision", made=1),
            document("report.md", "report", "accuracy of the vision model"),
            document("prices.csv", "dataset"),
        ],
        [],
        "m1",
    )
    assert set(found(index, "vision", mode)) == {"resnet50.pt", "report.md"}
    assert found(index, "resnet", "lexical") == ["resnet50.pt"]
    assert found(index, "nothing at all", mode) == []
    assert found(index, "", mode) == []
    assert found(index, '\0 " OR ) words: * ^ NEAR(', mode) == []
    assert len(found(index, "vision", mode, limit=1)) == 1
    assert index.mark == "m1"


def test_a_word_in_the_name_weighs_more_than_one_in_the_content(index: IndexFile) -> None:
    index.update(
        [document("a.txt", "", "churn of customers"), document("churn.txt", "", "of customers")],
        [], None,
    )  # fmt: skip
    assert found(index, "churn", "lexical") == ["churn.txt", "a.txt"]


@pytest.mark.parametrize("mode", MODES)
def test_terms_and_time_narrow_before_the_ranking(index: IndexFile, mode: SearchMode) -> None:
    index.update(
        [document(f"vision {n}", terms=f"t{n % 2} u{n % 5}", made=n) for n in range(50)], [], None
    )
    assert set(found(index, "vision", mode, terms=["t1", "u3"])) == {
        f"vision {n}" for n in range(50) if n % 2 == 1 and n % 5 == 3
    }
    assert set(found(index, "vision", mode, from_ms=48)) == {"vision 48", "vision 49"}
    assert found(index, "vision", mode, terms=["t1"], limit=3, from_ms=47) == [
        "vision 47", "vision 49",
    ]  # fmt: skip
    assert found(index, "vision", mode, terms=["t2"]) == []


def test_common_words_find_nothing_by_themselves_in_a_hybrid_search(index: IndexFile) -> None:
    """In what order the words are does not matter, nor how many documents have them."""
    index.update([document(f"model {n}") for n in range(400)], [], None)
    index.update([document("churn of customers"), document("churn model")], [], None)
    for text in ("model churn customers", "customers churn model"):
        matches = index.search(SearchQuery(text, "hybrid", limit=500))
        by_words = {match.artifact_id for match in matches if "lexical" in match.by}
        assert by_words == {"churn of customers", "churn model"}
        assert len(matches) > 200


def test_a_match_says_why(index: IndexFile) -> None:
    index.update([document("vision model"), document("vision data")], [], None)
    first, second = index.search(SearchQuery("best vision model", "hybrid"))
    assert first.artifact_id == "vision model"
    assert list(first.words) == ["vision", "model"]
    assert list(second.words) == ["vision"]
    assert {mode: one.rank for mode, one in first.by.items()} == {"lexical": 1, "semantic": 1}
    assert first.by["semantic"].score == pytest.approx((2 / 3) ** 0.5, abs=0.02)
    assert first.score == pytest.approx(2 / 61)
    (alone,) = index.search(SearchQuery("data", "lexical"))
    assert alone.score == alone.by["lexical"].score > 0


def test_what_is_replaced_or_removed_is_found_no_more(index: IndexFile) -> None:
    index.update([document("a", "old words"), document("b", "old words")], [], "1")
    found(index, "old")  # vectors are in memory from now on
    index.update([document("a", "new words", version=2)], [ArtifactId("b"), ArtifactId("c")], "2")
    for mode in MODES:
        assert found(index, "old", mode) == []
        assert found(index, "new", mode) == ["a"]
    assert (index.count, index.mark) == (1, "2")
    assert index.versions([ArtifactId("a"), ArtifactId("b")]) == {"a": 2}


def test_what_is_changed_often_leaves_nothing_behind(index: IndexFile) -> None:
    index.update([document(f"vision {n}") for n in range(50)], [], None)
    index.update([document("champion", "vision")], [], None)
    first = index.search(SearchQuery("champion vision", "hybrid"))[0]
    for version in range(2, 1200):
        index.update([document("champion", "vision", version=version, terms="t")], [], None)
    again = index.search(SearchQuery("champion vision", "hybrid"))[0]
    assert (again.artifact_id, again.score) == (first.artifact_id, first.score)
    assert again.by["lexical"].score == pytest.approx(first.by["lexical"].score)
    # nothing else tells
    assert index._one("SELECT count(*) FROM term") == 1  # pyright: ignore[reportPrivateUsage]
    assert len(index._loaded()) == 51  # pyright: ignore[reportPrivateUsage]


def test_the_last_one_can_be_removed_and_another_come(index: IndexFile) -> None:
    index.update([document("a", "first")], [], None)
    index.update([], [ArtifactId("a")], None)
    index.update([document("b", "second")], [], None)
    assert found(index, "first") == []
    assert found(index, "second") == ["b"]


def test_a_copy_has_all_of_it(index: IndexFile, tmp_path: Path) -> None:
    index.update([document("a", "words", terms="t")], [], "mark")
    index.vacuum_into(tmp_path / "copy")
    copy = IndexFile(tmp_path / "copy", BagOfWords())
    for mode in MODES:
        assert found(copy, "words", mode, terms=["t"]) == ["a"]
    assert copy.mark == "mark"
    copy.update([document("b", "words")], [], None)
    assert set(found(copy, "words")) == {"a", "b"}
    copy.close()


def test_vectors_of_another_model_are_refused(tmp_path: Path) -> None:
    IndexFile(tmp_path / "index", BagOfWords()).close()
    with pytest.raises(OtherFormat, match="another-model"):
        IndexFile(tmp_path / "index", BagOfWords(model_id="another-model"))


@pytest.mark.parametrize("content", [b"nonsense" * 1000, b"SQLite format 3\x00" + b"\0" * 5000])
def test_what_is_no_index_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "index").write_bytes(content)
    with pytest.raises(OtherFormat):
        IndexFile(tmp_path / "index", BagOfWords())


ACTIONS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.none() | st.sampled_from(["red", "blue", "red blue"])),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(ACTIONS, st.integers(0, 30))
def test_whatever_happens_it_holds_what_there_is(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, str | None]], warm_at: int
) -> None:
    index = IndexFile(tmp_path_factory.mktemp("index") / "index", BagOfWords())
    there: dict[str, str] = {}
    for at, (name, about) in enumerate(actions):
        if at == warm_at:
            found(index, "red")
        if about is None:
            index.update([], [ArtifactId(name)], None)
            there.pop(name, None)
        else:
            index.update([document(name, about)], [], None)
            there[name] = about
    for mode in MODES:
        for color in ("red", "blue"):
            expected = {name for name, about in there.items() if color in about}
            assert set(found(index, color, mode)) == expected
    index.close()
