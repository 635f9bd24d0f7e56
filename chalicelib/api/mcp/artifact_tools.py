"""Tools of the named artifacts of an experiment."""

from __future__ import annotations

from typing import Final

from typing_extensions import TypedDict

from chalicelib.api.mcp import contents
from chalicelib.api.mcp.contents import ContentOut
from chalicelib.api.mcp.tool import Argument, Call, Outcome, Tool
from chalicelib.api.mcp.tool_words import CURSOR, EXPERIMENT, NO_ARTIFACT, NO_EXPERIMENT
from chalicelib.api.v1 import experiment_artifacts
from chalicelib.api.v1.experiment_artifact_shapes import path_artifact_name
from chalicelib.core.model.experiment_artifact import SentKind
from chalicelib.domain import experiment_artifact_reads


class LoggedOut(TypedDict):
    experiment_id: str
    name: str
    kind: SentKind


def _log_artifact(call: Call) -> Outcome:
    experiment_artifacts.log_experiment_artifact(call.request, call.services)
    logged = {name: call.arguments[name] for name in ("experiment_id", "name", "kind")}
    return Outcome(
        logged,
        "Logged. Read it back with get_artifact_in_experiment; a name that is logged again keeps"
        " its earlier entries.",
    )


def _content(call: Call) -> Outcome:
    request = call.request
    series = experiment_artifact_reads.find(
        experiment_artifacts.stores_of(call.services),
        request.context,
        request.path["experiment_id"],
        path_artifact_name(request),
    )
    found = contents.content_of(request.context, call.services, series)
    note = None
    if found.about["shown_as"] == "link":
        note = (
            f"Too large to show, or no type that can be shown ({found.about['mime_type']},"
            f" {found.about['size_bytes']} bytes): it can be fetched from the link."
        )
    elif found.about["truncated"]:
        note = f"The first {contents.MAX_TEXT} characters; all of it is at `url`."
    return Outcome(found.about, note, (found.block,))


TOOLS: Final = (
    Tool(
        name="log_artifact_in_experiment",
        title="Log an artifact",
        view=experiment_artifacts.log_experiment_artifact,
        description="""\
Log a value under a name in an experiment: a note, a number, points of a curve, a JSON list or
object, a picture or a small file.

Use it after a try or an analysis, for what should be kept: a conclusion (text), a score (value), a
curve (timeseries), settings (dict), a plot (image). Every call adds an entry: logging numbers under
one name makes a timeseries of them. Nothing is replaced, so do not call it again after it
succeeded. For metrics of training steps, which come by the thousand, the client in the training
program is the way, not this tool.

What `kind` needs: text, a string; value, one finite number; list, an array; dict, an object; image,
a data URL (data:image/png;base64,...); file, any base64 data URL; all of them in `value`.
timeseries takes `points` and no value. It needs a key that may write.""",
        arguments={
            "experiment_id": EXPERIMENT,
            "name": Argument("What it is called in the experiment, up to 200 characters."),
            "kind": Argument("What is logged; it decides which of value and points is taken."),
            "value": Argument(
                "For every kind but timeseries: a string, number, array, object or data URL, as"
                " the kind says.",
                schema={},
            ),
            "points": Argument("For a timeseries only: points with numbers x and y."),
            "sha256": Argument(
                "For image and file in place of a value: the SHA-256 of bytes that were uploaded"
                " to the team's store before."
            ),
        },
        answer=LoggedOut,
        run=_log_artifact,
        missing=NO_EXPERIMENT,
    ),
    Tool(
        name="list_artifacts_in_experiment",
        title="List artifacts",
        view=experiment_artifacts.list_experiment_artifacts,
        description="""\
List the names that were logged in an experiment, each with what it reads as: a value, the fact that
it is a timeseries, or the type and address of its bytes.

Use it to see what is there. It gives no points: get_artifact_in_experiment does, and
get_artifact_content_in_experiment shows pictures and files.""",
        arguments={
            "experiment_id": EXPERIMENT,
            "limit": Argument("How many at most.", default=50, maximum=200),
            "cursor": CURSOR,
        },
        missing=NO_EXPERIMENT,
    ),
    Tool(
        name="get_artifact_in_experiment",
        title="Get an artifact",
        view=experiment_artifacts.get_experiment_artifact,
        description="""\
Read one name of an experiment, normalized: points that were logged, or several numbers, read as
`kind` timeseries with points in the order of x; bytes as image, audio, video, text or application
with `mime_type` and `content_url`, never the bytes themselves; anything else as `value`, the latest
one.

Use it when you know the name. The kind that was logged is not always the kind that is read. For the
bytes of a picture or a file use get_artifact_content_in_experiment.""",
        arguments={
            "experiment_id": EXPERIMENT,
            "artifact_name": Argument("The name that it was logged under."),
            "limit": Argument("How many points of a timeseries at most.", default=500),
            "cursor": CURSOR,
        },
        missing=NO_ARTIFACT,
    ),
    Tool(
        name="get_artifact_content_in_experiment",
        title="Look at an artifact",
        view=experiment_artifacts.get_experiment_artifact_content,
        description="""\
Look at the bytes of an artifact: pictures up to 1 MB come as images, texts and sound up to 1 MB as
such, and everything else as a link that can be fetched without a key for some minutes.

Use it for names that get_artifact_in_experiment or list_artifacts_in_experiment show with a
`content_url`. Values and timeseries have no bytes: get_artifact_in_experiment reads them.""",
        arguments={
            "experiment_id": EXPERIMENT,
            "artifact_name": Argument("The name that it was logged under."),
        },
        answer=ContentOut,
        run=_content,
        missing=NO_ARTIFACT + " A name that reads as a value or a timeseries has no bytes: use"
        " get_artifact_in_experiment.",
    ),
)
