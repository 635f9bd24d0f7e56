"""`python -m demo`: train classifiers of handwritten digits, track them in Trialbook, compare them,
use the best one as another machine would; then replay a randomized experiment and compare its
results with the published ones."""

from __future__ import annotations

import argparse
import os
import pickle
import platform
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import trialbook
from demo.digits import EPOCHS, Candidate, Digits, accuracy, candidates, confusion, load, measured
from demo.own_server import DemoError, Place, check, own_trialbook, sha256_of
from demo.picture import confusion_png, curve, table
from demo.variants import replay

if TYPE_CHECKING:
    from trialbook.artifacts.sync import SyncArtifactFacade
    from trialbook.models import Goal

GOALS: Final[Mapping[str, Goal]] = {
    "val_accuracy": "max",
    "val_loss": "min",
    "train_loss": "min",
}
"""What the runs are compared by; an odd number, so that a tie is rare."""
PICTURE: Final = "plots/confusion_matrix.png"
HELP: Final = """\
Without TRIALBOOK_URL and TRIALBOOK_API_KEY it starts a Trialbook of its own, which is gone with all
it holds when the demo ends; on a terminal that is at Ctrl-C. The exit status is 0 when everything
came back as it was logged.
"""


class Trained(NamedTuple):
    """A run that ended, and what was logged to it: epochs in order."""

    run_id: str
    name: str
    epochs: list[dict[str, float]]
    model_sha256: str


def train(
    tb: trialbook.Client, experiment: str, session: str, candidate: Candidate, digits: Digits
) -> Trained:
    """One run, from its start to its end, logged epoch by epoch; its model becomes an artifact."""
    tags = {"dataset": "digits", "python": platform.python_version()}
    epochs: list[dict[str, float]] = []
    with (
        tempfile.TemporaryDirectory(prefix="trialbook-demo-") as folder,
        tb.start_run(experiment, name=candidate.name, params=candidate.params, tags=tags) as run,
    ):
        for epoch in range(candidate.epochs):
            candidate.advance(candidate.model, digits.train, epoch)
            epochs.append(measured(candidate.model, digits))
            run.log(epochs[-1], step=epoch)
        log_picture(run, candidate, digits, Path(folder))
        pickled = pickle.dumps(candidate.model)
        file = Path(folder, "model.pkl")
        file.write_bytes(pickled)
        context = tb.context(run_id=run.id, experiment_id=run.experiment, session_id=session)
        artifact = context.artifacts().save_file(
            file, kind="model", labels={"classifier": candidate.name}, metrics=epochs[-1]
        )
        check("sha256 of the saved model", artifact.sha256, sha256_of(pickled))
        check("everything logged was sent", run.flush(), True)
    check_run(tb.runs.get(run.id), epochs)
    say(
        f"  {candidate.name:<14} {candidate.epochs} epochs,"
        f" validation accuracy {epochs[-1]['val_accuracy']:.4f}, model {len(pickled):,} bytes"
    )
    return Trained(run.id, candidate.name, epochs, sha256_of(pickled))


def log_picture(
    run: trialbook.ActiveRun, candidate: Candidate, digits: Digits, folder: Path
) -> None:
    """Upload a confusion matrix to the run, and fetch it again."""
    title = f"{candidate.name}: digits of the validation split"
    picture = confusion_png(confusion(candidate.model, digits.validation), title)
    file = folder / "drawn.png"
    file.write_bytes(picture)
    run.upload(file, PICTURE)
    (listed,) = run.files("plots")
    check("path of the picture", listed.path, PICTURE)
    check("sha256 of the picture", listed.sha256, sha256_of(picture))
    fetched = folder / "fetched.png"
    run.download(PICTURE, fetched)
    check("bytes of the picture", fetched.read_bytes() == picture, True)


def check_run(run: trialbook.Run, epochs: list[dict[str, float]]) -> None:
    """An ended run has every point, and its last values are those of the last epoch."""
    check(f"status of {run.name}", run.status, "finished")
    check(f"last values of {run.name}", run.metrics, epochs[-1])
    counts = {metric: summary.count for metric, summary in run.metric_summary.items()}
    check(f"points of {run.name}", counts, dict.fromkeys(epochs[-1], len(epochs)))


def compare(tb: trialbook.Client, trained: list[Trained]) -> None:
    """Prints the comparison, and checks it against what was logged."""
    runs = {one.run_id: one for one in trained}
    answer = tb.runs.compare(list(runs), metrics=list(GOALS), goals=GOALS)
    comparison = answer.comparison
    wins = dict.fromkeys(runs, 0)
    for metric, goal in GOALS.items():
        compared = comparison.metric_comparison[metric]
        logged = {run_id: one.epochs[-1][metric] for run_id, one in runs.items()}
        check(f"last values of {metric}", compared.all_values, logged)
        check(f"best {metric}", compared.best_value, best_of(goal, logged.values()))
        if compared.best_run_id is not None:
            wins[compared.best_run_id] += 1
    say(table(compared_lines(answer)))
    most = max(wins.values())
    winners = [run_id for run_id, count in wins.items() if count == most]
    check("best run", comparison.best_run, winners[0] if len(winners) == 1 else None)
    # On a tie the metric that matters most decides.
    best_id = comparison.best_run or comparison.metric_comparison["val_accuracy"].best_run_id or ""
    won = f"best in {wins[best_id]} of {len(GOALS)} metrics"
    say(f"Best run: {runs[best_id].name} ({best_id}), {won}")


