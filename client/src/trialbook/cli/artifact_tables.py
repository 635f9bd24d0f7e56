"""Artifacts as commands print them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from trialbook.cli.output import Column, print_details, print_json, print_table
from trialbook.cli.session import Session
from trialbook.cli.texts import moment, plain_pairs, size

if TYPE_CHECKING:
    from trialbook.artifacts.hits import Hit
    from trialbook.artifacts.model import Artifact

_Values: TypeAlias = tuple[Column, Sequence[object]]


def print_hits(session: Session, hits: list[Hit], metric: str | None, *, has_text: bool) -> None:
    """What a search found; in JSON artifacts with `score` and `why`."""
    found = [hit.artifact for hit in hits]
    if session.as_json:
        print_json(
            [
                hit.artifact.to_dict() | {"score": hit.score, "why": hit.why.to_dict()}
                for hit in hits
            ]
        )
        return
    more: list[_Values] = []
    if has_text:
        more.append((Column("SCORE", right=True), [hit.score for hit in hits]))
        more.append((Column("WORDS", cut=True), [" ".join(hit.why.words) for hit in hits]))
    if metric is not None:
        values = [(one.metrics or {}).get(metric) for one in found]
        more.append((Column(metric, right=True), values))
    print_artifacts(session, found, more)


def print_artifacts(session: Session, found: list[Artifact], more: Sequence[_Values] = ()) -> None:
    """`more` are columns behind the name, with a value for each artifact."""
    if session.as_json:
        print_json(found)
        return
    columns = [
        Column("ID", keep=True),
        Column("KIND", cut=True),
        Column("NAME", cut=True),
        *(column for column, _ in more),
        Column("SIZE", right=True),
        Column("CREATED"),
        Column("PINNED"),
        Column("TAGS", cut=True),
        Column("METRICS", cut=True),
        Column("LABELS", cut=True),
    ]
    rows = [
        (
            a.artifact_id,
            a.kind,
            a.name,
            *(values[n] for _, values in more),
            size(a.bytes),
            moment(a.created_at),
            "pinned" if a.pinned else "",
            " ".join(a.tags or []),
            plain_pairs(a.metrics),
            plain_pairs(a.labels),
        )
        for n, a in enumerate(found)
    ]
    print_table(session, columns, rows, empty="no artifacts")


def print_artifact(session: Session, artifact: Artifact) -> None:
    """All that is known of one."""
    if session.as_json:
        print_json(artifact)
        return
    told = artifact.to_dict()
    first = ("artifact_id", "uri", "kind", "name", "description")
    told = {name: told[name] for name in first} | told
    told |= {"bytes": size(artifact.bytes), "created_at": moment(artifact.created_at)}
    if not artifact.is_dir:
        told.pop("is_dir")
    print_details(session, told)
