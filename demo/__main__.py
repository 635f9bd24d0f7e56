"""`python -m demo`: train classifiers of handwritten digits, track them in Trialbook, compare them,
and use the best one as another machine would."""

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
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from demo.picture import confusion_png, curve, table
from demo.tracking import DemoError, Tracker, check, own_trialbook, sha256_of

SEED: Final = 7
EPOCHS: Final = 40
GOALS: Final = {"val_accuracy": "max", "val_loss": "min", "train_loss": "min"}
"""What the runs are compared by; an odd number, so that a tie is rare."""
MODEL: Final = "model/model.pkl"
PICTURE: Final = "confusion_matrix.png"
HELP: Final = """\
Without TRIALBOOK_URL and TRIALBOOK_API_KEY it starts a Trialbook of its own, which is gone with all
it holds when the demo ends. The exit status is 0 when everything came back as it was logged.
"""


class Split(NamedTuple):
    """Images as rows of 64 numbers from 0 to 1, and the digits they show."""

    images: Any
    digits: Any


class Digits(NamedTuple):
    train: Split
    validation: Split


@dataclass(frozen=True)
class Candidate:
    """A classifier and how it is trained: `advance` does one epoch, counted from 0."""

    name: str
    params: Mapping[str, Any]
    epochs: int
    model: Any
    advance: Callable[[Any, Split, int], None]


class Trained(NamedTuple):
    """A run that ended, and what was logged to it: epochs in order."""

    run_id: str
    name: str
    epochs: list[dict[str, float]]
    model_sha256: str


def load() -> Digits:
    """1,797 images of 8 by 8 that scikit-learn brings, a quarter of them for validation."""
    from sklearn import datasets, model_selection

    images, digits = cast("Any", datasets).load_digits(return_X_y=True)
    parts = cast("Any", model_selection).train_test_split(
        images / 16.0, digits, test_size=0.25, random_state=SEED, stratify=digits
    )
    return Digits(Split(parts[0], parts[2]), Split(parts[1], parts[3]))


def candidates() -> list[Candidate]:
    """Linear models, neural networks and a forest."""
    from sklearn import ensemble, linear_model, neural_network

    found: list[Candidate] = []
    for name, params in {
        "linear": {"alpha": 0.0001, "eta0": 0.02},
        "linear-strict": {"alpha": 0.02, "eta0": 0.02},
    }.items():
        linear: Any = cast("Any", linear_model).SGDClassifier(
            loss="log_loss", learning_rate="constant", random_state=SEED, **params
        )
        found.append(Candidate(name, {"kind": "SGD", **params}, EPOCHS, linear, one_pass))
    for name, width, rate in (("mlp-16", 16, 0.002), ("mlp-128", 128, 0.005)):
        network: Any = cast("Any", neural_network).MLPClassifier(
            (width,), learning_rate_init=rate, batch_size=64, random_state=SEED
        )
        params = {"kind": "MLP", "hidden": width, "learning_rate": rate}
        found.append(Candidate(name, params, EPOCHS, network, one_pass))
    forest: Any = cast("Any", ensemble).RandomForestClassifier(
        max_depth=8, warm_start=True, random_state=SEED
    )
    params = {"kind": "forest", "max_depth": 8, "trees_per_epoch": 10}
    found.append(Candidate("forest", params, 10, forest, more_trees))
    return found


def one_pass(model: Any, train: Split, epoch: int) -> None:
    """Every image once."""
    model.partial_fit(train.images, train.digits, classes=range(10) if epoch == 0 else None)


def more_trees(model: Any, train: Split, epoch: int) -> None:
    """Ten trees more."""
    model.set_params(n_estimators=10 * (epoch + 1))
    model.fit(train.images, train.digits)


