"""`trialbook artifacts …`: the index of artifacts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from trialbook.cli.artifact_tables import print_artifact, print_artifacts, print_hits
from trialbook.cli.contexts import CHOSEN, CHOSEN_OF_A_KIND, Chosen
from trialbook.cli.failures import usage
from trialbook.cli.options import command, numbers, pairs
from trialbook.cli.output import hint, print_json
from trialbook.cli.session import Session
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
TextMode = Annotated[
    Literal["lexical", "semantic", "hybrid"] | None,
    typer.Option(help="Of TEXT: by words, by meaning, or by both, which it is unless said."),
]


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
    print_artifacts(session, found[:limit])
    if len(found) > limit:
        hint(session, f"{limit} are shown; ask for more with --limit")


@command(app, "search", CHOSEN)
def search(
    session: Session,
    chosen: Chosen,
    query: Annotated[
        str | None,
        typer.Argument(
            metavar="TEXT",
            help="What they are about: their name, kind, tags, labels, metrics, tool,"
            " description, and what is in texts.",
        ),
    ] = None,
    mode: TextMode = None,
    metric: Annotated[
        str | None,
        typer.Option(help="Ordered by it, the best first; with TEXT only what has it."),
    ] = None,
    metric_mode: Mode = None,
    time_window: Annotated[
        str | None,
        typer.Option(
            metavar="90s|30m|24h|7d",
            help="Only what is younger: seconds, minutes, hours or days.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 100,
) -> None:
    """Search artifacts: by a text, the best match first; by a metric; else the newest.

    \b
    Examples:
      trialbook artifacts search "clients who may leave" --kind model
      trialbook artifacts search adamw --mode lexical --run-id 0197…
      trialbook artifacts search --kind model --metric f1 --time-window 7d
    """
    text = query if query and query.strip() else None
    if mode is not None and text is None:
        raise usage("--mode is of a text; give TEXT too")
    if metric_mode is not None and (metric is None or text is not None):
        raise usage("--metric-mode is of an order by a metric; give --metric too, and no TEXT")
    with session.client() as client:
        found = client.portal.call(
            index_of(client).search_hits(
                chosen.filters(),
                query=text,
                mode=mode,
                metric=metric,
                metric_mode=metric_mode,
                time_window=time_window,
                limit=limit,
            )
        )
    print_hits(session, found, metric, has_text=text is not None)


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
    print_artifact(session, found)


@command(app, "show")
def show(session: Session, artifact: ArtifactId) -> None:
    """Show what is known of an artifact."""
    with session.client() as client:
        print_artifact(session, artifact_of(client, _id(artifact)))


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
    description: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What it is; an empty one is removed.")
    ] = None,
) -> None:
    """Change tags, labels, metrics and the description of an artifact.

    \b
    Examples:
      trialbook artifacts update 0197… --label stage=prod --remove-label draft
      trialbook artifacts update 0197… --description "trained on the cleaned labels"
    """
    if tag and no_tags:
        raise usage("--tag sets all tags, --no-tags removes them; give one of the two")
    tags = [] if no_tags else tag or None
    labels: dict[str, Any] = {**pairs(label, "--label"), **dict.fromkeys(remove_label or ())}
    metrics: dict[str, Any] = {
        **numbers(metric, "--metric"),
        **dict.fromkeys(remove_metric or ()),
    }
    if tags is None and description is None and not labels and not metrics:
        raise usage(
            "nothing to change; give --tag, --label, --metric, one of their opposites"
            " or --description"
        )
    with session.client() as client:
        changed = client.portal.call(
            index_of(client).patch(
                _id(artifact),
                tags=tags,
                labels=labels or None,
                metrics=metrics or None,
                description=description,
            )
        )
    print_artifact(session, changed)


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
