"""Any number of made-up artifacts that read like the committed ones, and queries for them.

Sentences, names, tags, labels and metrics are those of `artifacts.jsonl`, with words put in place
of others: common ones as often as the committed texts have them, and rare ones out of 200,000, by
Zipf's law. So the vocabulary grows with the number of artifacts, as that of real texts does. The
same number gives the same artifact, everywhere and however many there are.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final, NamedTuple

from bench.search.quality import artifact_of, committed, judged
from chalicelib.core.ids import ArtifactId
from chalicelib.core.model.artifact import Artifact
from chalicelib.core.model.search import SearchDocument
from chalicelib.domain.artifact_documents import document_of

WITH_CONTENT: Final = 0.3
"""Of the artifacts are texts, of 200 to 2,000 characters, evenly by their logarithm."""
OTHER_WORDS: Final = 0.3
"""Of the words of a sentence are drawn from all texts."""
RARE_WORDS: Final = 0.06
"""Of the words of a sentence are rare ones."""
RARE: Final = 200_000
ARTIFACTS_PER_RUN: Final = 8
FIRST_MS: Final = 1_700_000_000_000
APART_MS: Final = 20_000
ONE_IN_TEN: Final = "label\0team\0t3"
ONE_IN_HUNDRED: Final = "label\0project\0p42"
"""Terms that as many artifacts have."""
_SYLLABLES: Final = [
    first + vowel + last for first in "bdfgklmnprstvz" for vowel in "aeiou" for last in "nrlst"
]


class _Parts(NamedTuple):
    """What the committed artifacts are made of."""

    artifacts: Sequence[dict[str, Any]]
    sentences: Sequence[str]
    words: Sequence[str]
    """As often as they occur."""
    stems: Sequence[str]
    """Of names, between their separators."""


def documents(first: int, count: int, *, version: int = 1) -> Iterator[SearchDocument]:
    """Those from this number on. A higher version has other texts. 0.1 ms each."""
    parts = _parts()
    for number in range(first, first + count):
        yield _document(parts, number, version)


def artifact_id(number: int) -> ArtifactId:
    """Of the artifact of this number."""
    return ArtifactId(_id(f"artifact {number}"))


def queries(count: int, among: int) -> list[str]:
    """Of two to eight words, the same each time: half of them from the judged queries, half what
    follows one another in a text of one of the `among` first artifacts."""
    draw = random.Random(f"queries {among}")
    typed = [one.query.split()[:8] for one in judged()]
    typed = [words for words in typed if len(words) > 1]
    found: list[str] = []
    while len(found) < count:
        if len(found) % 2:
            (document,) = documents(draw.randrange(among), 1)
            words = re.findall(r"[^\W_]+", f"{document.name} {document.about} {document.content}")
            start = draw.randrange(len(words))
            words = words[start : start + draw.randint(2, 8)]
        else:
            words = draw.choice(typed)
        if len(words) > 1:
            found.append(" ".join(words))
    return found


def _document(parts: _Parts, number: int, version: int) -> SearchDocument:
    draw = random.Random(number * 1000 + version)
    like = draw.choice(parts.artifacts)
    labels = dict(draw.choice(parts.artifacts)["labels"])
    labels |= {"team": f"t{number % 10}", "project": f"p{number % 100}"}
    run = number // ARTIFACTS_PER_RUN
    described = draw.random() < 5 / 6
    artifact: Artifact = replace(
        artifact_of(like),
        artifact_id=artifact_id(number),
        version=version,
        created_at_ms=FIRST_MS + number * APART_MS,
        name=_name(parts, draw),
        tags=tuple(dict.fromkeys((*like["tags"], *draw.choice(parts.artifacts)["tags"])))[:5],
        labels=labels,
        ids={"run_id": _id(f"run {run}"), "experiment_id": _id(f"experiment {run // 50}")},
        description=_text(parts, draw, draw.randint(20, 200)) if described else None,
    )
    content = ""
    if draw.random() < WITH_CONTENT:
        content = _text(parts, draw, int(200 * 10 ** draw.random()))
    return document_of(artifact, content)


def _name(parts: _Parts, draw: random.Random) -> str:
    name: str = draw.choice(parts.artifacts)["name"]
    stem, dot, ending = name.rpartition(".")
    words = re.split(r"[_-]", stem or name)
    words[draw.randrange(len(words))] = draw.choice(parts.stems)
    if draw.random() < 0.3:
        words.append(draw.choice((f"v{draw.randint(1, 30)}", f"2025{draw.randint(101, 1231):04}")))
    return "_".join(words) + dot + ending


def _text(parts: _Parts, draw: random.Random, characters: int) -> str:
    found: list[str] = []
    size = 0
    while size < characters:
        words = draw.choice(parts.sentences).split(" ")
        for at in range(len(words)):
            chance = draw.random()
            if chance < RARE_WORDS:
                words[at] = _rare(draw)
            elif chance < RARE_WORDS + OTHER_WORDS:
                words[at] = draw.choice(parts.words)
        found.append(" ".join(words))
        size += len(found[-1]) + 1
    return " ".join(found)[:characters]


def _rare(draw: random.Random) -> str:
    rank = int(RARE ** draw.random())
    size = len(_SYLLABLES)
    return "".join(_SYLLABLES[rank * factor % size] for factor in (1, 7, 131))[:9] + _end(rank)


def _end(rank: int) -> str:
    """Tells apart what the syllables do not."""
    return "" if rank < 1000 else "aeioulnrst"[rank // 1000 % 10] + "aeiou"[rank // 10_000 % 5]


def _id(name: str) -> str:
    return f"{random.Random(name).getrandbits(128):032x}"


@cache
def _parts() -> _Parts:
    artifacts = committed()
    texts = [text for one in artifacts for text in (one["description"], one["content"]) if text]
    sentences = [
        sentence for text in texts for sentence in re.split(r"(?<=[.!?])\s+|\n+", text) if sentence
    ]
    return _Parts(
        artifacts,
        sentences,
        [word for text in texts for word in text.split()],
        [stem for one in artifacts for stem in re.split(r"[_.-]", one["name"]) if stem],
    )
