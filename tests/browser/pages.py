"""Every page, by what it shows: for what must hold on all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import quote

from tests.browser.filling import Story
from tests.browser.filling_variants import Trials


class Shown(NamedTuple):
    address: str
    """A format of the story `s`, the trials `t`, `some` ids of runs, and long names."""
    words: str
    """Seen when the page is there."""


PAGES: Final[Mapping[str, Shown]] = {
    "experiments": Shown("#/experiments", "Digits classifier"),
    "archived experiments": Shown("#/experiments?stage=deleted", "An idea of last"),
    "runs": Shown("#/experiments/{s.experiment}", "digits-39"),
    "runs in groups": Shown("#/experiments/{s.experiment}?group=params.optimizer", "rmsprop"),
    "selected runs": Shown("#/experiments/{s.experiment}?selected={some}", "3 selected"),
    "a wrong filter": Shown(
        "#/experiments/{s.experiment}?filter=metrics.loss%20%3C", "metrics.loss <"
    ),
    "no runs": Shown("#/experiments/{s.nothing}", "No runs yet"),
    "charts": Shown("#/experiments/{s.experiment}/charts", "val/accuracy"),
    "charts of nothing": Shown("#/experiments/{s.nothing}/charts", "No metrics yet"),
    "values": Shown("#/experiments/{s.experiment}/artifacts", "best accuracy"),
    "open values": Shown(
        "#/experiments/{s.experiment}/artifacts?open=calibration&open=sample", "60 points"
    ),
    "about an experiment": Shown("#/experiments/{s.experiment}/about", "Log a run"),
    "about a test": Shown("#/experiments/{t.checkout}/about", "Planned units"),
    "run": Shown("#/runs/{s.digits[0]}", "optimizer"),
    "failed run": Shown("#/runs/{s.failed}", "out-of-memory"),
    "archived run": Shown("#/runs/{s.archived_run}", "a-mistake"),
    "parent run": Shown("#/runs/{s.parent}", "Runs within"),
    "bare run": Shown("#/runs/{s.bare}", "None. In Python"),
    "charts of a run": Shown("#/runs/{s.odd}/charts", "only nan"),
    "picture": Shown(
        f"#/runs/{{s.with_files}}/files?file={quote('plots/confusion matrix.png')}", "image/png"
    ),
    "table": Shown("#/runs/{s.with_files}/files?file=tables/history.csv", "The first 200 rows"),
    "markdown": Shown("#/runs/{s.with_files}/files?file=notes.md", "overfits"),
    "no files": Shown("#/runs/{s.bare}/files", "No files yet"),
    "notes": Shown("#/runs/{s.digits[0]}/notes", "Why the second layer stays"),
    "no notes": Shown("#/runs/{s.bare}/notes", "No notes yet"),
    "compare": Shown("#/compare?runs={some}", "digits-02"),
    "compare all": Shown("#/compare?experiment={s.experiment}", "Parallel coordinates"),
    "nothing to compare": Shown("#/compare", "Choose two runs or more"),
    "artifacts": Shown("#/artifacts", "cats.txt"),
    "artifact": Shown("#/artifacts/{s.artifacts[predictions.csv]}", "predictions.csv"),
    "search": Shown("#/artifacts?query=cats", "cats.txt"),
    "results": Shown("#/experiments/{t.checkout}/results", "Large button"),
    "results over time": Shown(
        "#/experiments/{t.checkout}/results?over=1&dimension=country", "By country"
    ),
    "a broken split": Shown("#/experiments/{t.mismatch}/results", "Nothing can be concluded"),
    "a draft": Shown("#/experiments/{t.draft}/results", "Nothing is logged yet"),
    "long names": Shown("#/runs/{s.long_names}", "nnnn"),
    "charts of long names": Shown("#/runs/{s.long_names}/charts", "mmmm"),
    "notes of long names": Shown("#/runs/{s.long_names}/notes", "dddd"),
    "file of a long name": Shown("#/runs/{s.long_names}/files?file={f}.csv", "1 row"),
    "runs of long names": Shown("#/experiments/{n}", "rrrr"),
    "charts of a long name": Shown("#/experiments/{n}/charts", "mmmm"),
    "about a long name": Shown("#/experiments/{n}/about", "Log a run"),
    "compare long names": Shown("#/compare?runs={s.long_names},{s.digits[0]}", "pppp"),
    "compare all long names": Shown("#/compare?experiment={n}", "Scatter"),
    "unknown run": Shown("#/runs/ffffffffffffffffffffffffffffffff", "Try again"),
    "no such page": Shown("#/nowhere", "There is no such page"),
}
EXPECTED_ERRORS: Final = {"a wrong filter": r"status of 400", "unknown run": r"status of 404"}


def address(template: str, story: Story, trials: Trials) -> str:
    some = ",".join(story.digits[:3])
    return template.format(s=story, t=trials, some=some, n="n" * 63, f="f" * 200)
