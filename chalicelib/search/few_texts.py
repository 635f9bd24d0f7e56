"""Which of some words are in a few texts, as the index of words would tell it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import NamedTuple

from chalicelib.search.words import TOKENIZER


class Looked(NamedTuple):
    """`ranking` has the numbers of the texts that have any of the words, by BM25 among these texts,
    the best first; `words` are, of each text, those that it has."""

    ranking: list[tuple[int, float]]
    words: list[list[str]]


def look_through(texts: Sequence[str], words: Sequence[str]) -> Looked:
    """The words have no quotes in them. Takes some 35 ms a megabyte of text."""
    found = [list[str]() for _ in texts]
    with closing(sqlite3.connect(":memory:")) as database:
        run = database.execute
        run(f"CREATE VIRTUAL TABLE words USING fts5(text, content='', tokenize='{TOKENIZER}')")
        database.executemany("INSERT INTO words(rowid, text) VALUES (?, ?)", enumerate(texts))
        for word in words:
            rows: list[tuple[int]] = run(
                "SELECT rowid FROM words WHERE words MATCH ?", (f'"{word}"',)
            ).fetchall()
            for (number,) in rows:
                found[number].append(word)
        any_of = " OR ".join(f'"{word}"' for word in words)
        ranking: list[tuple[int, float]] = []
        if words:
            ranking = run(
                "SELECT rowid, -bm25(words) AS score FROM words WHERE words MATCH ?"
                " ORDER BY score DESC, rowid",
                (any_of,),
            ).fetchall()
    return Looked(ranking, found)
