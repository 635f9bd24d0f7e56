"""Prompts: what people ask of an assistant again and again, with what it needs to begin."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from chalicelib.api.mcp.protocol import invalid_params
from chalicelib.api.mcp.tool import json_text
from chalicelib.api.mcp.tools import BY_NAME
from chalicelib.core.context import Context
from chalicelib.core.errors import Invalid, NotFound
from chalicelib.wiring import Services

MAX_TEXT: Final = 200_000
"""Characters of what was found that come along."""


@dataclass(frozen=True, slots=True)
class Argument:
    name: str
    description: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What a tool answered, called with these arguments: it comes along with the prompt."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Prompt:
    """`begin` names the calls to begin with, `ask` is what is asked about their answers."""

    name: str
    title: str
    description: str
    arguments: tuple[Argument, ...]
    begin: Callable[[Mapping[str, str]], list[Found]]
    ask: Callable[[Mapping[str, str]], str]

    @property
    def described(self) -> dict[str, Any]:
        """As `prompts/list` shows it."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "arguments": [
                {"name": one.name, "description": one.description, "required": one.required}
                for one in self.arguments
            ],
        }


def given(
    context: Context, services: Services, prefix: str, name: object, arguments: object
) -> dict[str, Any]:
    """A prompt with its arguments filled in. As many requests as the tools that it begins with.
    Raises ProtocolError for an unknown name, for arguments that are missing or unknown, and when
    what they name is not there."""
    prompt = next((one for one in PROMPTS if one.name == name), None)
    if prompt is None:
        raise invalid_params(f"there is no prompt {str(name)[:100]}")
    filled = _filled(prompt, arguments)
    messages = [_said(prompt.ask(filled))]
    for call in prompt.begin(filled):
        tool = BY_NAME[call.tool]
        try:
            found = tool.called(context, services, prefix, call.arguments)
        except (NotFound, Invalid) as error:
            raise invalid_params(error.in_words()) from None
        shown = json_text(found.payload)
        text = shown[:MAX_TEXT]
        cut = "" if len(text) == len(shown) else f" (the first {MAX_TEXT} characters)"
        asked = json_text(dict(call.arguments))
        messages.append(_said(f"{call.tool} with {asked} answered{cut}:\n{text}"))
    return {"description": prompt.description, "messages": messages}


def _filled(prompt: Prompt, arguments: object) -> dict[str, str]:
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        raise invalid_params("arguments must be an object")
    filled: dict[str, str] = {}
    known = {one.name for one in prompt.arguments}
    for name, value in cast("dict[str, object]", arguments).items():
        if name not in known:
            raise invalid_params(f"{prompt.name} takes no argument {name[:100]}")
        if not isinstance(value, str):
            raise invalid_params(f"{name} must be a text")
        if value.strip():
            filled[name] = value.strip()
    for one in prompt.arguments:
        if one.required and one.name not in filled:
            raise invalid_params(f"{prompt.name} needs the argument {one.name}")
    return filled


def _said(text: str) -> dict[str, Any]:
    return {"role": "user", "content": {"type": "text", "text": text}}


def _ids(text: str) -> list[str]:
    return [one for one in re.split(r"[\s,]+", text) if one]


def _metrics(filled: Mapping[str, str]) -> dict[str, Any]:
    names = [one.strip() for one in filled.get("metrics", "").split(",")]
    return {"metrics": [one for one in names if one]} if any(names) else {}


def _compared(filled: Mapping[str, str]) -> list[Found]:
    return [Found("compare_runs", {"run_ids": _ids(filled["run_ids"]), **_metrics(filled)})]


def _regressed(filled: Mapping[str, str]) -> list[Found]:
    ids = [filled["baseline_run_id"], filled["run_id"]]
    calls = [Found("compare_runs", {"run_ids": ids})]
    metric = filled.get("metric")
    if metric is not None:
        calls += [Found("get_metric_history", {"run_id": one, "key": metric}) for one in ids]
    return calls


def _read(filled: Mapping[str, str]) -> list[Found]:
    return [Found("get_experiment_results", dict(filled))]


PROMPTS: Final = (
    Prompt(
        "compare_runs",
        "Compare runs",
        "Say which of some runs is best, and what made the difference.",
        (
            Argument("run_ids", "2 to 10 ids of runs, with commas or spaces between.", True),
            Argument("metrics", "The metrics that matter, with commas between; all when empty."),
        ),
        _compared,
        lambda filled: (
            "Compare these runs of ours. Say first, in one sentence, which of them is best and by"
            " which metrics; a run that wins most metrics need not be the one to take when they"
            " trade off. Then a table of the metrics with the best of each marked, then the params"
            " in which the runs differ, and which of the differences may explain the result. Tell"
            " what the runs cannot show: one run each says nothing about chance. Where the goal of"
            " a metric was taken from its name (`goal_source`), say so. If the course of a metric"
            " matters, look at it with get_metric_history.\n\n"
            f"Runs: {', '.join(_ids(filled['run_ids']))}"
        ),
    ),
    Prompt(
        "explain_regression",
        "Explain a regression",
        "Find out why a run is worse than an earlier one.",
        (
            Argument("run_id", "The id of the run that is worse.", True),
            Argument("baseline_run_id", "The id of the run that was good.", True),
            Argument("metric", "The metric that got worse; looked for when empty."),
        ),
        _regressed,
        lambda filled: (
            f"Run {filled['run_id']} is worse than run {filled['baseline_run_id']}"
            + (f" in {filled['metric']}" if "metric" in filled else "")
            + ". Find out why. Go by evidence: the metrics that got worse and by how much; the"
            " params, tags, versions and times in which the runs differ; and where the courses of"
            " their metrics part (get_metric_history), at the start, slowly, or at one step. Look"
            " at other runs of the experiment that share a suspected difference (search_runs)"
            " before blaming it. Give the likeliest cause first with what speaks for and against"
            " it, then what else may be, then the one experiment that would decide between them."
            " Where the data do not tell, say so."
        ),
    ),
    Prompt(
        "read_ab_test",
        "Read an A/B test",
        "Say what may be concluded from an A/B test so far.",
        (
            Argument("experiment_id", "The id or slug of the experiment.", True),
            Argument("metric", "The metric that decides; all when empty."),
            Argument("baseline", "The variant to compare with; the first when empty."),
        ),
        _read,
        lambda filled: (
            f"Read the results of our A/B test {filled['experiment_id']} and say what may be"
            " concluded, for people who know no statistics. Look first whether the results can be"
            " trusted: a mismatch in `srm` and every warning come before any number. While the test"
            " runs go by the always-valid intervals alone, and by the adjusted p-values where there"
            " are several metrics. For each variant and metric: the difference from the baseline"
            " with its interval, in the metric's own unit and relative; whether it is an"
            " improvement, a harm, or not known yet. Not known is not the same as no difference."
            " Then the guardrails. End with one recommendation: ship, stop, or go on, and for how"
            " long at the present pace."
        ),
    ),
)
