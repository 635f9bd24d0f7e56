"""The search index of one tenant: a SQLite file with words, vectors and terms.

`update` brings it up to date, in a worker that publishes it as in a process that searches a copy:
there is one way from artifacts to an index. FTS5 keeps no texts; what takes a document out again is
kept packed beside its vector.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import orjson

from chalicelib.core.ids import ArtifactId
from chalicelib.core.model.search import Match, Ranked, SearchDocument, SearchMode, SearchQuery
from chalicelib.search.embedded_text import embedded
from chalicelib.search.fusion import fused
from chalicelib.search.vectors import Vectors
from chalicelib.search.words import TOKENIZER, any_of, indexed_text, query_words, rarer, rarities

if TYPE_CHECKING:
    from chalicelib.search.embedding import Embedder

FORMAT: Final = 3
"""Higher when anything of the file changes: the words that a text is indexed by, too."""
NAME_WEIGHT, ABOUT_WEIGHT, CONTENT_WEIGHT = 4.0, 2.0, 1.0
ENOUGH: Final = 0.4
"""Of the weight of a query's words, rare ones weighing more: what a document needs of it to have a
place by its words in a hybrid ranking. Measured: docs/adr/0017-artifact-search.md."""
DEPTH: Final = 200
"""How far down each ranking is looked at before they are fused."""
SEEK: Final = 64
"""Documents of a word that are read in the time in which one document is looked up among them."""
_SCHEMA: Final = f"""
CREATE TABLE about (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE document (
    number INTEGER PRIMARY KEY,
    artifact_id TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    vector BLOB NOT NULL,
    indexed BLOB NOT NULL -- terms and texts, packed: what takes them out again
);
CREATE INDEX document_created ON document (created_ms);
CREATE TABLE term (
    term TEXT NOT NULL, document INTEGER NOT NULL, PRIMARY KEY (term, document)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(
    name, about, content, content='', tokenize='{TOKENIZER}'
);
"""


_Scored: TypeAlias = tuple[int, float]


def made_by(embedder: Embedder) -> str:
    """What tells indexes apart that do not mix: the format, and the model of the vectors."""
    return f"{FORMAT} {embedder.model_id}"


class OtherFormat(Exception):
    """The file was made by another version, or with the vectors of another model."""


class IndexFile:
    """Not safe to share between threads without a lock."""

    def __init__(self, path: Path, embedder: Embedder) -> None:
        """Open the file, which is made when there is none. Raises OtherFormat."""
        self.path = path
        self._embedder = embedder
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        made = made_by(embedder)
        try:
            found = self._prepared(made)
        except (sqlite3.DatabaseError, TypeError) as error:
            self.close()
            raise OtherFormat(str(error)) from error
        if found != made:
            self.close()
            raise OtherFormat(f"{found} instead of {made}")
        self._vectors: Vectors | None = None

    @property
    def mark(self) -> str | None:
        """Up to where the changes of the tenant's artifacts are in it."""
        return self._one("SELECT value FROM about WHERE name = 'mark'") or None

    @property
    def count(self) -> int:
        return self._one("SELECT count(*) FROM document")

    def close(self) -> None:
        self._database.close()

    def versions(self, artifact_ids: Sequence[ArtifactId]) -> dict[ArtifactId, int]:
        """Of those that are in it."""
        found: dict[ArtifactId, int] = {}
        for artifact_id in artifact_ids:
            version = self._one("SELECT version FROM document WHERE artifact_id = ?", artifact_id)
            if version is not None:
                found[artifact_id] = version
        return found

    def update(
        self, documents: Sequence[SearchDocument], removed: Iterable[ArtifactId], mark: str | None
    ) -> None:
        """Put the documents in, each in place of the one before of its artifact, and take out what
        was removed; the file is good up to `mark` (None: where it was) then. All or nothing."""
        vectors = embedded(self._embedder, documents)
        packed = [row.tobytes() for row in vectors]
        run = self._database.execute
        run("BEGIN")
        for artifact_id in removed:
            self._take_out(artifact_id)
        for document, vector in zip(documents, packed, strict=True):
            self._take_out(document.artifact_id)
            self._put(document, vector)
        if mark is not None:
            run("UPDATE about SET value = ? WHERE name = 'mark'", (mark,))
        run("COMMIT")

    def search(self, query: SearchQuery) -> list[Match]:
        """What matches, the best first."""
        # only a hybrid search weighs words; else they are counted as far as `_words_of` asks
        most = -1 if query.mode == "hybrid" else SEEK * query.limit + 1
        counts = self._counts(query_words(query.text), most)
        rankings: dict[SearchMode, dict[int, Ranked]] = {}
        if query.mode == "lexical":
            rankings["lexical"] = _ranked(self._by_words(counts, query, query.limit))
        elif query.mode == "semantic":
            rankings["semantic"] = _ranked(self._by_meaning(query, query.limit))
        else:
            depth = max(DEPTH, query.limit)
            rankings["lexical"] = _ranked(self._by_enough_words(counts, query, depth))
            rankings["semantic"] = _ranked(self._by_meaning(query, depth))
        order = fused({mode: [*ranking] for mode, ranking in rankings.items()})[: query.limit]
        if query.mode != "hybrid":
            order = [(number, one.score) for number, one in rankings[query.mode].items()]
        ids, has = self._ids([number for number, _ in order]), self._words_of(order, counts)
        return [
            Match(
                ids[number],
                score,
                {mode: places[number] for mode, places in rankings.items() if number in places},
                has[number],
            )
            for number, score in order
        ]

    def vacuum_into(self, path: Path) -> None:
        """Write a copy as small as it gets."""
        self._database.execute("INSERT INTO words(words) VALUES ('optimize')")
        self._database.execute("VACUUM INTO ?", (str(path),))

    def _prepared(self, made_by: str) -> str:
        """What made the file; this, when it was empty."""
        run = self._database.execute
        run("PRAGMA journal_mode = OFF")  # a copy: what a crash leaves of it is thrown away
        run("PRAGMA synchronous = OFF")
        if not run("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            self._database.executescript(_SCHEMA)
            run("INSERT INTO about VALUES ('made_by', ?), ('mark', ''), ('next', 1)", (made_by,))
        (found,) = run("SELECT value FROM about WHERE name = 'made_by'").fetchone()
        return found

    def _put(self, document: SearchDocument, vector: bytes) -> None:
        run = self._database.execute
        # higher than any before: vectors in memory are in this order
        number = self._one("SELECT value FROM about WHERE name = 'next'")
        run("UPDATE about SET value = value + 1 WHERE name = 'next'")
        terms = sorted(document.terms)
        texts = (document.name, document.about, document.content)
        run(
            "INSERT INTO document VALUES (?, ?, ?, ?, ?, ?)",
            (
                number,
                document.artifact_id,
                document.version,
                document.created_at_ms,
                vector,
                zlib.compress(orjson.dumps([terms, *texts]), 1),
            ),
        )
        self._database.executemany(
            "INSERT INTO term VALUES (?, ?)", [(term, number) for term in terms]
        )
        run(
            "INSERT INTO words(rowid, name, about, content) VALUES (?, ?, ?, ?)",
            (number, *map(indexed_text, texts)),
        )
        if self._vectors is not None:
            self._vectors.add(number, vector)

    def _take_out(self, artifact_id: ArtifactId) -> None:
        run = self._database.execute
        found = run("SELECT number, indexed FROM document WHERE artifact_id = ?", (artifact_id,))
        row = found.fetchone()
        if row is None:
            return
        number, packed = row
        terms, *texts = orjson.loads(zlib.decompress(packed))
        run("DELETE FROM document WHERE number = ?", (number,))
        self._database.executemany(
            "DELETE FROM term WHERE term = ? AND document = ?", [(term, number) for term in terms]
        )
        # FTS5 without the texts has to be told what to forget
        run(
            "INSERT INTO words(words, rowid, name, about, content) VALUES ('delete', ?, ?, ?, ?)",
            (number, *map(indexed_text, texts)),
        )
        if self._vectors is not None:
            self._vectors.remove(number)

    def _counts(self, words: Iterable[str], most: int) -> dict[str, int]:
        """In how many documents each is, up to `most` unless that is negative."""
        one = "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ? LIMIT ?)"
        return {word: self._one(one, any_of([word]), most) for word in words}

    def _by_words(
        self, words: Collection[str], query: SearchQuery, limit: int, needed: Collection[str] = ()
    ) -> list[_Scored]:
        """BM25, over name, about and content with their weights; of documents that have one of the
        needed words when there are such."""
        if not words:
            return []
        among, values = _among(query)
        if 0 < len(needed) < len(words):
            among.append("SELECT rowid FROM words WHERE words MATCH ?")
            values.append(any_of(needed))
        # + keeps SQLite from asking for the words anew for each of those among which they are
        narrowed = "".join(f" AND +words.rowid IN ({one})" for one in among)
        return self._database.execute(
            "SELECT rowid, -bm25(words, ?, ?, ?) AS score FROM words WHERE words MATCH ?"
            f"{narrowed} ORDER BY score DESC, rowid LIMIT ?",
            (NAME_WEIGHT, ABOUT_WEIGHT, CONTENT_WEIGHT, any_of(words), *values, limit),
        ).fetchall()

    def _by_enough_words(
        self, counts: Mapping[str, int], query: SearchQuery, limit: int
    ) -> list[_Scored]:
        """The same without documents that have but the common words of the query. Their places
        would count as much as those of the best by meaning."""
        weights = rarities(counts, self.count)
        enough = ENOUGH * sum(weights.values())
        found = self._by_words(counts, query, limit, rarer(weights, enough))
        has = self._words_of(found, counts)
        return [one for one in found if sum(weights[word] for word in has[one[0]]) >= enough]

    def _by_meaning(self, query: SearchQuery, limit: int) -> list[_Scored]:
        """The cosine of the vectors."""
        wanted, values = _among(query)
        among: list[int] | None = None
        if wanted:
            rows = self._database.execute(" INTERSECT ".join(wanted), values)
            among = [number for (number,) in rows]
        (vector,) = self._embedder.embed([query.text])
        return self._loaded().nearest(vector, limit, among)

    def _loaded(self) -> Vectors:
        if self._vectors is None or self._vectors.is_wasteful:
            rows = self._database.execute("SELECT number, vector FROM document ORDER BY number")
            self._vectors = Vectors(self._embedder.dimensions, rows)
        return self._vectors

    def _words_of(
        self, found: Sequence[_Scored], counts: Mapping[str, int]
    ) -> dict[int, list[str]]:
        """Of each document those of the words that it has."""
        has = {number: list[str]() for number, _ in found}
        places = ",".join("?" * len(has))
        for word, count in counts.items():
            rowid = "rowid" if count > SEEK * len(has) else "+rowid"  # looked up, or all read
            for (number,) in self._database.execute(
                f"SELECT rowid FROM words WHERE words MATCH ? AND {rowid} IN ({places})",
                (any_of([word]), *has),
            ):
                has[number].append(word)
        return has

    def _ids(self, numbers: Sequence[int]) -> dict[int, ArtifactId]:
        places = ",".join("?" * len(numbers))
        statement = f"SELECT number, artifact_id FROM document WHERE number IN ({places})"
        return dict(self._database.execute(statement, numbers).fetchall())

    def _one(self, statement: str, *values: object) -> Any:
        row = self._database.execute(statement, values).fetchone()
        return None if row is None else row[0]


def _among(query: SearchQuery) -> tuple[list[str], list[object]]:
    """Selects of numbers, all of which what is wanted has to be in, and their values."""
    selects = ["SELECT document FROM term WHERE term = ?" for _ in query.terms]
    values: list[object] = [*query.terms]
    if query.from_ms:
        selects.append("SELECT number FROM document WHERE created_ms >= ?")
        values.append(query.from_ms)
    return selects, values


def _ranked(found: Iterable[_Scored]) -> dict[int, Ranked]:
    return {number: Ranked(rank, score) for rank, (number, score) in enumerate(found, 1)}
