"""`trialbook download`: files and folders of runs, and indexed artifacts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trialbook.cli.artifacts import artifact_of
from trialbook.cli.completion import complete_run
from trialbook.cli.failures import usage
from trialbook.cli.options import command
from trialbook.cli.output import print_json
from trialbook.cli.session import Session
from trialbook.cli.texts import one_line, size
from trialbook.errors import NotFound

if TYPE_CHECKING:
    from trialbook.cli.fetching import Found
    from trialbook.sync import Client


def register(app: typer.Typer, panel: str) -> None:
    command(app, "download", panel=panel)(download)


def download(
    session: Session,
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="A run's id (then PATH), an artifact's id, or a trialbook:// URI.",
            autocompletion=complete_run,
        ),
    ],
    path: Annotated[
        str | None,
        typer.Argument(metavar="PATH", help="A file or folder of the run; . is all of them."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="DIR_OR_FILE", help="Where to; here unless said."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that have other bytes.")
    ] = False,
) -> None:
    """Download a file or folder, and check its sha256.

    Large files come in parallel parts; the same command continues a download that was interrupted.
    What is there with the same bytes is left alone, other files are not replaced without --force. A
    folder is rebuilt in DIR.

    \b
    Examples:
      trialbook download 0197… models/model.bin
      trialbook download 0197… plots -o plots-of-today
      trialbook download trialbook://artifacts/0197… -o model.bin
    """
    from trialbook.cli.fetching import fetch_file, fetch_tree

    with session.client() as client:
        found = _found(client, what, path)
        to = _target(found, output)
        if found.is_dir:
            fetched = client.portal.call(fetch_tree(found, to, force=force, show=session.progress))
        else:
            fetched = int(
                client.portal.call(fetch_file(found, to, force=force, show=session.progress))
            )
    total_bytes = sum(file.size_bytes for file in found.files)
    if session.as_json:
        print_json(
            {
                "path": to,
                "is_dir": found.is_dir,
                "files": len(found.files),
                "fetched": fetched,
                "size_bytes": total_bytes,
            }
        )
        return
    told = size(total_bytes)
    if found.is_dir:
        told = f"{len(found.files)} files, {told}"
    there = "" if fetched else ", it was there"
    print(f"{one_line(str(to))}  {told}{there}")


def _found(client: Client, what: str, path: str | None) -> Found:
    from trialbook.artifacts.uris import OfArtifact, OfStore, place_of, run_file
    from trialbook.cli.fetching import of_artifact, of_run

    api, call = client.api, client.portal.call
    if path is not None:
        if "://" in what:
            raise usage("a URI has the path in it; name a run's id and a path, or a URI")
        return call(of_run(api, what, path))
    if "://" not in what:
        try:
            artifact = artifact_of(client, what)
        except NotFound:
            raise NotFound(
                f"no such artifact: {what}; for a file of a run give its path too"
            ) from None
        return call(of_artifact(api, artifact, None))
    try:
        place = place_of(what)
    except ValueError as error:
        raise usage(str(error)) from None
    match place:
        case OfArtifact(artifact_id, inner):
            return call(of_artifact(api, artifact_of(client, artifact_id), inner))
        case OfStore(uri):
            return call(of_run(api, *run_file(uri)))
        case _:
            raise usage(f"only trialbook:// URIs are downloaded: {what}")


def _target(found: Found, output: str | None) -> Path:
    """A file goes into a folder that is there, or is named with a slash; a folder becomes it."""
    from trialbook.artifacts.manifests import safe_name

    name = safe_name(found.name)
    if output is None:
        return Path(name)
    to = Path(output)
    into = not found.is_dir and (to.is_dir() or output.endswith("/"))
    return to / name if into else to
