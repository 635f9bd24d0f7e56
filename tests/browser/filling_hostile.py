"""The payloads, wherever somebody may log a text."""

from __future__ import annotations

import base64
import csv
import io
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.api.process import KEY, Serving
from tests.browser.filling import Filler, filler, until
from tests.browser.payloads import ALL, FORMULAS, HTML, MARKDOWN, MARKUP, NAMES_OF_OBJECTS, SVG

_PARAMS_AT_ONCE: Final = 100


@dataclass(frozen=True)
class Hostile:
    experiment: str
    runs: list[str]
    """The first has files, notes, params, tags, metrics and a child; all have a payload as name."""
    plain: str
    """A run without the metrics and params that every object of JavaScript seems to have."""
    files: list[str]
    """Paths in the first run."""
    variants: str
    """The slug of an A/B experiment."""
    experiments: list[str]
    artifacts: list[str]
    """Names of those that are named, in the experiment."""
    indexed: list[str]
    """Ids."""
    key: str


def fill(server: Serving) -> Hostile:
    with (
        tempfile.TemporaryDirectory() as folder,
        filler(server, Path(folder)) as tb,
        server.client() as http,
    ):
        return _hostile(Filler(tb, http, Path(folder)))


def _hostile(to: Filler) -> Hostile:
    tb = to.tb
    tags = {one: one for one in ALL}
    goals: dict[str, Any] = dict.fromkeys((*MARKUP, *NAMES_OF_OBJECTS), "max")
    made = [
        tb.experiments.create(
            one,
            description=MARKDOWN[:1000],
            tags=tags,
            slug=f"hostile-{number}",
            metric_goals=goals,
        )
        for number, one in enumerate(ALL)
    ]
    experiment = made[0].id
    runs = [_run(to, experiment, name, ALL) for name in (MARKUP[1], *FORMULAS, MARKUP[2])]
    lacking = tuple(one for one in ALL if one not in NAMES_OF_OBJECTS)
    plain = _run(to, experiment, "plain", lacking)
    child = tb.runs.create(experiment, name=MARKUP[4], parent_run_id=runs[0]).run_id
    contents = _files()
    run = tb.attach(runs[0])
    to.upload(run, contents)
    names = _named(to, experiment)
    variants = _variants(to)
    indexed = _indexed(to, runs[0], experiment)
    return Hostile(
        made[0].slug, [*runs, child], plain, list(contents), variants,
        [one.slug for one in made], names, indexed, KEY,
    )  # fmt: skip


def _run(to: Filler, experiment: str, name: str, keys: Sequence[str]) -> str:
    run = to.tb.runs.create(
        experiment, name=name, description=MARKDOWN, tags={one: one for one in ALL}
    ).run_id
    path = f"/api/v1/experiments/runs/{run}"
    for some in _parts(keys):
        to.post(
            f"{path}/log-batch",
            {
                "params": [{"key": one, "value": one} for one in some],
                "metrics": [
                    {
                        "key": one,
                        "value": 1 / (step + 1),
                        "step": step,
                        "timestamp": 1_750_000_000_000,
                    }
                    for one in some
                    for step in range(3)
                ],
            },
        )
    return run


def _parts(texts: Sequence[str]) -> list[Sequence[str]]:
    return [texts[at : at + _PARAMS_AT_ONCE] for at in range(0, len(texts), _PARAMS_AT_ONCE)]


def _files() -> dict[str, bytes]:
    rows = io.StringIO()
    csv.writer(rows).writerows([list(ALL[:8]), *([one] * 8 for one in ALL)])
    named = {f"names/{number} {_as_name(one)}.txt": one.encode() for number, one in enumerate(ALL)}
    return {
        "page.html": HTML.encode(),
        "picture.svg": SVG.encode(),
        "table.csv": rows.getvalue().encode(),
        "data.json": json.dumps({one: [one] for one in ALL}).encode(),
        "notes.md": MARKDOWN.encode(),
        "script.js": b"window.hacked = 1; alert(1)",
        "text.txt": HTML.encode(),
        "picture.png": HTML.encode(),
        "sound.mp3": HTML.encode(),
        **named,
    }


def _as_name(text: str) -> str:
    """A path has no folders, control characters or backslashes here."""
    return "".join(one if one not in "/\\" else "_" for one in text)[:80].strip(" .")


def _named(to: Filler, experiment: str) -> list[str]:
    path = f"/api/v1/experiments/{experiment}/artifacts"
    for one in ALL:
        to.post(path, {"name": one, "kind": "text", "value": one})
    nested = {one: [one, {one: one}] for one in ALL}
    values: list[tuple[str, str, Any]] = [
        ("a dict", "dict", nested),
        ("a list", "list", list(ALL)),
        ("a text", "text", MARKDOWN),
        ("a page", "file", _data_url("text/html", HTML)),
        ("a picture", "file", _data_url("image/svg+xml", SVG)),
        ("a script", "file", _data_url("application/javascript", "window.hacked=1")),
    ]
    for name, kind, value in values:
        to.post(path, {"name": name, "kind": kind, "value": value})
    return [*ALL, *(name for name, _, _ in values)]


def _data_url(mime: str, text: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(text.encode()).decode()}"


def _variants(to: Filler) -> str:
    keys = MARKUP[:4]
    made = to.tb.experiments.create(
        f"A/B {MARKUP[0]}",
        slug="hostile-test",
        variants=[{"key": key, "weight": 25, "name": key, "payload": {key: key}} for key in keys],
        metric_goals=dict.fromkeys(keys, "max"),
        dimensions=["place", *MARKUP[:2]],
        status="active",
    )
    logs = [
        {
            "variantKey": keys[number % 4],
            "unitId": f"{ALL[number % len(ALL)]} {number}",
            "input": {one: one for one in ALL},
            "output": {"html": HTML},
            "metrics": dict.fromkeys((*keys, *NAMES_OF_OBJECTS), number % 5),
            "context": {"place": MARKUP[number % 3], MARKUP[0]: MARKUP[1]},
        }
        for number in range(80)
    ]
    answer = to.post(f"/experiment/{made.slug}/log/batch", {"logs": logs})
    assert all(one["success"] for one in answer["results"]), answer["results"][0]

    def counted() -> bool:
        found = to.http.get(f"/experiment/{made.slug}/results").json()
        return sum(one["logs"] for one in found["exposures"].values()) == len(logs)

    until(counted)
    return made.slug


def _indexed(to: Filler, run: str, experiment: str) -> list[str]:
    own = to.tb.context(run_id=run, experiment_id=experiment).artifacts()
    return [
        own.save_text(
            f"hostile words {one}", name=one[:200], kind=MARKUP[0][:90], tags=[one],
            labels={one: one}, metrics={one: 1.0}, description=MARKDOWN[:1000],
        ).artifact_id
        for one in ALL
    ]  # fmt: skip