def measured(model: Any, digits: Digits) -> dict[str, float]:
    """Loss and accuracy on both splits."""
    from sklearn import metrics

    measures: Any = metrics
    found: dict[str, float] = {}
    for name, split in (("train", digits.train), ("val", digits.validation)):
        chances = model.predict_proba(split.images)
        found[f"{name}_loss"] = float(measures.log_loss(split.digits, chances, labels=range(10)))
        found[f"{name}_accuracy"] = accuracy(model, split)
    return found


def accuracy(model: Any, split: Split) -> float:
    """The share of digits that the model recognizes."""
    return float((model.predict(split.images) == split.digits).mean())


def train(tracker: Tracker, experiment_id: str, candidate: Candidate, digits: Digits) -> Trained:
    """One run, from its start to its end, logged epoch by epoch."""
    from sklearn import metrics

    tags = {"dataset": "digits", "python": platform.python_version()}
    run_id = tracker.start(experiment_id, candidate.name, candidate.params, tags)
    epochs: list[dict[str, float]] = []
    for epoch in range(candidate.epochs):
        candidate.advance(candidate.model, digits.train, epoch)
        epochs.append(measured(candidate.model, digits))
        tracker.log(run_id, epoch, epochs[-1])
    predicted = candidate.model.predict(digits.validation.images)
    matrix = cast("Any", metrics).confusion_matrix(digits.validation.digits, predicted)
    picture = confusion_png(matrix.tolist(), f"{candidate.name}: digits of the validation split")
    tracker.log_file(run_id, "plots", PICTURE, picture, "image/png")
    pickled = pickle.dumps(candidate.model)
    tracker.upload(run_id, MODEL, pickled)
    tracker.end(run_id)
    say(
        f"  {candidate.name:<14} {candidate.epochs} epochs,"
        f" validation accuracy {epochs[-1]['val_accuracy']:.4f}, model {len(pickled):,} bytes"
    )
    return Trained(run_id, candidate.name, epochs, sha256_of(pickled))


def compare(tracker: Tracker, trained: list[Trained]) -> Trained:
    """Prints the comparison, checks it against what was logged, and gives the best run."""
    runs = {one.run_id: one for one in trained}
    answer = tracker.compare(list(runs), GOALS)
    comparison = answer["comparison"]
    wins = dict.fromkeys(runs, 0)
    for metric, goal in GOALS.items():
        compared = comparison["metric_comparison"][metric]
        logged = {run_id: one.epochs[-1][metric] for run_id, one in runs.items()}
        check(f"last values of {metric}", compared["all_values"], logged)
        best = (max if goal == "max" else min)(logged.values())
        check(f"best {metric}", compared["best_value"], best)
        wins[compared["best_run_id"]] += 1
    say(table(compared_lines(answer)))
    most = max(wins.values())
    winners = [run_id for run_id, count in wins.items() if count == most]
    check("best run", comparison["best_run"], winners[0] if len(winners) == 1 else None)
    # On a tie the metric that matters most decides.
    best_id = (
        comparison["best_run"] or comparison["metric_comparison"]["val_accuracy"]["best_run_id"]
    )
    best_run = runs[best_id]
    say(f"Best run: {best_run.name} ({best_id}), best in {wins[best_id]} of {len(GOALS)} metrics")
    return best_run


def compared_lines(answer: Mapping[str, Any]) -> list[list[str]]:
    """A line a run, `*` at the best value of each metric, at the end the params that differ."""
    by_metric = answer["comparison"]["metric_comparison"]
    differences = answer["comparison"]["param_differences"]
    lines = [["run", *(f"{metric} ({goal})  " for metric, goal in GOALS.items()), "params"]]
    for run in answer["runs"]:
        run_id = run["run_id"]
        cells = [run["name"]]
        for metric in GOALS:
            is_best = by_metric[metric]["best_run_id"] == run_id
            cells.append(f"{by_metric[metric]['all_values'][run_id]:.4f} {'*' if is_best else ' '}")
        differing = [
            f"{n}={values[run_id]}" for n, values in differences.items() if run_id in values
        ]
        lines.append([*cells, " ".join(differing)])
    return lines


