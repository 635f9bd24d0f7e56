"""`trialbook artifacts …`: the index of artifacts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from trialbook.cli.contexts import CHOSEN, CHOSEN_OF_A_KIND, Chosen
from trialbook.cli.failures import usage
from trialbook.cli.options import command, numbers, pairs
from trialbook.cli.output import Column, hint, print_details, print_json, print_table
from trialbook.cli.session import Session
from trialbook.cli.texts import moment, plain_pairs, size
from trialbook.errors import NotFound
from trialbook.models import Goal

if TYPE_CHECKING:
    from trialbook.artifacts.model import Artifact
    from trialbook.artifacts.remote_index import RemoteArtifactIndex
    from trialbook.sync import Client

app = typer.Typer(no_args_is_help=True, help="Find, show, pin, label and delete indexed artifacts.")

_URI: Final = re.compile(r"trialbook://artifacts/([^/]+)/?")

ArtifactId = Annotated[
    str, typer.Argument(metavar="ARTIFACT", help="Its id, or trialbook://artifacts/ID.")
]
Limit = Annotated[int, typer.Option(min=1, help="At most so many.")]
Mode = Annotated[Goal | None, typer.Option(help="What is better; max unless said.")]


def index_of(client: Client) -> RemoteArtifactIndex:
    """Its methods are awaited by `client.portal.call`."""
    from trialbook.artifacts.remote_index import RemoteArtifactIndex

    return RemoteArtifactIndex(client.api)


def artifact_of(client: Client, artifact_id: str) -> Artifact:
    """Raises NotFound."""
    found = client.portal.call(index_of(client).get(artifact_id))
    if found is None:
        raise NotFound(f"no such artifact: {artifact_id}", code="not_found")
    return found


@command(app, "list", CHOSEN)
def list_artifacts(session: Session, chosen: Chosen, limit: Limit = 100) -> None:
    """List artifacts, the newest first; all filters must hold.

    \b
    Examples:
      trialbook artifacts list --kind model --tag best --label stage=prod
      trialbook artifacts list --run-id 0197… --json
    """
    with session.client() as client:
        found = client.portal.call(index_of(client).list(chosen.filters(), limit + 1))
    _print(session, found[:limit])
    if len(found) > limit:
        hint(session, f"{limit} are shown; ask for more with --limit")


@command(app, "search", CHOSEN)
def search(
    session: Session,
    chosen: Chosen,
    query: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="Free text, where it is indexed.")
    ] = None,
    metric: Annotated[str | None, typer.Option(help="Ordered by it, the best first.")] = None,
    metric_mode: Mode = None,
    time_window: Annotated[
        str | None, typer.Option(metavar="30m|24h|7d|2w", help="Only what is younger.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 100,
) -> None:
    """Search artifacts; with a metric the best first, else the newest.

    \b
    Examples:
      trialbook artifacts search --kind model --metric f1 --time-window 7d
    """
    if metric_mode is not None and metric is None:
        raise usage("--metric-mode is of a metric; give --metric too")
    with session.client() as client:
        found = client.portal.call(
            index_of(client).search(
                chosen.filters(),
                query=query or None,
                metric=metric,
                metric_mode=metric_mode,
                time_window=time_window,
                limit=limit,
            )
        )
    _print(session, found, metric)


@command(app, "best", CHOSEN_OF_A_KIND)
def best(
    session: Session,
    chosen: Chosen,
    metric: Annotated[str, typer.Option(help="By which it is the best.")],
    metric_mode: Mode = "max",
) -> None:
    """Show the best artifact of a kind by a metric; of equals the newest.

    \b
    Examples:
      trialbook artifacts best --kind model --metric f1
      trialbook download $(trialbook artifacts best --kind model --metric loss
          --metric-mode min --json | jq -r .uri)
    """
    with session.client() as client:
        mode = metric_mode or "max"
        found = client.portal.call(
            index_of(client).best(chosen.filters(), metric=metric, metric_mode=mode)
        )
    if found is None:
        raise NotFound(f"no artifact of kind {chosen.kind} has a number for {metric}")
    _tell(session, found)


@command(app, "show")
def show(session: Session, artifact: ArtifactId) -> None:
    """Show what is known of an artifact."""
    with session.client() as client:
        _tell(session, artifact_of(client, _id(artifact)))


@command(app, "pin")
def pin(session: Session, artifact: ArtifactId) -> None:
    """Pin an artifact: it is never removed for its age."""
    _set_pinned(session, _id(artifact), pinned=True)


@command(app, "unpin")
def unpin(session: Session, artifact: ArtifactId) -> None:
    """Take the pin away."""
    _set_pinned(session, _id(artifact), pinned=False)


@command(app, "update")
def update(
    session: Session,
    artifact: ArtifactId,
    tag: Annotated[
        list[str] | None,
        typer.Option(metavar="TAG", help="All tags that it shall have; may be repeated."),
    ] = None,
    no_tags: Annotated[bool, typer.Option("--no-tags", help="Remove all tags.")] = False,
    label: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="Set a label; may be repeated.")
    ] = None,
    remove_label: Annotated[
        list[str] | None, typer.Option(metavar="K", help="Remove a label; may be repeated.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(metavar="K=NUMBER", help="Set a metric; may be repeated.")
    ] = None,
    remove_metric: Annotated[
        list[str] | None, typer.Option(metavar="K", help="Remove a metric; may be repeated.")
    ] = None,
) -> None:
    """Change tags, labels and metrics of an artifact.

    \b
    Examples:
      trialbook artifacts update 0197… --label stage=prod --remove-label draft
    """
    if tag and no_tags:
        raise usage("--tag sets all tags, --no-tags removes them; give one of the two")
    tags = [] if no_tags else tag or None
    labels: dict[str, Any] = {**pairs(label, "--label"), **dict.fromkeys(remove_label or ())}
    metrics: dict[str, Any] = {
        **numbers(metric, "--metric"),
        **dict.fromkeys(remove_metric or ()),
    }
    if tags is None and not labels and not metrics:
        raise usage("nothing to change; give --tag, --label, --metric or one of their opposites")
    with session.client() as client:
        changed = client.portal.call(
            index_of(client).patch(
                _id(artifact), tags=tags, labels=labels or None, metrics=metrics or None
            )
        )
    _tell(session, changed)


@command(app, "delete")
def delete(
    session: Session,
    artifact: ArtifactId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete an artifact for good, after asking."""
    with session.client() as client:
        found = artifact_of(client, _id(artifact))
        if not yes:
            if not session.may_ask:
                raise usage("nobody is here to be asked; --yes deletes without asking")
            what = f"{found.kind} {found.name or ''}".strip()
            if not typer.confirm(f"Delete {what} {found.artifact_id} for good?", err=True):
                raise typer.Exit(1)
        client.portal.call(index_of(client).delete(found.artifact_id))
    if session.as_json:
        print_json({"artifact_id": found.artifact_id, "deleted": True})
    else:
        print(f"Deleted {found.artifact_id}")


