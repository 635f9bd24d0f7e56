"""Words of artifacts and of queries, as the index of words takes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import accumulate
from math import log
from typing import Final
from unicodedata import normalize

TOKENIZER: Final = "porter unicode61 remove_diacritics 2"
"""FTS5's, of every index of words here."""
MAX_QUERY_WORDS: Final = 64
"""Of a longer query, the first ones that are no stop words."""
_STOP_WORDS: Final = (
    "a an and are as at be been but by can did do does for from had has have how i if in into is it"
    " its me my no not of on or our over so than that the their them then there these they this to"
    " under up was we were what when where which who will with you your"
)
STOP_WORDS: Final = frozenset(_STOP_WORDS.split())
_WORD: Final = re.compile(r"[^\W_]+")
_UPPER, _LOWER = "A-ZÀ-ÖØ-Þ", "a-zß-öø-ÿ"
_JOINT: Final = re.compile(
    rf"(?<=[{_LOWER}])(?=[{_UPPER}])"  # camelCase
    rf"|(?<=[{_UPPER}])(?=[{_UPPER}][{_LOWER}])"  # HTTPServer
    r"|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])"  # resnet50
)


def indexed_text(text: str) -> str:
    """The text, and behind it the parts of words that are several written as one: `resnet50` is
    found by `resnet`, and `confusionMatrix` by `matrix`."""
    text = normalize("NFC", text)  # a combining mark is no part of a word, as one is told here
    parts = [" ".join(split) for word in _WORD.findall(text) if len(split := _parts(word)) > 1]
    return f"{text} {' '.join(parts)}" if parts else text


def query_words(text: str) -> list[str]:
    """Distinct words to look for, in lower case, those that every text has left out; all of them
    when there are no others."""
    found = _WORD.findall(normalize("NFC", text))
    words = dict.fromkeys(part.lower() for word in found for part in (word, *_parts(word)))
    return [word for word in words if word not in STOP_WORDS][:MAX_QUERY_WORDS] or [*words]


def any_of(words: Iterable[str]) -> str:
    """A query of FTS5 for documents with one of them; there are no quotes in words."""
    return " OR ".join(f'"{word}"' for word in words)


def rarities(counts: Mapping[str, int], documents: int) -> dict[str, float]:
    """The inverse document frequency of words that so many of the documents have: more than BM25
    has, as there were a thousand documents more. Between the few of somebody who begins every word
    would be rare or common by chance."""
    return {
        word: log(1 + (max(0, documents - count) + 1000.5) / (count + 0.5))
        for word, count in counts.items()
    }


def rarer(weights: Mapping[str, float], weight: float) -> list[str]:
    """Without the most common words, as many as weigh less than this together."""
    words = sorted(weights, key=lambda word: weights[word])
    common = accumulate(weights[word] for word in words)
    return words[sum(1 for so_far in common if so_far < weight) :]


def _parts(word: str) -> list[str]:
    return _JOINT.split(word) if not word.islower() or not word.isalpha() else [word]