def draw_curves(tracker: Tracker, trained: list[Trained]) -> None:
    """The validation loss of every run, read back point by point."""
    histories = tracker.history([one.run_id for one in trained], "val_loss")
    curves: dict[str, list[float]] = {}
    for one in trained:
        history = histories.get(one.run_id, {"total": 0, "steps": [], "values": []})
        check(f"points of val_loss in {one.name}", history["total"], len(one.epochs))
        points = list(zip(history["steps"], history["values"], strict=True))
        logged = [(step, epoch["val_loss"]) for step, epoch in enumerate(one.epochs)]
        check(f"history of val_loss in {one.name}", points, logged)
        curves[one.name] = [value for _, value in points]
    low = min(min(values) for values in curves.values())
    high = max(max(values) for values in curves.values())
    for name, values in curves.items():
        drawn, ends = curve(values, low, high), f"{values[0]:.3f} -> {values[-1]:.3f}"
        say(f"  {name:<14} {drawn:<{EPOCHS}} {ends}, {len(values)} points")


def use(tracker: Tracker, best: Trained, digits: Digits) -> None:
    """Fetch the model into an empty folder, and have it read the validation digits."""
    (listed,) = tracker.files(best.run_id, "model")
    check("path of the model", listed["path"], MODEL)
    with tempfile.TemporaryDirectory(prefix="another-machine-") as folder:
        file = Path(folder, "model.pkl")
        tracker.download(best.run_id, MODEL, file)
        content = file.read_bytes()
    check("sha256 of the downloaded model", sha256_of(content), best.model_sha256)
    check("sha256 that is listed", listed["sha256"], best.model_sha256)
    say(f"  {len(content):,} bytes, sha256 {best.model_sha256[:16]}... is the one logged")
    model: Any = pickle.loads(content)
    found, logged = accuracy(model, digits.validation), best.epochs[-1]["val_accuracy"]
    check("accuracy of the downloaded model", found, logged)
    say(f"  it reads {len(digits.validation.digits)} digits with accuracy {found:.4f}, as logged")


@contextmanager
def trialbook(keep: bool) -> Generator[tuple[str, str]]:
    """URL and key: those of the environment, else of an own server. Raises DemoError."""
    url, api_key = os.environ.get("TRIALBOOK_URL"), os.environ.get("TRIALBOOK_API_KEY")
    if url and api_key:
        yield url, api_key
        return
    if url:
        raise DemoError("TRIALBOOK_URL is set and TRIALBOOK_API_KEY is not; set both or neither")
    with own_trialbook() as (own_url, own_key):
        yield own_url, own_key
        if keep:
            say(f"Trialbook stays at {own_url}, API key {own_key}. Ctrl-C ends it.")
            threading.Event().wait()


def run(keep: bool) -> None:
    """The whole story. Raises DemoError at the first thing that is not as it should be."""
    started_s = time.monotonic()
    with trialbook(keep) as (url, api_key):
        tracker = Tracker(url, api_key)
        say(f"Tracking at {url}")
        experiment_id = tracker.experiment("Digits demo", "digits-demo", GOALS)
        digits = load()
        say(f"Training on {len(digits.train.digits)} images of handwritten digits")
        trained = [train(tracker, experiment_id, one, digits) for one in candidates()]
        say("Comparing the runs (* is the best value)")
        best = compare(tracker, trained)
        say("Validation loss by epoch")
        draw_curves(tracker, trained)
        say(f"Downloading the model of {best.name} to another machine")
        use(tracker, best, digits)
        tracker.close()
        say(f"Everything came back as it was logged ({time.monotonic() - started_s:.0f} s).")


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__, epilog=HELP)
    parser.add_argument(
        "--keep", action="store_true", help="keep the own Trialbook running until Ctrl-C"
    )
    options = parser.parse_args()
    # Ends as Ctrl-C does, so that the own server does not outlive the demo.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run(options.keep)
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
