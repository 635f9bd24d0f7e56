"""The judged artifact searches of bench/search: they hold what their README claims."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter

FOLDER = Path(__file__).resolve().parents[2] / "bench" / "search"
WITH_CONTENT = {"config", "json", "log", "prompt", "report", "table", "text"}


class Artifact(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: str
    name: str
    kind: str
    tags: list[str]
    labels: dict[str, str]
    metrics: dict[str, float]
    tool_name: str | None
    description: str
    content: str


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    query: str
    style: Literal["words", "meaning", "mixed", "name"]
    relevant: dict[str, int]


@pytest.fixture(scope="module")
def artifacts() -> dict[str, Artifact]:
    rows = [Artifact.model_validate_json(line) for line in _lines("artifacts.jsonl")]
    repeated = [name for name, n in Counter(row.id for row in rows).items() if n > 1]
    assert repeated == []
    return {row.id: row for row in rows}


@pytest.fixture(scope="module")
def queries() -> list[Query]:
    return [Query.model_validate_json(line) for line in _lines("queries.jsonl")]


def test_there_are_enough_artifacts_and_queries_of_each_style(
    artifacts: dict[str, Artifact], queries: list[Query]
) -> None:
    assert len(artifacts) >= 320
    assert len(queries) >= 72
    assert len({query.query for query in queries}) == len(queries)
    styles = Counter(query.style for query in queries)
    assert styles["words"] >= 20
    assert styles["meaning"] >= 26
    assert styles["mixed"] >= 18
    assert styles["name"] >= 8


def test_artifacts_keep_to_the_sizes_of_the_readme(artifacts: dict[str, Artifact]) -> None:
    for artifact in artifacts.values():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", artifact.id)
        assert 1 <= len(artifact.name) <= 200
        assert len(artifact.tags) == len(set(artifact.tags)) <= 5
        assert len(artifact.content) <= 900
        assert not artifact.content or artifact.kind in WITH_CONTENT, artifact.id
    undescribed = sum(not artifact.description for artifact in artifacts.values())
    assert undescribed >= len(artifacts) / 6


def test_every_key_is_written_on_every_line_in_the_same_order() -> None:
    keys = TypeAdapter(dict[str, object])
    for file, model in (("artifacts.jsonl", Artifact), ("queries.jsonl", Query)):
        for line in _lines(file):
            assert list(keys.validate_json(line)) == list(model.model_fields)


def test_judgements_grade_known_artifacts_and_name_a_best_one(
    artifacts: dict[str, Artifact], queries: list[Query]
) -> None:
    for query in queries:
        assert query.query == query.query.strip() != ""
        assert query.relevant.keys() <= artifacts.keys(), query.query
        assert 2 <= len(query.relevant) <= 12, query.query
        assert set(query.relevant.values()) <= {1, 2, 3}, query.query
        assert 3 in query.relevant.values(), query.query


def test_a_meaning_query_shares_no_word_with_its_best_answers(
    artifacts: dict[str, Artifact], queries: list[Query]
) -> None:
    shared = {
        (query.query, best, word)
        for query in queries
        if query.style == "meaning"
        for best, grade in query.relevant.items()
        if grade == 3
        for word in _words(query.query) & _words(_searchable(artifacts[best]))
    }
    assert shared == set()


def test_a_words_or_name_query_shares_a_word_with_each_best_answer(
    artifacts: dict[str, Artifact], queries: list[Query]
) -> None:
    for query in queries:
        asked = re.findall(r"[a-z0-9]+", query.query.casefold())
        for best, grade in query.relevant.items():
            if grade == 3 and query.style in {"words", "name"}:
                text = _searchable(artifacts[best]).casefold()
                assert any(word in text for word in asked), (query.query, best)


def _lines(file: str) -> list[str]:
    return (FOLDER / file).read_text(encoding="utf-8").splitlines()


def _searchable(artifact: Artifact) -> str:
    labels = [text for label in artifact.labels.items() for text in label]
    parts = [artifact.name, *artifact.tags, *labels, artifact.description, artifact.content]
    return " ".join(parts)


def _words(text: str) -> set[str]:
    """Words of four letters or more, in lower case, without a final s, ing or ed."""
    found = re.findall(r"[^\W\d_]{4,}", text.casefold())
    return {re.sub(r"(?:ing|ed|s)$", "", word) for word in found}
