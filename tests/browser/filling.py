"""What most tests look at: experiments of a small team, logged as anybody logs."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final

import httpx

import trialbook
from tests.api.process import KEY, Serving
from tests.browser.filling_files import NOTES, files, picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from trialbook.runs import MetricPoint

RUNS: Final = 40
EPOCHS: Final = 30
OPTIMIZERS: Final = ("adam", "sgd", "adamw", "rmsprop")
_WAIT_S: Final = 30


@dataclass(frozen=True)
class Story:
    """Names for what was logged. `digits` are runs that ended, in the order in which they began."""

    experiment: str
    digits: list[str]
    running: str
    failed: str
    parent: str
    children: list[str]
    odd: str
    """A run with NaN, infinities and a single point."""
    bare: str
    """A run with nothing."""
    long_names: str
    """A run whose every text is as long as may be, and has no space."""
    with_files: str
    archived_run: str
    archived: str
    """An experiment."""
    nothing: str
    """An experiment without anything."""
    scratch: str
    """The slug of one whose runs a test may make and change."""
    artifacts: dict[str, str]
    """Ids by name."""


@dataclass(frozen=True)
class Filler:
    """Ways to log to one server."""

    tb: trialbook.Client
    http: httpx.Client
    folder: Path

    def post(self, path: str, body: Any) -> Any:
        answer = self.http.post(path, json=body)
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json() if answer.content else None

    def upload(self, run: trialbook.ActiveRun, contents: dict[str, bytes]) -> None:
        local = self.folder / "file"
        for path, body in contents.items():
            local.write_bytes(body)
            run.upload(local, path)


def filler(server: Serving, folder: Path) -> trialbook.Client:
    return trialbook.Client(server.url, api_key=KEY, spool_dir=folder, progress=False)


def fill(server: Serving) -> Story:
    with (
        tempfile.TemporaryDirectory() as folder,
        filler(server, Path(folder)) as tb,
        server.client() as http,
    ):
        to = Filler(tb, http, Path(folder))
        story = _story(to)
        until(lambda: tb.experiments.get(story.experiment).counts.runs >= RUNS)
    return story


def until(is_so: Callable[[], bool]) -> None:
    """What the change feed brings is there a moment after it was logged."""
    deadline = monotonic() + _WAIT_S
    while not is_so():
        assert monotonic() < deadline, "the change feed has not brought it"
        sleep(0.05)


def _story(to: Filler) -> Story:
    tb = to.tb
    digits = tb.experiments.create(
        "Digits classifier",
        description="Which small network reads handwritten digits best?",
        tags={"team": "vision", "stage": "research"},
        metric_goals={"val/accuracy": "max", "val/loss": "min"},
    )
    ended = [_digits_run(to, digits.slug, number) for number in range(RUNS)]
    running = tb.runs.create(digits.id, name="still-going", tags={"owner": "ada"}).run_id
    tb.runs.log_params(running, {"lr": 0.02, "optimizer": "adam", "batch_size": 64})
    tb.runs.log_batch(running, metrics=list(_points(3, 12)))
    failed = tb.runs.create(digits.id, name="out-of-memory", tags={"owner": "grace"}).run_id
    tb.runs.log_params(failed, {"lr": 0.5, "optimizer": "sgd", "batch_size": 4096})
    tb.runs.end(failed, "failed")
    archived_run = tb.runs.create(digits.id, name="a-mistake").run_id
    tb.runs.end(archived_run)
    tb.runs.delete(archived_run)

    parent, children = _sweep(to)
    odd, bare = _odd(to)
    long_names = _long_names(to)
    with_files = _files(to)
    old = tb.experiments.create("An idea of last year", tags={"team": "speech"})
    tb.experiments.delete(old.id)
    nothing = tb.experiments.create("Nothing yet")
    named_values(to, digits.id)
    return Story(
        digits.slug, ended, running, failed, parent, children, odd, bare, long_names, with_files,
        archived_run, old.slug, nothing.slug, tb.experiments.create("Scratch").slug,
        _artifacts(to, ended[0], digits.id),
    )  # fmt: skip


def _digits_run(to: Filler, experiment: str, number: int) -> str:
    """Params of several types; names and numbers are the same each time."""
    runs = to.tb.runs
    run = runs.create(
        experiment,
        name=f"digits-{number:02}",
        tags={"owner": ("ada", "grace", "alan")[number % 3], "stage": "search"},
        description=NOTES if number == 0 else None,
    )
    params = {
        "lr": float(f"{10 ** (-1 - number % 8 / 3):.4g}"),
        "optimizer": OPTIMIZERS[number % len(OPTIMIZERS)],
        "batch_size": 32 * 2 ** (number % 3),
        "augment": number % 2 == 0,
        "layers": str([64] * (1 + number % 3)),
    }
    runs.log_params(run.run_id, params)
    runs.log_batch(run.run_id, metrics=list(_points(number, EPOCHS)))
    minutes = 2 + number * 7 % 12
    runs.end(run.run_id, end_time=run.start_time + timedelta(minutes=minutes, seconds=number))
    return run.run_id


def _metrics(number: int, epoch: int) -> dict[str, float]:
    """Loss falls, accuracy rises, and the last run overfits."""
    speed = 0.05 + 0.02 * (number % 5)
    noise = 0.02 * math.sin(1.7 * epoch + number)
    loss = 2.3 * math.exp(-speed * epoch) + 0.05
    over = 0.01 * max(0, epoch - 18) * (number % 4)
    return {
        "train/loss": loss + noise / 2,
        "val/loss": loss * 1.1 + noise + over,
        "val/accuracy": 1 - 0.9 * math.exp(-1.4 * speed * epoch) - abs(noise) / 4 - over / 4,
        "epoch_seconds": 4 + 0.3 * (number % 4) + abs(noise),
    }


def _points(number: int, epochs: int) -> Iterator[MetricPoint]:
    began = datetime.now(UTC) - timedelta(minutes=epochs)
    for epoch in range(epochs):
        at = int((began + timedelta(minutes=epoch)).timestamp() * 1000)
        for key, value in _metrics(number, epoch).items():
            yield {"key": key, "value": value, "step": epoch, "timestamp": at}


def _sweep(to: Filler) -> tuple[str, list[str]]:
    with to.tb.start_run("Learning rate sweep", name="sweep") as parent:
        children: list[str] = []
        for number in range(3):
            with to.tb.start_run(
                "Learning rate sweep",
                name=f"sweep-{number}",
                params={"lr": 10.0**-number},
                parent_run_id=parent.id,
            ) as child:
                for step in range(10):
                    child.log({"loss": (number + 1) / (step + 1)}, step=step)
                children.append(child.id)
        return parent.id, children


def _odd(to: Filler) -> tuple[str, str]:
    values = [1.0, math.nan, 2.0, math.inf, 3.0, -math.inf, 1e-300, 1e300, 0.1 + 0.2]
    with to.tb.start_run("Odd numbers", name="diverged") as odd:
        for step, value in enumerate(values):
            odd.log({"odd": value}, step=step)
        for step in range(5):
            odd.log({"only nan": math.nan, "constant": 7, "below zero": -step}, step=step)
        odd.log({"single": 0.5}, step=3)
    bare = to.tb.runs.create("odd-numbers", name="bare").run_id
    to.tb.runs.end(bare)
    return odd.id, bare


def _long_names(to: Filler) -> str:
    with to.tb.start_run(
        "n" * 200,
        name="r" * 255,
        params={"p" * 250: "v" * 8000, "lr": 0.1},
        tags={"t" * 250: "w" * 8000},
        description="d" * 1000,
    ) as run:
        for step in range(3):
            run.log({"m" * 250: 1e308 / (step + 1)}, step=step)
        to.upload(run, {f"{'f' * 200}.csv": f"{'c' * 300},b\n1,2\n".encode()})
        return run.id


def _files(to: Filler) -> str:
    with to.tb.start_run("Reports", name="with-files") as run:
        to.upload(run, files())
        return run.id


def named_values(to: Filler, experiment: str) -> None:
    """Named artifacts of each kind."""
    image = picture("PNG")
    import base64

    data_url = f"data:image/png;base64,{base64.b64encode(image).decode()}"
    text_url = f"data:text/plain;base64,{base64.b64encode(b'a file of text').decode()}"
    path = f"/api/v1/experiments/{experiment}/artifacts"
    for name, kind, value in (
        ("summary", "text", "The wider network overfits."),
        ("best accuracy", "value", 0.9731),
        ("classes", "list", [0, 1, 2, 3]),
        ("environment", "dict", {"python": "3.13", "seed": 7}),
        ("sample", "image", data_url),
        ("readme", "file", text_url),
    ):
        to.post(path, {"name": name, "kind": kind, "value": value})
    points = [{"x": x, "y": math.sin(x / 5)} for x in range(60)]
    to.post(path, {"name": "calibration", "kind": "timeseries", "points": points})


def _artifacts(to: Filler, run: str, experiment: str) -> dict[str, str]:
    """Indexed ones, with words to find them by."""
    own = to.tb.context(run_id=run, experiment_id=experiment).artifacts()
    ids: dict[str, str] = {}
    for number, (name, text) in enumerate(
        {
            "cats.txt": "a summary of pictures of cats that sleep on a sofa",
            "rivers.txt": "the longest rivers of the world and their lengths",
            "bread.txt": "how to bake bread with little yeast and much time",
        }.items()
    ):
        saved = own.save_text(
            text, name=name, kind="report", tags=["reviewed"] if number == 0 else [],
            metrics={"score": 0.5 + number / 10}, labels={"language": "en"},
        )  # fmt: skip
        ids[name] = saved.artifact_id
    table = to.folder / "predictions.csv"
    table.write_text("id,class\n1,7\n2,3\n")
    ids["predictions.csv"] = own.save_file(table, kind="table", name="predictions.csv").artifact_id
    photo = to.folder / "errors.png"
    photo.write_bytes(picture("PNG"))
    ids["errors.png"] = own.save_file(photo, kind="plot", name="errors.png").artifact_id
    return ids
