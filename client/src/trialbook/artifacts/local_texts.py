"""The words of a folder's artifacts, found by SQLite's FTS5 in the file that indexes them.

They are read when somebody searches, so that saving costs nothing and whatever an older version
saved is found too. Triggers take out what changed; the next search reads it anew.
"""

from __future__ import annotations

import codecs
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from trialbook.artifacts.hits import Hit, Ranked, Why
from trialbook.artifacts.model import Artifact
from trialbook.artifacts.words import indexed_text, query_words

CONTENT_BYTES: Final = 64 * 1024
"""Of a text, from its beginning, are searched."""
NAME_WEIGHT, ABOUT_WEIGHT, CONTENT_WEIGHT = 4.0, 2.0, 1.0
_AT_ONCE: Final = 100
_SCHEMA: Final = """
    CREATE VIRTUAL TABLE IF NOT EXISTS texts USING fts5(
        name, about, content, tokenize='porter unicode61 remove_diacritics 2'
    );
    CREATE TRIGGER IF NOT EXISTS text_changed AFTER UPDATE OF document ON artifacts BEGIN
        DELETE FROM texts WHERE rowid = old.number;
    END;
    CREATE TRIGGER IF NOT EXISTS text_gone AFTER DELETE ON artifacts BEGIN
        DELETE FROM texts WHERE rowid = old.number;
    END;
"""


class Among(NamedTuple):
    """What is searched: rows of `artifacts` by an SQL condition with its values, and of them the
    artifacts that pass."""

    condition: str
    values: Sequence[object]
    passes: Callable[[Artifact], bool]


def catch_up(db: sqlite3.Connection, content: Callable[[Artifact], str]) -> None:
    """Read what is new or has changed. `content` gives the beginning of a text, "" of all else.

    Cost: a look at every row's number, and a file of up to 64 KB for each that is read; a hundred
    of them in a transaction, so that others may save meanwhile.
    """
    db.executescript(_SCHEMA)
    rows = db.execute(
        "SELECT number FROM artifacts WHERE number NOT IN (SELECT rowid FROM texts)"
    ).fetchall()
    for start in range(0, len(rows), _AT_ONCE):
        db.execute("BEGIN IMMEDIATE")
        with db:
            for (number,) in rows[start : start + _AT_ONCE]:
                _read(db, number, content)


def by_words(db: sqlite3.Connection, query: str, among: Among, limit: int | None) -> list[Hit]:
    """Those that have any of the query's words, by BM25, of equals the newest first."""
    words = query_words(query)
    if not words:
        return []
    found = list(islice(_scored(db, words, among), limit))
    having = {word: _having(db, word) for word in words}
    return [
        Hit(
            artifact,
            score,
            Why(tuple(w for w in words if number in having[w]), lexical=Ranked(rank, score)),
        )
        for rank, (number, score, artifact) in enumerate(found, 1)
    ]


def beginning(path: Path) -> str:
    """The first 64 KB of a file that is text in UTF-8; of any other, and of none, ""."""
    try:
        with path.open("rb") as file:
            head = file.read(CONTENT_BYTES)
    except FileNotFoundError:
        return ""
    if b"\0" in head:
        return ""
    try:
        # the last character may be cut
        return codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return ""


def label_text(label: Any) -> str:
    """A label's text, or its JSON spelling when it is no text."""
    if isinstance(label, str):
        return label
    return json.dumps(label, ensure_ascii=False, separators=(",", ":"))


def _texts(artifact: Artifact, content: str) -> tuple[str, str, str]:
    labels: Mapping[str, Any] = artifact.labels or {}
    about = (
        artifact.kind,
        *(artifact.tags or ()),
        *(f"{name} {label_text(value)}" for name, value in labels.items()),
        *(artifact.metrics or ()),
        artifact.tool_name,
        artifact.description,
    )
    told = "\n".join(filter(None, about))
    return indexed_text(artifact.name or ""), indexed_text(told), indexed_text(content)


def _read(db: sqlite3.Connection, number: int, content: Callable[[Artifact], str]) -> None:
    """Unless it is gone, or another process was faster."""
    row = db.execute(
        "SELECT document FROM artifacts WHERE number = ?"
        " AND NOT EXISTS (SELECT 1 FROM texts WHERE rowid = number)",
        (number,),
    ).fetchone()
    if row is not None:
        artifact = Artifact.from_dict(json.loads(row[0]))
        db.execute(
            "INSERT INTO texts (rowid, name, about, content) VALUES (?, ?, ?, ?)",
            (number, *_texts(artifact, content(artifact))),
        )


def _scored(
    db: sqlite3.Connection, words: Sequence[str], among: Among
) -> Iterator[tuple[int, float, Artifact]]:
    # a cross join: the words are looked up first, whatever else narrows
    query = (
        "SELECT number, -bm25(texts, ?, ?, ?) AS score, document"  # noqa: S608 -- names are checked
        " FROM texts CROSS JOIN artifacts ON number = texts.rowid"
        f" WHERE texts MATCH ? AND {among.condition} ORDER BY score DESC, number DESC"
    )
    weights = (NAME_WEIGHT, ABOUT_WEIGHT, CONTENT_WEIGHT)
    for number, score, document in db.execute(query, (*weights, _any_of(words), *among.values)):
        artifact = Artifact.from_dict(json.loads(document))
        if among.passes(artifact):
            yield number, score, artifact


def _having(db: sqlite3.Connection, word: str) -> set[int]:
    rows = db.execute("SELECT rowid FROM texts WHERE texts MATCH ?", (_any_of([word]),))
    return {number for (number,) in rows}


def _any_of(words: Sequence[str]) -> str:
    """A query of FTS5; the words have no quotes in them."""
    return " OR ".join(f'"{word}"' for word in words)
