"""Words and pieces of words that an embedding knows: BERT's uncased WordPiece.

Ordinary English is cut as `bert-base-uncased` cuts it (Devlin et al. 2018, Wu et al. 2016). Names
of files, metrics and classes are cut into their words first, for `resnet50` and `trainLoss` mean
what `resnet 50` and `train loss` do.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from itertools import chain, islice
from typing import Final

CONTINUATION: Final = "##"
"""Before a piece that does not start its word."""
MAX_WORD: Final = 100
"""Characters; what is longer is no word."""
CACHED_WORDS: Final = 1 << 15
CACHED_LENGTH: Final = 64
"""Characters of a word that is remembered: what is longer hardly comes again."""
_PARTS: Final = re.compile(r"[A-Z]+s?(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
"""Of an identifier: `parseHTTPHeaders2` has four; `GPUs` is one."""
_IDEOGRAPHS: Final = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
"""Each of them is a word."""


class _Spacing(dict[int, str | None]):
    """What becomes of a character, found out when it first occurs: for `str.translate`."""

    def __missing__(self, code: int) -> str | None:
        self[code] = spaced = _spaced(chr(code))
        return spaced


def _spaced(character: str) -> str | None:
    if character in "\t\n\r":
        return " "
    category = unicodedata.category(character)
    if category == "Mn" or category.startswith("C") or character == "\ufffd":
        return None
    if category.startswith("Z"):
        return " "
    if category.startswith("P") or (character.isascii() and not character.isalnum()):
        return f" {character} "  # BERT counts ASCII's symbols, such as + and $, as punctuation
    code = ord(character)
    is_word = any(first <= code <= last for first, last in _IDEOGRAPHS)
    return f" {character} " if is_word else character


_SPACING: Final = _Spacing()


def words(text: str) -> list[str]:
    """Words, marks and ideographs in their order, without accents and control characters; capital
    letters stay."""
    if not text.isascii():
        text = unicodedata.normalize("NFD", text)
    return text.translate(_SPACING).split()


def parts(word: str) -> list[str]:
    """What an identifier of ASCII letters and digits is put together from; else the word alone."""
    return _PARTS.findall(word) if word.isascii() and word.isalnum() else [word]


class WordPiece:
    """Cuts texts into tokens of a vocabulary. Safe to share between threads.

    `vocabulary` maps a token to its id. A word of which a piece is not in it gives no token. What
    became of the last `CACHED_WORDS` words is remembered: such a word takes 0.5 µs, another 5.
    """

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        self._vocabulary = vocabulary
        self._longest = max(map(len, vocabulary), default=0)
        self._word_ids = lru_cache(CACHED_WORDS)(self._cut)

    def ids(self, text: str, limit: int | None = None) -> list[int]:
        """Ids of the text's tokens in their order, of the first `limit` of them."""
        found = chain.from_iterable(
            self._word_ids(word) if len(word) <= CACHED_LENGTH else self._cut(word)
            for word in words(text)
        )
        return list(islice(found, limit))

    def _cut(self, word: str) -> tuple[int, ...]:
        """A word that is a token stays whole, as `GitHub` and `mp3` do."""
        whole = self._vocabulary.get(word.lower())
        if whole is not None:
            return (whole,)
        return tuple(chain.from_iterable(map(self._pieces, map(str.lower, parts(word)))))

    def _pieces(self, word: str) -> list[int]:
        """The longest piece that fits, again and again."""
        found: list[int] = []
        start = 0
        if len(word) > MAX_WORD:
            return found
        while start < len(word):
            prefix = CONTINUATION if start else ""
            for end in range(min(len(word), start + self._longest), start, -1):
                piece = self._vocabulary.get(prefix + word[start:end])
                if piece is not None:
                    found.append(piece)
                    start = end
                    break
            else:
                return []
        return found
