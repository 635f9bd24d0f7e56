"""What names of models, of their aliases and stages may be."""

from __future__ import annotations

import re
from typing import Final

import orjson

from chalicelib.core.errors import Invalid
from chalicelib.core.model.registry import VersionStage

MAX_NAME: Final = 256
MAX_ALIAS: Final = 255
LATEST: Final = "latest"
"""The alias that every model has."""
STAGES: Final[tuple[VersionStage, ...]] = ("None", "Staging", "Production", "Archived")
_ALIAS = re.compile(r"[\w-]+")
_LIKE_A_VERSION = re.compile(r"[vV]\d+")
_NOT_IN_LOGGED = re.compile(r"[/:.%\"']")


def check_registered(name: str) -> None:
    """Raises Invalid for what no registered model may be called."""
    if not name.strip():
        raise Invalid("Missing value for required parameter 'name'.")
    if "/" in name or ":" in name:
        raise Invalid(f"Invalid model name '{name[:MAX_NAME]}'. Names cannot contain '/' or ':'.")
    if len(name) > MAX_NAME:
        raise Invalid(f"'name' exceeds the maximum length of {MAX_NAME} characters")
    if name == "." or name.startswith(".."):
        raise Invalid(
            f"Invalid value {orjson.dumps(name).decode()} for parameter 'name' supplied: Names may "
            "be treated as files in certain cases, and must not resolve to other names when treated"
            f" as such. This name would resolve to {name!r}"
        )


def check_logged(name: str) -> None:
    """Raises Invalid for what no logged model may be called."""
    if _NOT_IN_LOGGED.search(name):
        raise Invalid(
            f"Invalid model name ({name[:MAX_NAME]!r}) provided. Model name must be a non-empty "
            "string and cannot contain the following characters: ('/', ':', '.', '%', '\"', \"'\")"
        )


def check_alias(alias: str) -> None:
    """Raises Invalid for what no alias may be called."""
    if not alias:
        raise Invalid("Registered model alias name cannot be empty.")
    if _ALIAS.fullmatch(alias) is None:
        raise Invalid(
            f"Invalid alias name: '{alias[:MAX_ALIAS]}'. Names may only contain alphanumerics, "
            "underscores (_), and dashes (-)."
        )
    if len(alias) > MAX_ALIAS:
        raise Invalid(
            f"'Registered model alias name' exceeds the maximum length of {MAX_ALIAS} characters"
        )


def check_new_alias(alias: str) -> None:
    """As `check_alias`; besides, some are reserved."""
    check_alias(alias)
    if alias.lower() == LATEST:
        raise Invalid("'latest' alias name (case insensitive) is reserved.")
    if _LIKE_A_VERSION.fullmatch(alias) is not None:
        raise Invalid(f"Version alias name '{alias}' is reserved.")


def stage_of(text: str) -> VersionStage:
    """The stage of a spelling in either case. Raises Invalid."""
    stage = text.lower().capitalize()
    if stage not in STAGES:
        raise Invalid(
            f"Invalid Model Version stage: {text[:100]}. Value must be one of {', '.join(STAGES)}."
        )
    return stage
