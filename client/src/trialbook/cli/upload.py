"""`trialbook upload`: files and folders, to a run or to the index of artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from trialbook.cli.completion import complete_run
from trialbook.cli.contexts import SAVED_IDS
from trialbook.cli.failures import Failed, code_of, usage
from trialbook.cli.options import command, numbers, pairs
from trialbook.cli.output import is_terminal, print_json
from trialbook.cli.session import Session
from trialbook.cli.texts import one_line, size

if TYPE_CHECKING:
    from trialbook._http import Api
    from trialbook.transfer.progress import ShowProgress

_AT_ONCE: Final = 8


def register(app: typer.Typer, panel: str) -> None:
    command(app, "upload", SAVED_IDS, panel=panel)(upload)


def upload(
    session: Session,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[RUN] FILE_OR_DIR",
            help="A run and a file or folder; with --kind only a file or folder.",
            autocompletion=complete_run,
        ),
    ],
    ids: dict[str, str],
    path: Annotated[
        str | None, typer.Option(help="Where in the run's files; its own name unless said.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="Index it as an artifact of this kind, such as model.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the artifact.")] = None,
    description: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What the artifact is; it is searched.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="Of the artifact; may be repeated.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="Of the artifact; may be repeated.")
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(metavar="K=NUMBER", help="Of the artifact; may be repeated."),
    ] = None,
    pin: Annotated[bool, typer.Option("--pin", help="Never remove it for its age.")] = False,
) -> None:
    """Upload a file or a folder of any size, to a run or as an artifact of its own.

    Large files go in parallel parts; the same command continues an upload that was interrupted.

    \b
    Examples:
      trialbook upload 0197… model.bin --path models/model.bin
      trialbook upload 0197… plots/
      trialbook upload --kind model model.bin --metric f1=0.93 --tag best --run-id 0197…
          --description "tells which clients may leave"
    """
    of_artifact = {"--name": name, "--description": description, "--pin": pin}
    of_artifact |= {"--tag": tag, "--label": label, "--metric": metric}
    of_artifact |= {f"--{each.replace('_', '-')}": value for each, value in ids.items()}
    if kind is None:
        extra = [option for option, value in of_artifact.items() if value]
        if extra:
            raise usage(f"{extra[0]} is of an indexed artifact; give --kind too")
        if len(words) != 2:
            raise usage("name a run and a file or folder, or give --kind and a file or folder")
        _to_run(session, words[0], _local(words[1]), path)
        return
    if path is not None:
        raise usage("--path is of a run's files; leave out --kind, or --path")
    if len(words) != 1:
        raise usage("with --kind name one file or folder; --run-id says which run made it")
    meta: dict[str, Any] = {
        "kind": kind,
        "tags": tag or None,
        "labels": pairs(label, "--label") or None,
        "metrics": numbers(metric, "--metric") or None,
        "pin": pin,
        "description": description,
    }
    _to_index(session, _local(words[0]), name, ids, meta)


def _to_run(session: Session, run_id: str, local: Path, path: str | None) -> None:
    from trialbook.transfer.paths import files_below

    target = path or local.absolute().name
    if local.is_dir():
        target = target.rstrip("/")
        files = [(file, f"{target}/{inner}") for inner, file in files_below(local)]
    else:
        files = [(local, target)]
    sent: list[dict[str, Any]] = []
    with session.client() as client:
        client.portal.call(_send_all(client.api, run_id, files, sent, session.progress))
    if session.as_json:
        print_json(sent if local.is_dir() else sent[0])
        return
    told = size(sum(file["size_bytes"] for file in sent))
    if local.is_dir():
        told = f"{len(sent)} files, {told}"
    print(f"{one_line(target)}  {told}")


async def _send_all(
    api: Api,
    run_id: str,
    files: Sequence[tuple[Path, str]],
    sent: list[dict[str, Any]],
    show: ShowProgress,
) -> None:
    """Small files together under one bar, large ones one by one. What arrived is in `sent`."""
    from trialbook.transfer import upload_run_file
    from trialbook.transfer.concurrency import concurrently
    from trialbook.transfer.digests import LARGE_BYTES
    from trialbook.transfer.progress import shown

    async def send(file: Path, target: str, show: ShowProgress) -> None:
        try:
            sent.append(await upload_run_file(api, run_id, file, target, progress=show))
        except Exception as error:
            if len(files) == 1:
                raise
            told = f"{len(sent)} of {len(files)} files are uploaded; then {target}: {error}"
            raise Failed(told, code_of(error)) from error

    sizes = {file: file.stat().st_size for file, _ in files}
    small = [each for each in files if sizes[each[0]] < LARGE_BYTES and len(files) > 1]
    with shown(show if small else False, sum(sizes[f] for f, _ in small), "files") as told:

        async def one(each: tuple[Path, str]) -> None:
            await send(*each, False)
            told.advance(sizes[each[0]])

        await concurrently(small, one, _AT_ONCE)
    for file, target in files:
        if len(files) == 1 or sizes[file] >= LARGE_BYTES:
            await send(file, target, show)


def _to_index(
    session: Session, local: Path, name: str | None, ids: dict[str, str], meta: dict[str, Any]
) -> None:
    with session.client() as client:
        artifacts = client.context(**ids).artifacts()
        named = name or local.absolute().name
        if local.is_dir():
            made = artifacts.ingest_dir(local, name=named, **meta)
        else:
            made = artifacts.save_file(local, name=named, cleanup=False, **meta)
    if session.as_json:
        print_json(made)
    elif is_terminal():
        print(f"Saved {one_line(named)}, {size(made.bytes)}\n{made.artifact_id}\n{made.uri}")
    else:
        print(f"{made.artifact_id}\t{made.uri}")


def _local(text: str) -> Path:
    local = Path(text)
    if not local.exists():
        raise usage(f"there is no such file or folder: {text}")
    return local