def compared_lines(answer: trialbook.Comparison) -> list[list[str]]:
    """A line a run, `*` at the best value of each metric, at the end the params that differ."""
    by_metric = answer.comparison.metric_comparison
    differences = answer.comparison.param_differences
    lines = [["run", *(f"{metric} ({goal})  " for metric, goal in GOALS.items()), "params"]]
    for run in answer.runs:
        cells = [run.name]
        for metric in GOALS:
            is_best = by_metric[metric].best_run_id == run.run_id
            value = by_metric[metric].all_values[run.run_id]
            cells.append(f"{value:.4f} {'*' if is_best else ' '}")
        differing = [
            f"{name}={values[run.run_id]}"
            for name, values in differences.items()
            if run.run_id in values
        ]
        lines.append([*cells, " ".join(differing)])
    return lines


def draw_curves(tb: trialbook.Client, trained: list[Trained]) -> None:
    """The validation loss of every run, read back point by point."""
    found = tb.runs.histories([one.run_id for one in trained], ["val_loss"], max_points=500)
    histories = {series.run_id: series for series in found}
    curves: dict[str, list[float]] = {}
    for one in trained:
        history = histories.get(one.run_id)
        points = [] if history is None else list(zip(history.steps, history.values, strict=True))
        logged = [(step, epoch["val_loss"]) for step, epoch in enumerate(one.epochs)]
        check(f"history of val_loss in {one.name}", points, logged)
        curves[one.name] = [value for _, value in points]
    low = min(min(values) for values in curves.values())
    high = max(max(values) for values in curves.values())
    for name, values in curves.items():
        drawn, ends = curve(values, low, high), f"{values[0]:.3f} -> {values[-1]:.3f}"
        say(f"  {name:<14} {drawn:<{EPOCHS}} {ends}, {len(values)} points")


def use(artifacts: SyncArtifactFacade, trained: list[Trained], digits: Digits) -> None:
    """Find the most accurate model of the session by its metric, and have it read digits."""
    best = artifacts.best(kind="model", metric="val_accuracy", metric_mode="max", level="session")
    if best is None:
        raise DemoError("no model was found again")
    one = next((one for one in trained if one.run_id == best.run_id), None)
    if one is None:
        raise DemoError(f"the model is of another run: {best.run_id}")
    most = best_of("max", (one.epochs[-1]["val_accuracy"] for one in trained))
    check("accuracy by which the model was found", (best.metrics or {})["val_accuracy"], most)
    check("sha256 that is listed", best.sha256, one.model_sha256)
    content = artifacts.load_bytes_by_id(best.artifact_id)
    check("sha256 of the downloaded model", sha256_of(content), one.model_sha256)
    say(
        f"  it is of {one.name}: {len(content):,} bytes, sha256 {one.model_sha256[:16]}... as saved"
    )
    model: Any = pickle.loads(content)
    found = accuracy(model, digits.validation)
    check("accuracy of the downloaded model", found, one.epochs[-1]["val_accuracy"])
    say(f"  it reads {len(digits.validation.digits)} digits with accuracy {found:.4f}, as logged")


def best_of(goal: Goal, values: Iterable[float]) -> float:
    return max(values) if goal == "max" else min(values)


@contextmanager
def somewhere(keep: bool) -> Generator[Place]:
    """The Trialbook of the environment, else an own one. Raises DemoError."""
    url, api_key = os.environ.get("TRIALBOOK_URL"), os.environ.get("TRIALBOOK_API_KEY")
    if url and api_key:
        yield Place(url, api_key)
        return
    if url:
        raise DemoError("TRIALBOOK_URL is set and TRIALBOOK_API_KEY is not; set both or neither")
    with own_trialbook() as own:
        yield own
        if keep:
            say(f"Trialbook stays at {own.url}, API key {own.api_key}. Ctrl-C ends it.")
            threading.Event().wait()


def run(keep: bool) -> None:
    """The whole story. Raises at the first thing that is not as it should be."""
    started_s = time.monotonic()
    with somewhere(keep) as place:
        session = uuid.uuid4().hex
        with place.client() as tb:
            say(f"Tracking at {place.url}")
            experiment = tb.experiments.get_or_create("Digits demo", metric_goals=GOALS)
            digits = load()
            say(f"Training on {len(digits.train.digits)} images of handwritten digits")
            trained = [train(tb, experiment.id, session, one, digits) for one in candidates()]
            say("Comparing the runs (* is the best value)")
            compare(tb, trained)
            say("Validation loss by epoch")
            draw_curves(tb, trained)
        say("Finding the most accurate model again, as another machine would")
        with place.client() as elsewhere:
            use(elsewhere.context(session_id=session).artifacts(), trained, digits)
        say("Comparing variants: an experiment of the 1970s, replayed")
        with place.client() as tb:
            slug = shown(replay(tb, session))
        say("Look at it in a browser, which asks for the API key once:")
        runs = ",".join(one.run_id for one in trained)
        say(f"  the runs compared  {place.url}/#/compare?runs={runs}")
        say(f"  the A/B results    {place.url}/#/experiments/{slug}/results")
        say(f"Everything came back as it was logged ({time.monotonic() - started_s:.0f} s).")


def shown(lines: Generator[str, None, str]) -> str:
    """What the generator returns, once its lines are told."""
    while True:
        try:
            say(next(lines))
        except StopIteration as ended:
            return ended.value


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__, epilog=HELP)
    parser.add_argument(
        "--keep",
        action=argparse.BooleanOptionalAction,
        default=sys.stdin.isatty() and sys.stdout.isatty(),
        help="keep the own Trialbook running until Ctrl-C, so that the links work (on a terminal)",
    )
    options = parser.parse_args()
    # Ends as Ctrl-C does, so that the own server does not outlive the demo.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run(options.keep)
    except (DemoError, trialbook.TrialbookError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