def _set_pinned(session: Session, artifact_id: str, *, pinned: bool) -> None:
    with session.client() as client:
        client.portal.call(index_of(client).pin(artifact_id, pinned))
    if session.as_json:
        print_json({"artifact_id": artifact_id, "pinned": pinned})
    else:
        print(f"{'Pinned' if pinned else 'Unpinned'} {artifact_id}")


def _id(text: str) -> str:
    match = _URI.fullmatch(text)
    return match[1] if match else text


def _print(session: Session, found: list[Artifact], metric: str | None = None) -> None:
    if session.as_json:
        print_json(found)
        return
    columns = [
        Column("ID", keep=True),
        Column("KIND", cut=True),
        Column("NAME", cut=True),
        *([Column(metric, right=True)] if metric else []),
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
            *([(a.metrics or {}).get(metric)] if metric else []),
            size(a.bytes),
            moment(a.created_at),
            "pinned" if a.pinned else "",
            " ".join(a.tags or []),
            plain_pairs(a.metrics),
            plain_pairs(a.labels),
        )
        for a in found
    ]
    print_table(session, columns, rows, empty="no artifacts")


def _tell(session: Session, artifact: Artifact) -> None:
    if session.as_json:
        print_json(artifact)
        return
    told = artifact.to_dict()
    first = ("artifact_id", "uri", "kind", "name")
    told = {name: told[name] for name in first} | told
    told |= {"bytes": size(artifact.bytes), "created_at": moment(artifact.created_at)}
    if not artifact.is_dir:
        told.pop("is_dir")
    print_details(session, told)
